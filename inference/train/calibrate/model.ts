/**
 * How a new worker's outcomes are read beside those of known ones. On prompt i of type t it is right with probability
 * σ(bᵢ + δₜ), where σ(bᵢ) is what the known workers did on that very prompt and δₜ how much better than they the new one
 * is at the type: a Rasch model whose items are known. δ = a + eₜ with a ~ N(0, τ²) and eₜ ~ N(0, ω²); τ, ω and how far a
 * few outcomes on one prompt are believed are learnt by leaving each known worker out in turn.
 */
import type { Outcome } from "../recordings/recordings.ts";

/** A recorded prompt of known type. */
export type Labeled = {
  readonly id: string;
  readonly type: number;
  readonly models: Readonly<Record<string, Outcome>>;
};

/** A prompt, and the logit of the known workers' mean quality on it. */
export type Item = {
  readonly id: string;
  readonly type: number;
  readonly logit: number;
  /** Share of what the strengths are averaged over; of a cohort's items, 1 together. */
  readonly weight: number;
};

/** A task type, as far as workers differ in it. */
export type CohortType = {
  /** Types whose shifts share an offset: those of prompts that the same workers were recorded on. */
  readonly group: number;
  /** Standard deviations, in logits: of a worker's offset, and of its deviation at this type. */
  readonly offset: number;
  readonly own: number;
};

/** What known workers did on recorded prompts, as a new one is compared with them. */
export type Cohort = { readonly types: readonly CohortType[]; readonly items: readonly Item[] };

/** A new worker's outcome, and how likely each type of the cohort is for its prompt. */
export type Observation = { readonly types: readonly number[]; readonly logit: number; readonly score: number };

/** The known workers must have been recorded on the same prompts, or most of them. */
export const fitCohort = (prompts: readonly Labeled[], models: readonly string[], types: number): Cohort => {
  const grid = models.length > 1 ? believedGrid : [defaultBelieved];
  const fits = grid.map((believed) => {
    const apart = models.map((model) => leaveOut(prompts, { model, models, types, believed }));
    return { believed, apart, likelihood: sum(apart.map(({ likelihood }) => likelihood)) };
  });
  const best = fits.reduce((a, b) => (b.likelihood > a.likelihood ? b : a));
  const items = itemsOf(prompts, { models, types, believed: best.believed });
  const spread = fitSpread(
    best.apart.map(({ shifts }) => shifts),
    types,
  );
  return { types: spread.types.map((own) => ({ group: 0, offset: spread.offset, own })), items };
};

/** Cohorts of different workers side by side, each of the same weight: none of them tells of the others' offsets. */
export const joinCohorts = (cohorts: readonly Cohort[]): Cohort => {
  const starts = cohorts.map((_, at) => sum(cohorts.slice(0, at).map(({ types }) => types.length)));
  return {
    types: cohorts.flatMap(({ types }, group) => types.map((type) => ({ ...type, group }))),
    items: cohorts.flatMap(({ items }, at) =>
      items.map((item) => ({
        ...item,
        type: item.type + (starts[at] ?? 0),
        weight: item.weight / cohorts.length,
      })),
    ),
  };
};

/** Outcomes on one prompt at which half of their deviation from the type's mean is believed. */
const believedGrid = [0.5, 1, 2, 4, 8];
const defaultBelieved = 2;

/**
 * With five to thirteen known workers the likelihood may well put a spread at nothing, and the next model is of another
 * generation than they are: half a logit of offset, a fifth of a type's, is always thought possible.
 */
const offsetGrid = [0.5, 0.7, 1, 1.4, 2];
const typeGrid = [0.2, 0.3, 0.45, 0.7, 1];

export const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

export const logitOf = (quality: number): number => {
  const inside = Math.min(0.98, Math.max(0.02, quality));
  return Math.log(inside / (1 - inside));
};

type ItemOptions = { readonly models: readonly string[]; readonly types: number; readonly believed: number };

/** Each worker is compared with its own mean on the type, so that prompts that only some were asked are no easier for it. */
const itemsOf = (prompts: readonly Labeled[], { models, types, believed }: ItemOptions): readonly Item[] => {
  const means = new Map(models.map((model) => [model, meansByType(prompts, model, types)]));
  const levels = Array.from({ length: types }, (_, type) =>
    average(models.flatMap((model) => means.get(model)?.[type] ?? [])),
  );
  return prompts.map(({ id, type, models: outcomes }) => {
    const residuals = models.flatMap((model) => {
      const score = scoreOf(outcomes[model]);
      const level = means.get(model)?.[type] ?? null;
      return score === null || level === null ? [] : [score - level];
    });
    const own = sum(residuals) / (residuals.length + believed);
    return { id, type, logit: logitOf((levels[type] ?? 0.5) + own), weight: 1 / prompts.length };
  });
};

export const scoreOf = (outcome: Outcome | undefined): number | null =>
  outcome && !outcome.outage ? outcome.correct : null;

