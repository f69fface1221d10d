/** Linear models on the rows that both heads read: a dense part, a sparse part, or both side by side. */
import type { SparseFeatures } from "../../../shared/ngrams.ts";
import { minimize } from "./minimize.ts";

/** `dense` fills the first columns, `sparse` those after it. */
export type Row = { readonly dense: Float32Array | null; readonly sparse: SparseFeatures | null };

export type Shape = { readonly dense: number; readonly buckets: number };

export const columnsOf = (shape: Shape): number => shape.dense + shape.buckets;

export const dotRows = (a: Row, b: Row): number =>
  (a.dense && b.dense ? dotDense(a.dense, b.dense) : 0) + (a.sparse && b.sparse ? dotSparse(a.sparse, b.sparse) : 0);

export const dotWeights = (weights: Float64Array, row: Row, shape: Shape): number => {
  let sum = 0;
  if (row.dense) for (let at = 0; at < shape.dense; at++) sum += (weights[at] ?? 0) * (row.dense[at] ?? 0);
  if (row.sparse) {
    const { indices, values } = row.sparse;
    for (let at = 0; at < indices.length; at++)
      sum += (weights[shape.dense + (indices[at] ?? 0)] ?? 0) * (values[at] ?? 0);
  }
  return sum;
};

export const addScaled = (target: Float64Array, row: Row, factor: number, shape: Shape): void => {
  if (row.dense)
    for (let at = 0; at < shape.dense; at++) target[at] = (target[at] ?? 0) + factor * (row.dense[at] ?? 0);
  if (row.sparse) {
    const { indices, values } = row.sparse;
    for (let at = 0; at < indices.length; at++) {
      const column = shape.dense + (indices[at] ?? 0);
      target[column] = (target[column] ?? 0) + factor * (values[at] ?? 0);
    }
  }
};

const dotDense = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
};

const dotSparse = (a: SparseFeatures, b: SparseFeatures): number => {
  let sum = 0;
  let right = 0;
  for (let left = 0; left < a.indices.length; left++) {
    const index = a.indices[left] ?? 0;
    while (right < b.indices.length && (b.indices[right] ?? 0) < index) right++;
    if (b.indices[right] === index) sum += (a.values[left] ?? 0) * (b.values[right] ?? 0);
  }
  return sum;
};

/** Errors of a probability below this change nothing: nine in ten are, which is most of the time saved. */
const settled = 1e-4;

export type Softmax = { readonly weights: readonly Float64Array[]; readonly bias: readonly number[] };

/** Multinomial logistic regression: minimizes weighted cross-entropy + ridge/2 · |weights|²; the bias is not shrunk. */
export const fitSoftmax = (
  rows: readonly Row[],
  labels: readonly number[],
  options: {
    readonly classes: number;
    readonly shape: Shape;
    readonly ridge: number;
    readonly rounds: number;
    readonly rowWeights: readonly number[];
  },
): Softmax => {
  const { classes, shape, ridge, rowWeights } = options;
  const entries = rows.map((row) => entriesOf(row, shape));
  // Column by column with the classes side by side, so that a sparse row touches few cache lines; the bias comes last.
  const size = (columnsOf(shape) + 1) * classes;
  const scores = new Float64Array(classes);
  const loss = (at: Float64Array, gradient: Float64Array): number => {
    let sum = 0;
    for (let place = 0; place < size - classes; place++) {
      const weight = at[place] ?? 0;
      sum += (ridge / 2) * weight * weight;
      gradient[place] = ridge * weight;
    }
    for (const [index, row] of entries.entries()) {
      scoreRow(at, row, scores);
      const rowWeight = rowWeights[index] ?? 0;
      const label = labels[index] ?? 0;
      const probabilities = softmax([...scores]);
      sum -= rowWeight * Math.log(Math.max(probabilities[label] ?? 0, Number.MIN_VALUE));
      const errors = probabilities.map((probability, other) => {
        const error = probability - (other === label ? 1 : 0);
        return Math.abs(error) < settled ? 0 : rowWeight * error;
      });
      addErrors(gradient, row, errors);
    }
    return sum;
  };
  const fitted = minimize(loss, size, options.rounds);
  const column = (label: number) => fitted.filter((_, at) => at % classes === label);
  const weights = Array.from({ length: classes }, (_, label) => column(label));
  return { weights: weights.map((list) => list.slice(0, -1)), bias: weights.map((list) => list.at(-1) ?? 0) };
};

type Entries = { readonly columns: Uint32Array; readonly values: Float64Array };

