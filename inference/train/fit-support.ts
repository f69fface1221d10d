import type { PackedMatrix } from "../../shared/head.ts";
import { packMatrix } from "../../shared/head.ts";
import { addScaled, dotRows, dotWeights, type Row, type Shape } from "./linear.ts";
import { shuffled, type Random } from "./random.ts";

export type Support = { readonly centers: PackedMatrix; readonly far: number; readonly near: number };

const rounds = 8;
const maxRows = 3000;

/**
 * Spherical k-means of the training prompts. `near` is the similarity that all but one in twenty of them reach, `far`
 * half of it: about what ordinary chat in other words or languages reaches with this encoder.
 */
export const fitSupport = (
  rows: readonly Row[],
  options: { shape: Shape; centers: number; random: Random },
): Support => {
  const { shape } = options;
  const kept = shuffled(rows, options.random).slice(0, maxRows);
  let centers = kept.slice(0, options.centers).map((row) => unit(sumOf([row], shape)));
  for (let round = 0; round < rounds; round++) {
    const groups = centers.map((): Row[] => []);
    for (const row of kept) groups[nearest(centers, row, shape).at]?.push(row);
    centers = centers.map((center, at) => (groups[at]?.length ? unit(sumOf(groups[at], shape)) : center));
  }
  const reached = kept.map((row) => nearest(centers, row, shape).similarity).toSorted((a, b) => a - b);
  const near = reached[Math.floor(0.05 * reached.length)] ?? 0;
  return { centers: packMatrix(centers, shape.dense + shape.buckets), far: near / 2, near };
};

const sumOf = (rows: readonly Row[], shape: Shape): Float64Array => {
  const sum = new Float64Array(shape.dense + shape.buckets);
  for (const row of rows) addScaled(sum, row, 1, shape);
  return sum;
};

const unit = (vector: Float64Array): Float64Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
};

const nearest = (centers: readonly Float64Array[], row: Row, shape: Shape) => {
  let at = 0;
  let similarity = Number.NEGATIVE_INFINITY;
  for (const [center, weights] of centers.entries()) {
    const value = dotWeights(weights, row, shape);
    if (value > similarity) [at, similarity] = [center, value];
  }
  return { at, similarity: similarity / Math.sqrt(dotRows(row, row) || 1) };
};