const meansByType = (prompts: readonly Labeled[], model: string, types: number): readonly (number | null)[] => {
  const sums = Array.from({ length: types }, () => ({ score: 0, count: 0 }));
  for (const { type, models } of prompts) {
    const score = scoreOf(models[model]);
    const entry = sums[type];
    if (score === null || !entry) continue;
    entry.score += score;
    entry.count += 1;
  }
  return sums.map(({ score, count }) => (count === 0 ? null : score / count));
};

type Shift = { readonly type: number; readonly mean: number; readonly variance: number };
type LeaveOut = ItemOptions & { readonly model: string };

/** What one known worker would have been placed at by the others, type by type, and how well that explains it. */
const leaveOut = (prompts: readonly Labeled[], { model, models, types, believed }: LeaveOut) => {
  const seen = prompts.filter((prompt) => scoreOf(prompt.models[model]) !== null);
  const items = itemsOf(seen, { models: models.filter((name) => name !== model), types, believed });
  const rows = seen.map((prompt, at) => ({
    type: prompt.type,
    logit: items[at]?.logit ?? 0,
    score: scoreOf(prompt.models[model]) ?? 0,
  }));
  const byType = Map.groupBy(rows, ({ type }) => type);
  const shifts = [...byType].map(([type, group]): Shift => ({ type, ...fitShift(group) }));
  const likelihood = sum(
    [...byType.values()].map((group, at) =>
      sum(group.map(({ logit, score }) => logLikelihood(logit + (shifts[at]?.mean ?? 0), score))),
    ),
  );
  return { shifts, likelihood };
};

const logLikelihood = (logit: number, score: number): number =>
  score * Math.log(sigmoid(logit)) + (1 - score) * Math.log(1 - sigmoid(logit));

const rounds = 12;
/** Keeps a type in which everything was right or wrong from a shift without end. */
const weakPrecision = 0.1;

const fitShift = (rows: readonly { readonly logit: number; readonly score: number }[]) => {
  let mean = 0;
  let precision = weakPrecision;
  for (let round = 0; round < rounds; round++) {
    let gradient = -weakPrecision * mean;
    precision = weakPrecision;
    for (const { logit, score } of rows) {
      const right = sigmoid(logit + mean);
      gradient += score - right;
      precision += right * (1 - right);
    }
    mean += Math.max(-1, Math.min(1, gradient / precision));
  }
  return { mean, variance: 1 / precision };
};

type Spread = { readonly offset: number; readonly types: readonly number[] };

const fitSpread = (workers: readonly (readonly Shift[])[], types: number): Spread => {
  const fits = offsetGrid.flatMap((offset) =>
    typeGrid.map((type) => ({
      offset,
      type,
      likelihood: sum(workers.map((shifts) => marginal(shifts, { offset, type }))),
    })),
  );
  const { offset, type } = fits.reduce((a, b) => (b.likelihood > a.likelihood ? b : a));
  const deviations = workers.flatMap((shifts) => deviationsOf(shifts, { offset, type }));
  return {
    offset,
    types: Array.from({ length: types }, (_, at) =>
      spreadOfType(
        deviations.filter((row) => row.type === at),
        type,
      ),
    ),
  };
};

type Even = { readonly offset: number; readonly type: number };

/** What is left of each type's shift when the worker's offset, as far as its shifts tell it, is taken off. */
const deviationsOf = (shifts: readonly Shift[], spread: Even): readonly Shift[] => {
  const precisions = shifts.map(({ variance }) => 1 / (variance + spread.type ** 2));
  const offset =
    sum(shifts.map(({ mean }, at) => mean * (precisions[at] ?? 0))) / (1 / spread.offset ** 2 + sum(precisions));
  return shifts.map((shift) => ({ ...shift, mean: shift.mean - offset }));
};

/** Workers that the spread over all types counts for beside those recorded on the one. */
const spreadPrior = 1;
const leastTypeSpread = 0.1;

/** Workers may be alike at one type and far apart at another: by expectation and maximization. */
const spreadOfType = (deviations: readonly Shift[], common: number): number => {
  let variance = common ** 2;
  for (let round = 0; round < rounds; round++) {
    const squares = deviations.map((row) => {
      const shrink = variance / (variance + row.variance);
      return (shrink * row.mean) ** 2 + shrink * row.variance;
    });
    variance = (spreadPrior * common ** 2 + sum(squares)) / (spreadPrior + squares.length);
  }
  return Math.max(leastTypeSpread, Math.sqrt(variance));
};

/** Log likelihood of shifts that share an offset: a matrix of a diagonal and one constant, by Sherman and Morrison. */
const marginal = (shifts: readonly Shift[], spread: Even): number => {
  const precisions = shifts.map(({ variance }) => 1 / (variance + spread.type ** 2));
  const total = sum(precisions);
  const weighted = sum(shifts.map(({ mean }, at) => mean * (precisions[at] ?? 0)));
  const square = sum(shifts.map(({ mean }, at) => mean * mean * (precisions[at] ?? 0)));
  const shared = spread.offset ** 2;
  const quadratic = square - (shared * weighted * weighted) / (1 + shared * total);
  const logDeterminant = Math.log(1 + shared * total) - sum(precisions.map(Math.log));
  return -(quadratic + logDeterminant) / 2;
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const average = (values: readonly number[]): number => (values.length === 0 ? 0.5 : sum(values) / values.length);
