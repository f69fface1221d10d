/** Where a new worker stands beside a cohort: posterior of its shifts, strengths from them, and what to ask it next. */
import { sigmoid, type Cohort, type CohortType, type Item, type Observation } from "./model.ts";

type Matrix = readonly Float64Array[];

/** Mean and covariance of the new worker's shift, type by type. */
export type Posterior = { readonly mean: readonly number[]; readonly covariance: Matrix };

/** Quality (0 to 1), and its standard error. */
export type Estimate = { readonly value: number; readonly error: number };

const rounds = 25;
const maxStep = 1;

/** By Newton's method at the posterior's mode (Laplace). Without observations: the prior. */
export const placeWorker = ({ types }: Cohort, observations: readonly Observation[]): Posterior => {
  const prior = invert(priorCovariance(types));
  let mean = types.map(() => 0);
  let covariance = invert(prior);
  for (let round = 0; round < rounds; round++) {
    const hessian = prior.map((row) => row.slice());
    const gradient = prior.map((row) => -row.reduce((total, value, at) => total + value * (mean[at] ?? 0), 0));
    for (const observation of observations) addObservation(observation, mean, { hessian, gradient });
    covariance = invert(hessian);
    const step = covariance.map((row) => row.reduce((total, value, at) => total + value * (gradient[at] ?? 0), 0));
    const longest = Math.max(...step.map(Math.abs));
    const scale = longest > maxStep ? maxStep / longest : 1;
    mean = mean.map((value, at) => value + scale * (step[at] ?? 0));
    if (longest < 1e-6) break;
  }
  return { mean, covariance };
};

/**
 * What the new worker would score on prompts that the known ones were recorded on; null without any. The slopes of its
 * expected scores turn the shifts' errors into the score's.
 */
export const estimate = (items: readonly Item[], { mean, covariance }: Posterior): Estimate | null => {
  const total = items.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return null;
  const gradient = mean.map(() => 0);
  let value = 0;
  for (const { type, logit, weight } of items) {
    const right = sigmoid(logit + (mean[type] ?? 0));
    value += (weight / total) * right;
    gradient[type] = (gradient[type] ?? 0) + (weight / total) * right * (1 - right);
  }
  const variance = covariance.reduce(
    (sum, row, type) =>
      sum + (gradient[type] ?? 0) * row.reduce((all, entry, at) => all + entry * (gradient[at] ?? 0), 0),
    0,
  );
  return { value, error: Math.sqrt(variance) };
};

/** By type of the cohort. */
export const groupByType = ({ types, items }: Cohort): readonly (readonly Item[])[] => {
  const groups = Map.groupBy(items, ({ type }) => type);
  return types.map((_, type) => groups.get(type) ?? []);
};

/**
 * The candidates that shrink the strengths' standard errors most, each type counted by how frequent it is, in the order in
 * which they do: prompts on which the known workers differ tell most. Looks at no outcome of the new worker's.
 */
export const choosePrompts = (
  cohort: Cohort,
  { mean, covariance }: Posterior,
  { candidates, count }: { readonly candidates: readonly Item[]; readonly count: number },
): readonly Item[] => {
  const informationOf = ({ logit, type }: Item) => {
    const right = sigmoid(logit + (mean[type] ?? 0));
    return right * (1 - right);
  };
  const groups = groupByType(cohort);
  const worth = groups.map((items) => items.reduce((sum, item) => sum + item.weight * informationOf(item), 0));
  const queues = groups.map((_, type) =>
    spreadOut(
      candidates.filter((item) => item.type === type).map((item) => ({ item, information: informationOf(item) })),
    ),
  );
  const variances = covariance.map((row) => row.slice());
  const chosen: Item[] = [];
  while (chosen.length < count) {
    const gains = queues.map(([next], type) => (next ? gainOf(variances, { type, worth, ...next }) : -1));
    const type = gains.indexOf(Math.max(...gains));
    const next = queues[type]?.shift();
    if (!next) break;
    chosen.push(next.item);
    shrink(variances, type, next.information);
  }
  return chosen;
};

type Candidate = { readonly item: Item; readonly information: number };

/**
 * An order whose every beginning is spread over easy and hard prompts alike, denser where one tells more, as stratified
 * sampling draws (Neyman): the model is not so exact that prompts of one difficulty could stand for all.
 */
