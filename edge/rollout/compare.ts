import type { RolloutBounds } from "../objects/tenant/policy.ts";
import type { Arm, Figures, Measure, Sums } from "./figures.ts";

/**
 * How sure a statement about two arms is. All intervals here hold at every moment at once: they may be looked at after
 * every request, and acted on, without being wrong more often than they say.
 */
export type Interval = {
  readonly estimate: number;
  readonly low: number;
  /** Null where no bound can be given. */
  readonly high: number | null;
};

/** Share of canaries that may be judged wrongly, and of intervals in a report that may be wrong. */
const doubt = 0.05;

/** Below so many conversations what they have in common cannot be told from what they have not. */
export const leastConversations = 20;

/** At so many conversations the intervals are as narrow as they can be. */
const tunedFor = 100;

/** The mean per request with its interval; null while there are too few conversations. */
export const meanOf = (measure: Measure, sums: Sums, alpha: number): Interval | null => {
  if (sums.c < 2) return null;
  return measure === "error" ? shareOf(sums, alpha) : averageOf(sums, alpha);
};

/**
 * An asymptotic confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
 * asymptotic confidence sequences" (arXiv 2103.06476), with its Gaussian mixture, over conversations; of a ratio of sums by the delta
 * method.
 */
const averageOf = ({ c, n, x, nn, nx, xx }: Sums, alpha: number): Interval => {
  const estimate = x / n;
  const spread = Math.max(0, xx - 2 * estimate * nx + estimate ** 2 * nn);
  const variance = ((c / (c - 1)) * spread) / n ** 2;
  const rho = (-2 * Math.log(alpha) + Math.log(-2 * Math.log(alpha) + 1)) / tunedFor;
  const grown = c * rho + 1;
  const half = Math.sqrt(variance * ((2 * grown) / (c * rho)) * Math.log(Math.sqrt(grown) / alpha));
  return { estimate, low: estimate - half, high: estimate + half };
};

/**
 * An exact confidence sequence of a share: the values that a betting martingale (mixed over Beta(½, ½)) has not refuted,
 * by Ville's inequality; valid from the first request on, and where none has failed.
 */
const shareOf = ({ n, x }: Sums, alpha: number): Interval => {
  const estimate = x / n;
  const mixed = logBeta(x + 0.5, n - x + 0.5) - logBeta(0.5, 0.5);
  const refuted = (p: number) => mixed - xlogy(x, p) - xlogy(n - x, 1 - p) > -Math.log(alpha);
  return { estimate, low: edgeOf(refuted, 0, estimate), high: edgeOf(refuted, 1, estimate) };
};

const xlogy = (x: number, y: number): number => (x === 0 ? 0 : x * Math.log(y));

/** Where, from `outer` to `inner`, a value is refuted no more. */
const edgeOf = (refuted: (value: number) => boolean, outer: number, inner: number): number => {
  if (!refuted(outer)) return outer;
  let [far, near] = [outer, inner];
  for (let step = 0; step < 50; step += 1) {
    const middle = (far + near) / 2;
    if (refuted(middle)) far = middle;
    else near = middle;
  }
  return far;
};

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** Stirling's series, above 7 exact to ten digits. */
const logGamma = (z: number): number => {
  if (z < 7) return logGamma(z + 1) - Math.log(z);
  return (
    (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * z) - 1 / (360 * z ** 3) + 1 / (1260 * z ** 5)
  );
};

export type ArmFigures = Readonly<Record<Arm, Figures>>;

/** The learned arm's mean less the baseline's. */
export const differenceOf = (measure: Measure, { baseline, shoal }: ArmFigures, alpha = doubt): Interval | null => {
  const [from, to] = [
    meanOf(measure, baseline.sums[measure], alpha / 2),
    meanOf(measure, shoal.sums[measure], alpha / 2),
  ];
  if (!from || !to) return null;
  return {
    estimate: to.estimate - from.estimate,
    low: to.low - (from.high ?? Infinity),
    high: to.high === null ? null : to.high - from.low,
  };
};

/** The learned arm's mean over the baseline's. */
export const ratioOf = (measure: Measure, { baseline, shoal }: ArmFigures, alpha = doubt): Interval | null => {
  const [from, to] = [
    meanOf(measure, baseline.sums[measure], alpha / 2),
    meanOf(measure, shoal.sums[measure], alpha / 2),
  ];
  if (!from || !to || from.estimate <= 0 || from.high === null) return null;
  return {
    estimate: to.estimate / from.estimate,
    low: Math.max(0, to.low) / from.high,
    high: to.high === null || from.low <= 0 ? null : to.high / from.low,
  };
};

/** A bound that is passed, and by what. */
export type Passed = {
  readonly bound: "max_cost_ratio" | "max_error_rate_delta" | "max_latency_ratio";
  readonly limit: number;
  readonly figure: Interval;
};

/**
 * The first bound that a canary has surely passed; null while it has not, or nothing can be said. Asked after every
 * request: in a canary that keeps within all of its bounds the chance of ever being told otherwise is at most 5 %, shared
 * by the three.
 */
export const judge = (figures: ArmFigures, bounds: RolloutBounds): Passed | null => {
  const { baseline, shoal } = figures;
  if ([baseline, shoal].some((arm) => arm.requests < bounds.min_requests || arm.conversations < leastConversations)) {
    return null;
  }
  const alpha = doubt / 3;
  const asked = [
    ["max_error_rate_delta", differenceOf("error", figures, alpha)],
    ["max_cost_ratio", ratioOf("cost", figures, alpha)],
    ["max_latency_ratio", ratioOf("latency", figures, alpha)],
  ] as const;
  for (const [bound, figure] of asked) {
    const limit = bounds[bound];
    if (figure && figure.low > limit) return { bound, limit, figure };
  }
  return null;
};