/** A row as a list of columns, with the constant 1 of the bias behind them. */
const entriesOf = ({ dense, sparse }: Row, shape: Shape): Entries => ({
  columns: Uint32Array.from([
    ...(dense ? dense.keys() : []),
    ...(sparse ? Array.from(sparse.indices, (index) => shape.dense + index) : []),
    columnsOf(shape),
  ]),
  values: Float64Array.from([...(dense ?? []), ...(sparse?.values ?? []), 1]),
});

const scoreRow = (weights: Float64Array, { columns, values }: Entries, scores: Float64Array): void => {
  const classes = scores.length;
  scores.fill(0);
  for (let entry = 0; entry < columns.length; entry++) {
    const start = (columns[entry] ?? 0) * classes;
    const value = values[entry] ?? 0;
    for (let label = 0; label < classes; label++)
      scores[label] = (scores[label] ?? 0) + value * (weights[start + label] ?? 0);
  }
};

const addErrors = (gradient: Float64Array, { columns, values }: Entries, errors: readonly number[]): void => {
  const active = [...errors.keys()].filter((label) => errors[label] !== 0);
  if (active.length === 0) return;
  for (let entry = 0; entry < columns.length; entry++) {
    const start = (columns[entry] ?? 0) * errors.length;
    const value = values[entry] ?? 0;
    for (const label of active) gradient[start + label] = (gradient[start + label] ?? 0) + value * (errors[label] ?? 0);
  }
};

export const softmax = (scores: readonly number[]): readonly number[] => {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
};

export type Ridge = { readonly weights: Float64Array; readonly bias: number };

/** Inner products of all rows: shared by every target of `fitRidge`. */
export const gramOf = (rows: readonly Row[]): readonly Float64Array[] => {
  const gram = rows.map(() => new Float64Array(rows.length));
  for (const [at, row] of rows.entries()) {
    for (const [place, other] of rows.slice(0, at + 1).entries()) {
      const value = dotRows(row, other);
      gram[at]?.fill(value, place, place + 1);
      gram[place]?.fill(value, at, at + 1);
    }
  }
  return gram;
};

/** Ridge regression of several targets at once, by the rows' inner products; the bias is not shrunk. */
export const fitRidge = (
  rows: readonly Row[],
  gram: readonly Float64Array[],
  targets: readonly (readonly number[])[],
  options: { readonly ridge: number; readonly shape: Shape; readonly rowWeights: readonly number[] },
): readonly Ridge[] => {
  // A constant column with a weak penalty stands for the bias.
  const constant = 1;
  const matrix = gram.map((line, at) =>
    line.map((value, other) => value + constant + (at === other ? options.ridge / (options.rowWeights[at] ?? 1) : 0)),
  );
  const factor = cholesky(matrix);
  return targets.map((target) => {
    const dual = solve(factor, target);
    const weights = new Float64Array(columnsOf(options.shape));
    for (const [at, row] of rows.entries()) addScaled(weights, row, dual[at] ?? 0, options.shape);
    return { weights, bias: constant * dual.reduce((sum, value) => sum + value, 0) };
  });
};

const cholesky = (matrix: readonly Float64Array[]): readonly Float64Array[] => {
  const lower = matrix.map((line) => new Float64Array(line.length));
  for (const [at, line] of lower.entries()) {
    for (const [column, other] of lower.slice(0, at + 1).entries()) {
      const rest = (matrix[at]?.[column] ?? 0) - dotUpTo(line, other, column);
      line[column] = at === column ? Math.sqrt(Math.max(rest, 1e-12)) : rest / (other[column] ?? 1);
    }
  }
  return lower;
};

const dotUpTo = (a: Float64Array, b: Float64Array, end: number): number => {
  let sum = 0;
  for (let at = 0; at < end; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
};

const solve = (lower: readonly Float64Array[], target: readonly number[]): Float64Array => {
  const solution = Float64Array.from(target);
  for (const [at, line] of lower.entries()) {
    solution[at] = ((solution[at] ?? 0) - dotUpTo(line, solution, at)) / (line[at] ?? 1);
  }
  for (let at = lower.length - 1; at >= 0; at--) {
    const line = lower[at] ?? new Float64Array(0);
    const value = (solution[at] ?? 0) / (line[at] ?? 1);
    solution[at] = value;
    for (let before = 0; before < at; before++)
      solution[before] = (solution[before] ?? 0) - (line[before] ?? 0) * value;
  }
  return solution;
};
