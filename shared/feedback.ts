/**
 * What a tenant's feedback says of its workers, beyond what the weights foresaw: a correction of quality (0 to 1) for
 * each worker, and for each of its task types. Small, and bounded for each key that gave feedback.
 */

/** Scores of one worker's answers to prompts of one type, given by one key on one day. */
export type ScoreGroup = {
  readonly worker: string;
  /** Name of the task type; null where the prompt was far from every recorded one. */
  readonly type: string | null;
  readonly key: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  /** Version of the weights that foresaw the quality. */
  readonly weights: string;
  readonly count: number;
  /** Sum of the residuals. */
  readonly sum: number;
};

/** Corrections of quality. A type's stands in addition to the worker's own. */
export type WorkerBias = { readonly all: number; readonly types: Readonly<Record<string, number>> };

export type TenantBias = {
  /** Version of the weights whose errors these are. */
  readonly weights: string;
  /** `YYYY-MM-DD`, UTC: when they were found. */
  readonly day: string;
  readonly workers: Readonly<Record<string, WorkerBias>>;
};

/** No correction is larger, whoever agrees on it. */
export const maxBias = 0.1;
/** What all scores of one key, and those that it gave on one day, can move a correction by at most. */
export const maxBiasOfKey = 0.05;
export const maxBiasOfKeyPerDay = 0.02;

/** The worker's own correction may take up this part of each of the bounds, its type's the rest. */
const ownPart = 0.6;

/**
 * So many scores weigh as much as the expectation that there is nothing to correct: scores of single answers scatter by
 * about 0.45 around what was foreseen, tenants differ from the recordings by about 0.06.
 */
const priorScores = 50;

/** Scores lose half of their weight in so many days, and three quarters when the weights are trained anew. */
const halfLifeDays = 30;
const otherTraining = 0.25;

/** So many scores of other workers weigh as much as the expectation that a key scores as graders do. */
const priorLevelScores = 10;

/** Smaller corrections decide nothing and are not passed on. */
const leastBias = 0.0005;

/**
 * How much better (or worse) an answer was than foreseen: a worker does not pay for being given the hard prompts. Less
 * what the same key has found for other workers, so that it does not pay for a strict reader either.
 */
export const residualOf = (
  { score, quality }: { readonly score: number; readonly quality: number },
  others: { readonly count: number; readonly sum: number },
): number => score - quality - others.sum / (others.count + priorLevelScores);

/** Weights of one training have versions that begin with its day. */
export const isSameTraining = (a: string, b: string): boolean => a.slice(0, 10) === b.slice(0, 10);

/** How much a correction counts where these weights decide. */
export const trustIn = (biasWeights: string, weights: string): number =>
  isSameTraining(biasWeights, weights) ? 1 : otherTraining;

/**
 * The corrections: for each worker the b at which what pulls it from 0 balances what its scores say against it,
 *
 *   prior · b = Σ over keys of clip( Σ over days of clip( n · (mean residual − b) ) ),
 *
 * the posterior mean of a normal model as long as no key reaches its bound. One key more or less moves b by no more than
 * its bound over the prior, because the left side rises with b and the right side falls. A type's correction is found in
 * the same way around the worker's own.
 */
export const estimateBias = (
  groups: readonly ScoreGroup[],
  now: { readonly day: string; readonly weights: string },
): TenantBias => {
  const left = new Map([...new Set(groups.map(({ day }) => day))].map((day) => [day, fade(day, now.day)]));
  const weighted = groups.map((group) =>
    weigh(group, (left.get(group.day) ?? 1) * trustIn(group.weights, now.weights)),
  );
  const workers = [...groupBy(weighted, ({ worker }) => worker)].map(
    ([worker, own]) => [worker, biasOfWorker(own)] as const,
  );
  return { ...now, workers: Object.fromEntries(workers.filter(([, bias]) => isWorthPassing(bias))) };
};

type Weighted = Pick<ScoreGroup, "worker" | "type" | "key" | "day" | "count" | "sum">;

const weigh = ({ worker, type, key, day, count, sum }: ScoreGroup, weight: number): Weighted => ({
  worker,
  type,
  key,
  day,
  count: weight * count,
  sum: weight * sum,
});

/** What is left by `to` of what weighed 1 on the day `from`. */
const fade = (from: string, to: string): number =>
  0.5 ** (Math.max(0, (Date.parse(to) - Date.parse(from)) / 86_400_000) / halfLifeDays);

/** The corrections as they count on a later day, without any feedback since. */
export const fadeBias = (bias: TenantBias, day: string): TenantBias => {
  const left = fade(bias.day, day);
  if (left === 1) return bias;
  const scale = (value: number) => round(left * value);
  const workers = Object.entries(bias.workers).map(([worker, { all, types }]) => {
    const scaled = Object.entries(types).map(([type, value]) => [type, scale(value)] as const);
    return [worker, { all: scale(all), types: Object.fromEntries(scaled) }] as const;
  });
  return { ...bias, day, workers: Object.fromEntries(workers) };
};

const biasOfWorker = (own: readonly Weighted[]): WorkerBias => {
  const all = balance(own, 0, ownPart);
  const types = [...groupBy(own, ({ type }) => type)].flatMap(([type, typed]) =>
    type === null ? [] : [[type, bound(balance(typed, all, 1 - ownPart)) - bound(all)] as const],
  );
  return {
    all: round(bound(all)),
    types: Object.fromEntries(types.map(([type, value]) => [type, round(value)] as const).filter(isWorthNaming)),
  };
};

const isWorthNaming = ([, value]: readonly [string, number]): boolean => Math.abs(value) >= leastBias;

const isWorthPassing = ({ all, types }: WorkerBias): boolean =>
  Math.abs(all) >= leastBias || Object.keys(types).length > 0;

/** Far finer than what is passed on. */
const bisections = 24;
/** Residuals lie within [-2, 2]. */
const widest = 2;

/** Where the prior around `center` and the clipped pulls of the keys are in balance. `part`: of the bounds. */
const balance = (groups: readonly Weighted[], center: number, part: number): number => {
  const keys = [...groupBy(groups, ({ key }) => key).values()].map((ofKey) =>
    [...groupBy(ofKey, ({ day }) => day).values()].map(sumUp),
  );
  const [mostOfKey, mostOfDay] = [part * maxBiasOfKey * priorScores, part * maxBiasOfKeyPerDay * priorScores];
  const pullAt = (bias: number) =>
    keys.reduce((total, days) => {
      const pull = days.reduce((ofKey, day) => ofKey + clip(day.sum - day.count * bias, mostOfDay), 0);
      return total + clip(pull, mostOfKey);
    }, 0);
  let [low, high] = [center - widest, center + widest];
  for (let step = 0; step < bisections; step++) {
    const middle = (low + high) / 2;
    if (priorScores * (middle - center) < pullAt(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};

const sumUp = (groups: readonly Weighted[]) =>
  groups.reduce((total, { count, sum }) => ({ count: total.count + count, sum: total.sum + sum }), {
    count: 0,
    sum: 0,
  });

const clip = (value: number, most: number): number => Math.min(most, Math.max(-most, value));

const bound = (bias: number): number => clip(bias, maxBias);

const round = (bias: number): number => Math.round(bias * 10_000) / 10_000;

const groupBy = <Value, Key>(
  values: readonly Value[],
  keyOf: (value: Value) => Key,
): ReadonlyMap<Key, readonly Value[]> => {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
};
