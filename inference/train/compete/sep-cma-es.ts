import type { Random } from "../fit/random.ts";

type Vector = Float64Array<ArrayBuffer>;

export type Evolution = {
  readonly start: Vector;
  /** First standard deviation of every coordinate. */
  readonly spread: number;
  readonly generations: number;
  readonly random: Random;
};

/**
 * Minimizes by sep-CMA-ES: evolution strategy whose covariance matrix is kept diagonal and learnt (n + 2) / 3 times as
 * fast (Ros & Hansen, A Simple Modification in CMA-ES Achieving Linear Time and Space Complexity, 2008; defaults of
 * Hansen & Ostermeier 2001). `objective` may change from generation to generation. Gives the last mean.
 */
export const evolve = (objective: (at: Vector, generation: number) => number, evolution: Evolution): Vector => {
  const { generations, random } = evolution;
  const size = evolution.start.length;
  const rule = rulesOf(size);
  const mean = Float64Array.from(evolution.start);
  const variances = new Float64Array(size).fill(1);
  const path = { spread: new Float64Array(size), change: new Float64Array(size) };
  let spread = evolution.spread;
  for (let generation = 1; generation <= generations; generation++) {
    const kept = Array.from({ length: rule.population }, () => {
      const step = variances.map((variance) => Math.sqrt(variance) * normal(random));
      return {
        step,
        value: objective(
          step.map((value, at) => (mean[at] ?? 0) + spread * value),
          generation,
        ),
      };
    })
      .toSorted((a, b) => a.value - b.value)
      .slice(0, rule.parents);
    const moved = meanOf(
      kept.map(({ step }) => step),
      rule.weights,
    );
    let squared = 0;
    for (let at = 0; at < size; at++) {
      mean[at] = (mean[at] ?? 0) + spread * (moved[at] ?? 0);
      const whitened = (moved[at] ?? 0) / Math.sqrt(variances[at] ?? 1);
      path.spread[at] = (1 - rule.spreadRate) * (path.spread[at] ?? 0) + rule.spreadGain * whitened;
      squared += (path.spread[at] ?? 0) ** 2;
    }
    const length = Math.sqrt(squared);
    const stalled =
      length / Math.sqrt(1 - (1 - rule.spreadRate) ** (2 * generation)) >= (1.4 + 2 / (size + 1)) * rule.usual;
    for (let at = 0; at < size; at++) {
      path.change[at] =
        (1 - rule.changeRate) * (path.change[at] ?? 0) + (stalled ? 0 : rule.changeGain * (moved[at] ?? 0));
      const several = kept.reduce((sum, { step }, rank) => sum + (rule.weights[rank] ?? 0) * (step[at] ?? 0) ** 2, 0);
      const learnt = ((path.change[at] ?? 0) ** 2 + (rule.effective - 1) * several) / rule.effective;
      variances[at] = (1 - rule.learning) * (variances[at] ?? 1) + rule.learning * learnt;
    }
    spread *= Math.exp((rule.spreadRate / rule.damping) * (length / rule.usual - 1));
  }
  return mean;
};

/** Strategy parameters by the number of coordinates. */
const rulesOf = (size: number) => {
  const population = 4 + Math.floor(3 * Math.log(size));
  const parents = Math.floor(population / 2);
  const raw = Array.from({ length: parents }, (_, rank) => Math.log(parents + 1) - Math.log(rank + 1));
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  const weights = raw.map((weight) => weight / total);
  const effective = 1 / weights.reduce((sum, weight) => sum + weight * weight, 0);
  const spreadRate = (effective + 2) / (size + effective + 3);
  const changeRate = 4 / (size + 4);
  const full =
    (1 / effective) * (2 / (size + Math.SQRT2) ** 2) +
    (1 - 1 / effective) * Math.min(1, (2 * effective - 1) / ((size + 2) ** 2 + effective));
  return {
    population,
    parents,
    weights,
    /** Parents that count. */
    effective,
    spreadRate,
    spreadGain: Math.sqrt(spreadRate * (2 - spreadRate) * effective),
    damping: 1 + 2 * Math.max(0, Math.sqrt((effective - 1) / (size + 1)) - 1) + spreadRate,
    changeRate,
    changeGain: Math.sqrt(changeRate * (2 - changeRate) * effective),
    learning: Math.min(1, (full * (size + 2)) / 3),
    /** Expected length of a standard normal vector. */
    usual: Math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size * size)),
  };
};

const meanOf = (steps: readonly Vector[], weights: readonly number[]): Vector => {
  const mean = new Float64Array(steps[0]?.length ?? 0);
  for (const [rank, step] of steps.entries()) {
    for (let at = 0; at < mean.length; at++) mean[at] = (mean[at] ?? 0) + (weights[rank] ?? 0) * (step[at] ?? 0);
  }
  return mean;
};

/** Box and Muller's. */
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
