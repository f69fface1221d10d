import { createRandom } from "../fit/random.ts";

export type Interval = { readonly mean: number; readonly low: number; readonly high: number };

/** Mean of paired differences with its 95 % interval; problems, not rows, are drawn again. */
export const bootstrapByProblem = (
  differences: readonly number[],
  problems: readonly string[],
  options: { readonly seed: number; readonly draws: number },
): Interval => {
  const groups = new Map<string, { sum: number; count: number }>();
  for (const [at, difference] of differences.entries()) {
    const problem = problems[at] ?? "";
    const group = groups.get(problem) ?? { sum: 0, count: 0 };
    groups.set(problem, { sum: group.sum + difference, count: group.count + 1 });
  }
  const list = [...groups.values()];
  const random = createRandom(options.seed);
  const means = Array.from({ length: options.draws }, () => {
    let sum = 0;
    let count = 0;
    for (let drawn = 0; drawn < list.length; drawn++) {
      const group = list[Math.floor(random() * list.length)];
      sum += group?.sum ?? 0;
      count += group?.count ?? 0;
    }
    return sum / count;
  }).toSorted((a, b) => a - b);
  const quantile = (share: number) => means[Math.min(means.length - 1, Math.floor(share * means.length))] ?? Number.NaN;
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
  return { mean, low: quantile(0.025), high: quantile(0.975) };
};
