import { differenceOf, judge, leastConversations, ratioOf, type ArmFigures, type Interval } from "./compare.ts";
import { quantile, type Arm, type Counts, type Figures, type Foreseen, type Sums } from "./figures.ts";
import { toDollars } from "../../shared/pricing.ts";
import type { RolloutStage } from "../objects/tenant/rollout-reading.ts";
import type { Stop } from "../objects/tenant/rollout-stages.ts";

/** Intervals of a report hold for 95 % of canaries, whenever and however often it is read. */
const alpha = 0.05;

/** One stage of a key's way, as `GET /v1/rollout` tells it. Money in dollars, times in milliseconds, rates from 0 to 1. */
export const tellStage = (stage: RolloutStage) => ({
  object: "rollout_stage",
  stage: stage.id,
  key_id: stage.keyId,
  key_name: stage.keyName,
  mode: stage.mode,
  baseline: stage.baseline,
  began_at: toDate(stage.beganAt),
  ended_at: stage.endedAt === null ? null : toDate(stage.endedAt),
  decision: decide(stage),
  went_back_at: stage.stop === null ? null : toDate(stage.stop.at),
  bounds: stage.bounds,
  arms: { baseline: tellArm(stage.figures.baseline), shoal: tellArm(stage.figures.shoal) },
  differences: tellDifferences(stage.figures),
  days: stage.days.map(({ day, figures }) => ({
    day,
    arms: { baseline: tellArm(figures.baseline), shoal: tellArm(figures.shoal) },
  })),
});

export type ToldStage = ReturnType<typeof tellStage>;
export type ToldArm = ToldStage["arms"][Arm];

const toDate = (at: number): string => new Date(at).toISOString();

/** What was done, and why. */
const decide = ({ mode, baseline, stop, endedAt, figures, bounds }: RolloutStage): string => {
  if (stop !== null) return `went back to ${baseline ?? "the baseline"} at ${toDate(stop.at)}: ${explain(stop)}`;
  if (endedAt !== null) return "ended by a change of policy";
  if (!mode.startsWith("canary:")) return "keep";
  const passed = judge(figures, bounds);
  if (passed) return `goes back: ${explain(passed)}`;
  const { baseline: from, shoal: to } = figures;
  const [requests, conversations] = [
    Math.min(from.requests, to.requests),
    Math.min(from.conversations, to.conversations),
  ];
  if (requests < bounds.min_requests || conversations < leastConversations) {
    return `keep: judged once each arm has ${bounds.min_requests} requests in ${leastConversations} conversations, so far ${requests} in ${conversations}`;
  }
  return "keep: no bound is surely passed";
};

const names = {
  max_cost_ratio: "the cost of a request, as a multiple of the baseline's,",
  max_error_rate_delta: "the share of failed requests, less the baseline's,",
  max_latency_ratio: "the time of an answer, as a multiple of the baseline's,",
} as const;

const explain = ({ bound, limit, figure }: Omit<Stop, "at">): string =>
  `${names[bound]} is ${writeInterval(figure)}, above ${limit}`;

export const writeInterval = ({ estimate, low, high }: Interval): string =>
  `${round(estimate)} [${round(low)}, ${high === null ? "?" : round(high)}]`;

const round = (value: number): string => String(Number(value.toPrecision(3)));

const tellArm = (figures: Figures) => {
  const { sums, times } = figures;
  return {
    conversations: figures.conversations,
    requests: figures.requests,
    aborted: figures.aborted,
    errors: sums.error.x,
    error_rate: averageOf(sums.error),
    cost_usd: toDollars(sums.cost.x),
    cost_per_request_usd: toDollarsOf(averageOf(sums.cost)),
    other_arm: tellForeseen(figures.foreseen),
    latency_ms: tellTimes(sums.latency, times.latency),
    first_token_ms: tellTimes(sums.first_token, times.first_token),
    feedback: { scored: sums.score.n, mean: averageOf(sums.score) },
    workers: figures.workers,
  };
};

const averageOf = ({ n, x }: Sums): number | null => (n === 0 ? null : x / n);

const toDollarsOf = (amount: number | null): number | null => (amount === null ? null : toDollars(amount));

const tellTimes = (sums: Sums, times: Counts) => ({
  mean: averageOf(sums),
  p50: quantile(times, 0.5),
  p95: quantile(times, 0.95),
});

/** What the other arm would have cost by prediction, and beside it what these requests did cost. */
const tellForeseen = ({ requests, cost, other, otherMost, workers }: Foreseen) => ({
  requests,
  cost_usd: toDollars(cost),
  foreseen_usd: toDollars(other),
  foreseen_max_usd: toDollars(otherMost),
  workers,
});

/** Shoal's mean less the baseline's, and where that says more, as its multiple; null where too little is known. */
const tellDifferences = (figures: ArmFigures) => ({
  cost_usd: scale(differenceOf("cost", figures, alpha), toDollars),
  cost_ratio: ratioOf("cost", figures, alpha),
  error_rate: differenceOf("error", figures, alpha),
  latency_ms: differenceOf("latency", figures, alpha),
  latency_ratio: ratioOf("latency", figures, alpha),
  first_token_ms: differenceOf("first_token", figures, alpha),
  feedback: differenceOf("score", figures, alpha),
});

const scale = (interval: Interval | null, by: (value: number) => number): Interval | null =>
  interval && {
    estimate: by(interval.estimate),
    low: by(interval.low),
    high: interval.high === null ? null : by(interval.high),
  };
