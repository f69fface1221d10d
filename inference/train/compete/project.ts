import type { Random } from "../fit/random.ts";

const rounds = 4;

/**
 * Every row in the principal directions of the training rows (kernel principal components by orthogonal iteration),
 * strongest first: among all rows of `gram`, those at `training` alone decide the directions.
 */
export const principalCoordinates = (
  gram: readonly Float64Array[],
  training: readonly number[],
  options: { readonly dimensions: number; readonly random: Random },
): readonly Float64Array[] => {
  const columns = Uint32Array.from(training);
  const kernel = training.map((at) => pick(gram[at] ?? new Float64Array(0), columns));
  const size = Math.min(options.dimensions, training.length);
  let directions = orthonormal(
    Array.from({ length: size }, () => Float64Array.from(training, () => options.random() - 0.5)),
  );
  for (let round = 0; round < rounds; round++) {
    directions = orthonormal(directions.map((direction) => Float64Array.from(kernel, (line) => dot(line, direction))));
  }
  const lengths = directions.map((direction) => {
    const image = Float64Array.from(kernel, (line) => dot(line, direction));
    return Math.sqrt(Math.max(dot(image, direction), 1e-9));
  });
  return gram.map((line) => {
    const picked = pick(line, columns);
    return Float64Array.from(directions, (direction, at) => dot(picked, direction) / (lengths[at] ?? 1));
  });
};

const pick = (line: Float64Array, columns: Uint32Array): Float64Array => {
  const picked = new Float64Array(columns.length);
  for (let at = 0; at < columns.length; at++) picked[at] = line[columns[at] ?? 0] ?? 0;
  return picked;
};

/** Gram and Schmidt's, each vector freed of those before it at once. */
const orthonormal = (vectors: readonly Float64Array[]): readonly Float64Array[] => {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = Float64Array.from(vector);
    for (const other of done) {
      const share = dot(rest, other);
      for (let at = 0; at < rest.length; at++) rest[at] = (rest[at] ?? 0) - share * (other[at] ?? 0);
    }
    const length = Math.sqrt(dot(rest, rest)) || 1;
    done.push(rest.map((value) => value / length));
  }
  return done;
};

export const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
};
