/** A stream of numbers in [0, 1) that is the same for the same seed (mulberry32). */
export type Random = () => number;

export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    const first = Math.imul(state ^ (state >>> 15), state | 1);
    const second = first ^ (first + Math.imul(first ^ (first >>> 7), first | 61));
    return ((second ^ (second >>> 14)) >>> 0) / 2 ** 32;
  };
};

export const shuffled = <T>(items: readonly T[], random: Random): readonly T[] =>
  items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);

/** The fold of each row. Rows of one problem share a fold, so that no side has seen the other's problems. */
export const foldsByProblem = (problems: readonly string[], count: number, seed: number): readonly number[] => {
  const order = shuffled([...new Set(problems)].toSorted(), createRandom(seed));
  const foldOf = new Map(order.map((problem, at) => [problem, at % count]));
  return problems.map((problem) => foldOf.get(problem) ?? 0);
};