const spreadOut = (candidates: readonly Candidate[]): Candidate[] => {
  const sorted = candidates.toSorted((a, b) => a.item.logit - b.item.logit || (a.item.id < b.item.id ? -1 : 1));
  let total = 0;
  const places = sorted.map((candidate) => {
    const weight = Math.sqrt(candidate.information);
    total += weight;
    return { candidate, place: total - weight / 2 };
  });
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, 4 * places.length)));
  const order = Array.from({ length: size }, (_, at) => reversedBits(at) * total);
  const taken = new Set<number>();
  const picked = order.flatMap((wanted) => {
    let at = places.findLastIndex(({ place }) => place <= wanted);
    at = at < 0 ? 0 : at;
    if (taken.has(at)) return [];
    taken.add(at);
    return places[at]?.candidate ?? [];
  });
  return [...picked, ...places.flatMap(({ candidate }, at) => (taken.has(at) ? [] : [candidate]))];
};

/** Van der Corput's sequence: 0, ½, ¼, ¾, ⅛ … */
const reversedBits = (index: number): number => {
  let value = 0;
  for (let [rest, step] = [index, 0.5]; rest > 0; rest = Math.floor(rest / 2), step /= 2) value += (rest % 2) * step;
  return value;
};

type Gain = { readonly type: number; readonly information: number; readonly worth: readonly number[] };

const gainOf = (variances: Matrix, { type, information, worth }: Gain): number => {
  const row = variances[type] ?? new Float64Array();
  const scale = information / (1 + information * (row[type] ?? 0));
  return row.reduce((total, value, at) => {
    const before = variances[at]?.[at] ?? 0;
    const after = Math.max(0, before - scale * value * value);
    return total + (worth[at] ?? 0) * (Math.sqrt(before) - Math.sqrt(after));
  }, 0);
};

/** The covariance after one more outcome of a type (Sherman and Morrison). */
const shrink = (variances: Matrix, type: number, information: number): void => {
  const column = variances.map((row) => row[type] ?? 0);
  const scale = information / (1 + information * (column[type] ?? 0));
  for (const [at, row] of variances.entries()) {
    for (const [other, value] of column.entries()) row[other] = (row[other] ?? 0) - scale * (column[at] ?? 0) * value;
  }
};

const priorCovariance = (types: readonly CohortType[]): Matrix =>
  types.map((type) =>
    Float64Array.from(
      types,
      (other) => (type.group === other.group ? type.offset ** 2 : 0) + (type === other ? type.own ** 2 : 0),
    ),
  );

type Sums = { readonly hessian: Matrix; readonly gradient: number[] };

const addObservation = ({ types, logit, score }: Observation, mean: readonly number[], sums: Sums): void => {
  const likely = types.flatMap((weight, type) => (weight > 0.01 ? [{ weight, type }] : []));
  const shift = likely.reduce((total, { weight, type }) => total + weight * (mean[type] ?? 0), 0);
  const right = sigmoid(logit + shift);
  for (const { weight, type } of likely) {
    sums.gradient[type] = (sums.gradient[type] ?? 0) + weight * (score - right);
    const row = sums.hessian[type];
    for (const other of likely)
      if (row) row[other.type] = (row[other.type] ?? 0) + weight * other.weight * right * (1 - right);
  }
};

/** Inverse of a symmetric positive definite matrix, by Gauss and Jordan. */
const invert = (matrix: Matrix): Matrix => {
  const size = matrix.length;
  const work = matrix.map((row, at) => {
    const wide = new Float64Array(2 * size);
    wide.set(row);
    wide[size + at] = 1;
    return wide;
  });
  for (const [at, pivot] of work.entries()) {
    const scale = pivot[at] ?? 1;
    for (let column = 0; column < 2 * size; column++) pivot[column] = (pivot[column] ?? 0) / scale;
    for (const [other, row] of work.entries()) {
      const factor = row[at] ?? 0;
      if (other === at || factor === 0) continue;
      for (let column = 0; column < 2 * size; column++)
        row[column] = (row[column] ?? 0) - factor * (pivot[column] ?? 0);
    }
  }
  return work.map((row) => row.slice(size));
};
