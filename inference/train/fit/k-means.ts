import { addScaled, columnsOf, dotRows, dotWeights, type Row, type Shape } from "./linear.ts";
import { shuffled, type Random } from "./random.ts";

export type Clusters = {
  /** Of unit length. */
  readonly centers: readonly Float64Array[];
  /** Mean cosine similarity of a row to its center. */
  readonly fit: number;
};

type Options = { readonly clusters: number; readonly shape: Shape; readonly random: Random };

const rounds = 10;

/** Spherical k-means: the best of `starts` from rows drawn at random. */
export const clusterRows = (rows: readonly Row[], options: Options & { readonly starts: number }): Clusters =>
  Array.from({ length: options.starts }, () => clusterOnce(rows, options)).reduce((best, next) =>
    next.fit > best.fit ? next : best,
  );

export const nearestCenter = (centers: readonly Float64Array[], row: Row, shape: Shape) => {
  let at = 0;
  let similarity = Number.NEGATIVE_INFINITY;
  for (const [center, weights] of centers.entries()) {
    const value = dotWeights(weights, row, shape);
    if (value > similarity) [at, similarity] = [center, value];
  }
  return { at, similarity: similarity / Math.sqrt(dotRows(row, row) || 1) };
};

const clusterOnce = (rows: readonly Row[], { clusters, shape, random }: Options): Clusters => {
  let centers = shuffled(rows, random)
    .slice(0, clusters)
    .map((row) => unit(sumOf([row], shape)));
  for (let round = 0; round < rounds; round++) {
    const groups = centers.map((): Row[] => []);
    for (const row of rows) groups[nearestCenter(centers, row, shape).at]?.push(row);
    centers = centers.map((center, at) => (groups[at]?.length ? unit(sumOf(groups[at], shape)) : center));
  }
  const reached = rows.reduce((sum, row) => sum + nearestCenter(centers, row, shape).similarity, 0);
  return { centers, fit: reached / rows.length };
};

const sumOf = (rows: readonly Row[], shape: Shape): Float64Array => {
  const sum = new Float64Array(columnsOf(shape));
  for (const row of rows) addScaled(sum, row, 1, shape);
  return sum;
};

const unit = (vector: Float64Array): Float64Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
};
