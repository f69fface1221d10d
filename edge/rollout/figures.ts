import type { MicroDollars } from "../../shared/pricing.ts";

/** Who serves: the tenant's own choice from before, or the team that the conductor makes up. */
export const arms = ["baseline", "shoal"] as const;
export type Arm = (typeof arms)[number];

/**
 * What is compared: micro-dollars of a request, whether it failed (0 or 1), milliseconds of a whole answer and to its
 * first token, and its feedback's score.
 */
export const measures = ["cost", "error", "latency", "first_token", "score"] as const;
export type Measure = (typeof measures)[number];
export type Values = Readonly<Partial<Record<Measure, number>>>;

/**
 * A measure over conversations: `c` that have it, `n` their requests and `x` the sum over these; `nn`, `nx` and `xx` sum
 * the squares and products of each conversation's own n and x. They tell how much conversations differ: requests of one
 * are alike, so they are no evidence of their own.
 */
export type Sums = {
  readonly c: number;
  readonly n: number;
  readonly x: number;
  readonly nn: number;
  readonly nx: number;
  readonly xx: number;
};

/** How often, by name or by bucket. */
export type Counts = Readonly<Record<string, number>>;

/** What the other arm would have cost, for the requests that were answered whole and for which it was foreseen. Micro-dollars. */
export type Foreseen = {
  readonly requests: number;
  /** What they cost as they were served. */
  readonly cost: MicroDollars;
  /** Of the calls that the other arm is sure to make, and of all that it may make. */
  readonly other: MicroDollars;
  readonly otherMost: MicroDollars;
  /** Who would have answered. */
  readonly workers: Counts;
};

/** One arm's sums: those of two days, or of two stages, add up. */
export type Figures = {
  readonly requests: number;
  readonly conversations: number;
  /** Clients that left before the end: neither failed nor timed. */
  readonly aborted: number;
  readonly sums: Readonly<Record<Measure, Sums>>;
  readonly times: Readonly<Record<"latency" | "first_token", Counts>>;
  /** Who answered. */
  readonly workers: Counts;
  readonly foreseen: Foreseen;
};

/** One conversation's own n and x of each measure, so far. */
export type Conversation = Readonly<Partial<Record<Measure, { readonly n: number; readonly x: number }>>>;

const noSums: Sums = { c: 0, n: 0, x: 0, nn: 0, nx: 0, xx: 0 };

export const noFigures: Figures = {
  requests: 0,
  conversations: 0,
  aborted: 0,
  sums: { cost: noSums, error: noSums, latency: noSums, first_token: noSums, score: noSums },
  times: { latency: {}, first_token: {} },
  workers: {},
  foreseen: { requests: 0, cost: 0, other: 0, otherMost: 0, workers: {} },
};

const count = (counts: Counts, name: string | number): Counts => ({ ...counts, [name]: (counts[name] ?? 0) + 1 });

/** Each bucket reaches a tenth further than the one before. */
const bucketGrowth = Math.log(1.1);
const bucketOf = (ms: number): number => Math.round(Math.log(Math.max(1, ms)) / bucketGrowth);

/** The time below which that share of those counted lies, to within 5 %; null when none is counted. */
export const quantile = (times: Counts, share: number): number | null => {
  const buckets = Object.entries(times)
    .map(([bucket, times_]) => ({ bucket: Number(bucket), times: times_ }))
    .toSorted((a, b) => a.bucket - b.bucket);
  const total = buckets.reduce((sum, { times: n }) => sum + n, 0);
  let seen = 0;
  for (const { bucket, times: n } of buckets) {
    seen += n;
    if (seen >= share * total) return Math.round(Math.exp(bucket * bucketGrowth));
  }
  return null;
};

/** What one request adds. `values` leaves out what was not measured. */
export type Observed = {
  /** Whether the conversation is new to the arm. */
  readonly isFirst: boolean;
  readonly aborted: boolean;
  readonly worker: string | null;
  readonly values: Values;
};

/** The arm's figures with one request more. `conversation`: as it was before. */
export const addRequest = (
  figures: Figures,
  conversation: Conversation,
  { isFirst, aborted, worker, values }: Observed,
): Figures => {
  const { latency, first_token: firstToken } = values;
  return {
    ...addValues(figures, conversation, values),
    requests: figures.requests + 1,
    conversations: figures.conversations + (isFirst ? 1 : 0),
    aborted: figures.aborted + (aborted ? 1 : 0),
    times: {
      latency: latency === undefined ? figures.times.latency : count(figures.times.latency, bucketOf(latency)),
      first_token:
        firstToken === undefined ? figures.times.first_token : count(figures.times.first_token, bucketOf(firstToken)),
    },
    workers: worker === null ? figures.workers : count(figures.workers, worker),
  };
};

/** The conversation with one request more. */
export const growConversation = (conversation: Conversation, values: Values): Conversation => {
  const grown: Partial<Record<Measure, { n: number; x: number }>> = { ...conversation };
  for (const measure of measures) {
    const value = values[measure];
    if (value === undefined) continue;
    const { n, x } = conversation[measure] ?? { n: 0, x: 0 };
    grown[measure] = { n: n + 1, x: x + value };
  }
  return grown;
};

/** A score that takes the place of an earlier one of the same request: `change` is their difference. */
export const changeScore = (figures: Figures, { score }: Conversation, change: number): Figures => {
  const { n, x } = score ?? { n: 0, x: 0 };
  const sums = figures.sums.score;
  const changed = { ...sums, x: sums.x + change, nx: sums.nx + n * change, xx: sums.xx + 2 * x * change + change ** 2 };
  return { ...figures, sums: { ...figures.sums, score: changed } };
};

export const addForeseen = (
  figures: Figures,
  { cost, other, otherMost, worker }: Omit<Foreseen, "requests" | "workers"> & { readonly worker: string },
): Figures => {
  const { foreseen } = figures;
  return {
    ...figures,
    foreseen: {
      requests: foreseen.requests + 1,
      cost: foreseen.cost + cost,
      other: foreseen.other + other,
      otherMost: foreseen.otherMost + otherMost,
      workers: count(foreseen.workers, worker),
    },
  };
};

/** Adds what was measured to the sums. */
export const addValues = (figures: Figures, conversation: Conversation, values: Values): Figures => {
  const sumsOf = (measure: Measure): Sums => {
    const value = values[measure];
    const sums = figures.sums[measure];
    if (value === undefined) return sums;
    const { n, x } = conversation[measure] ?? { n: 0, x: 0 };
    return {
      c: sums.c + (n === 0 ? 1 : 0),
      n: sums.n + 1,
      x: sums.x + value,
      nn: sums.nn + 2 * n + 1,
      nx: sums.nx + (n + 1) * (x + value) - n * x,
      xx: sums.xx + 2 * x * value + value ** 2,
    };
  };
  return { ...figures, sums: ofMeasures(sumsOf) };
};

const ofMeasures = <Value>(make: (measure: Measure) => Value): Readonly<Record<Measure, Value>> => ({
  cost: make("cost"),
  error: make("error"),
  latency: make("latency"),
  first_token: make("first_token"),
  score: make("score"),
});
