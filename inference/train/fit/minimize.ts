type Vector = Float64Array<ArrayBuffer>;

/** A smooth function's value, with its gradient written into `gradient`. */
export type Objective = (at: Vector, gradient: Vector) => number;

const memory = 8;
const leastDecrease = 1e-4;
const maxHalvings = 20;

type Pair = { readonly step: Vector; readonly change: Vector; readonly scale: number };

/**
 * Minimizes a smooth convex function from zero by L-BFGS with halving line search (Nocedal & Wright, Numerical
 * Optimization, algorithm 7.5).
 */
export const minimize = (objective: Objective, size: number, rounds: number): Vector => {
  let place = new Float64Array(size);
  let gradient = new Float64Array(size);
  let value = objective(place, gradient);
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round++) {
    const direction = downhill(gradient, pairs);
    const slope = dot(direction, gradient);
    if (slope >= 0) break;
    const next = search(objective, { place, value, direction, slope });
    if (!next) break;
    const step = combine(next.place, place, -1);
    const change = combine(next.gradient, gradient, -1);
    const curvature = dot(step, change);
    if (curvature > 0) pairs.push({ step, change, scale: 1 / curvature });
    if (pairs.length > memory) pairs.shift();
    ({ place, gradient, value } = next);
  }
  return place;
};

type Line = {
  readonly place: Vector;
  readonly value: number;
  readonly direction: Vector;
  readonly slope: number;
};

const search = (objective: Objective, { place, value, direction, slope }: Line) => {
  let length = 1;
  for (let halving = 0; halving < maxHalvings; halving++) {
    const next = combine(place, direction, length);
    const gradient = new Float64Array(place.length);
    const reached = objective(next, gradient);
    if (reached <= value + leastDecrease * length * slope) return { place: next, gradient, value: reached };
    length /= 2;
  }
  return null;
};

const downhill = (gradient: Vector, pairs: readonly Pair[]): Vector => {
  let direction = gradient.map((value) => -value);
  const used: number[] = [];
  for (const { step, change, scale } of pairs.toReversed()) {
    const share = scale * dot(step, direction);
    used.push(share);
    direction = combine(direction, change, -share);
  }
  const last = pairs.at(-1);
  if (last) {
    const length = 1 / (last.scale * dot(last.change, last.change));
    direction = direction.map((value) => length * value);
  }
  for (const [at, { step, change, scale }] of pairs.entries()) {
    const share = used[pairs.length - 1 - at] ?? 0;
    direction = combine(direction, step, share - scale * dot(change, direction));
  }
  return direction;
};

const dot = (a: Vector, b: Vector): number => {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
};

const combine = (a: Vector, b: Vector, factor: number): Vector => {
  const sum = new Float64Array(a.length);
  for (let at = 0; at < a.length; at++) sum[at] = (a[at] ?? 0) + factor * (b[at] ?? 0);
  return sum;
};
