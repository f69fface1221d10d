/** A linear policy: one weight vector and a bias for each worker, on a text's coordinates. */
import type { QualityOf, Training } from "./training.ts";

/** Worker by worker: the weights, then the bias. */
export type Parameters = Float64Array<ArrayBuffer>;

export const sizeOf = (workers: number, dimensions: number): number => workers * (dimensions + 1);

export const scoreInto = (scores: Float64Array, parameters: Parameters, coordinates: Float64Array): void => {
  const dimensions = parameters.length / scores.length - 1;
  for (let worker = 0; worker < scores.length; worker++) {
    const start = worker * (dimensions + 1);
    let sum = parameters[start + dimensions] ?? 0;
    for (let at = 0; at < dimensions; at++) sum += (parameters[start + at] ?? 0) * (coordinates[at] ?? 0);
    scores[worker] = sum;
  }
};

/** Adds factor_w · (coordinates, 1) to the part of each worker w. */
export const addOuter = (target: Parameters, factors: Float64Array, coordinates: Float64Array): void => {
  const dimensions = target.length / factors.length - 1;
  for (let worker = 0; worker < factors.length; worker++) {
    const factor = factors[worker] ?? 0;
    if (factor === 0) continue;
    const start = worker * (dimensions + 1);
    for (let at = 0; at < dimensions; at++)
      target[start + at] = (target[start + at] ?? 0) + factor * (coordinates[at] ?? 0);
    target[start + dimensions] = (target[start + dimensions] ?? 0) + factor;
  }
};

/** The policy's scores as qualities, `scale` of them, on what is already known. */
export const qualityBy =
  (
    training: Pick<Training, "field">,
    coordinates: readonly Float64Array[],
    {
      parameters,
      scale,
      known,
    }: { readonly parameters: Parameters; readonly scale: number; readonly known: QualityOf },
  ): QualityOf =>
  (text) => {
    const scores = new Float64Array(training.field.pool.length);
    scoreInto(scores, parameters, coordinates[text] ?? new Float64Array(0));
    const base = known(text);
    return scores.map((score, worker) => scale * score + (base[worker] ?? 0));
  };

/** Nothing known. */
export const zeroQuality = ({ field }: Pick<Training, "field">): QualityOf => {
  const zeros = new Float64Array(field.pool.length);
  return () => zeros;
};
