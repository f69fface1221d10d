/** Weights tried on prompts that are unlike those they were fitted on, with and without what support takes off. */
import type { Features, Head } from "../../../shared/head.ts";
import { bootstrapByProblem, type Interval } from "../replay/bootstrap.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { decideOn, withoutSupport } from "../replay/replay-choice.ts";

export type Reading = { readonly prompt: Prompt; readonly features: Features };

/** On one prompt; scores are 0 to 1. */
export type Tried = {
  readonly problem: string;
  /** The worker with the best mean in training. */
  readonly baseline: number;
  readonly weighted: number;
  readonly unweighted: number;
  readonly outOfSupport: boolean;
  /** The likeliest task type. */
  readonly type: string;
};

export type Trial = {
  readonly prompts: number;
  /** Percent. */
  readonly baseline: number;
  readonly weighted: number;
  readonly unweighted: number;
  /** Against the baseline, in points, with the support weight and without it. */
  readonly weightedDifference: Interval;
  readonly unweightedDifference: Interval;
  /** Percent of the prompts of which the decision says that they are out of support. */
  readonly outOfSupport: number;
};

/** Who is asked, by quality alone, and what that worker's recorded outcome is. */
export const tryHead = (head: Head, pool: readonly string[], readings: readonly Reading[]): readonly Tried[] => {
  const baseline = bestByMean(head, pool);
  const certain = withoutSupport(head);
  return readings.map(({ prompt, features }) => {
    const weighted = decideOn(head, features, pool);
    const scoreOf = (worker: string) => prompt.models[worker]?.correct ?? 0;
    return {
      problem: prompt.problem,
      baseline: scoreOf(baseline),
      weighted: scoreOf(weighted.worker),
      unweighted: scoreOf(decideOn(certain, features, pool).worker),
      outOfSupport: weighted.outOfSupport,
      type: weighted.type,
    };
  });
};

export const summarize = (tried: readonly Tried[], seed: number): Trial => {
  const difference = (rule: "weighted" | "unweighted") =>
    bootstrapByProblem(
      tried.map((entry) => 100 * (entry[rule] - entry.baseline)),
      tried.map(({ problem }) => problem),
      { seed, draws },
    );
  const percentOf = (value: (entry: Tried) => number) =>
    (100 * tried.reduce((sum, entry) => sum + value(entry), 0)) / tried.length;
  return {
    prompts: tried.length,
    baseline: percentOf((entry) => entry.baseline),
    weighted: percentOf((entry) => entry.weighted),
    unweighted: percentOf((entry) => entry.unweighted),
    weightedDifference: difference("weighted"),
    unweightedDifference: difference("unweighted"),
    outOfSupport: percentOf(({ outOfSupport }) => (outOfSupport ? 1 : 0)),
  };
};

const draws = 2000;

const bestByMean = (head: Head, pool: readonly string[]): string => {
  const means = pool.map((name) => head.profiles.get(name)?.mean ?? 0);
  return pool[means.indexOf(Math.max(...means))] ?? "";
};
