/**
 * Agentic tasks that were each run four times: workers are chosen on two runs and scored on the other two. Where
 * workers are near-equals and the prompt says little, a head must serve the best one.
 */
import type { Head } from "../../shared/head.ts";
import { bootstrapByProblem, type Interval } from "./bootstrap.ts";
import { fitHead, type FitOptions } from "./fit-head.ts";
import { readyHead } from "./held-out.ts";
import type { ReadingOptions } from "./head-options.ts";
import type { Prompt } from "./prompts.ts";
import { decideOn } from "./replay-choice.ts";

/** Two of four runs to choose on, the others to score on. */
const splits = [
  [0, 1, 2, 3],
  [0, 2, 1, 3],
  [0, 3, 1, 2],
  [1, 2, 0, 3],
  [1, 3, 0, 2],
  [2, 3, 0, 1],
] as const;

const runs = 4;

const poolSizes = [Number.POSITIVE_INFINITY, 8, 3] as const;
const draws = 2000;

export type RepeatedRow = {
  readonly workers: number;
  readonly rule: "best single" | "head" | "domain table" | "oracle";
  /** Percent of the scoring runs that passed. */
  readonly score: number;
  /** Against the worker with the best mean on the choosing runs, in points. */
  readonly difference: Interval;
  /** Percent of the decisions that go to that worker. */
  readonly served: number | null;
};

/** Rows of each pool: all workers that were run four times on every task, and the best eight and three on the choosing runs. */
export const measureRepeated = (
  prompts: readonly Prompt[],
  options: Omit<ReadingOptions, "profiles">,
): readonly RepeatedRow[] => {
  const workers = Object.keys(prompts[0]?.models ?? {}).filter((name) =>
    prompts.every(({ models }) => models[name]?.runs?.length === runs),
  );
  const played = splits.map((split) => openSplit(prompts, { split, workers, options }));
  return poolSizes.flatMap((size) => {
    const pools = played.map((entry) => ({ ...entry, pool: entry.order.slice(0, size) }));
    const rowOf = (rule: RepeatedRow["rule"], choices: readonly (readonly string[])[] | null): RepeatedRow => {
      const scores = prompts.map((prompt, at) =>
        mean(pools.map(({ split, pool }, place) => scoreOf(prompt, choices?.[place]?.[at] ?? pool, split))),
      );
      const differences = prompts.map((prompt, at) => 100 * ((scores[at] ?? 0) - (baseline[at] ?? 0)));
      return {
        workers: pools[0]?.pool.length ?? 0,
        rule,
        score: 100 * mean(scores),
        difference: bootstrapByProblem(
          differences,
          prompts.map(({ problem }) => problem),
          { seed: options.seed, draws },
        ),
        served:
          choices &&
          100 *
            mean(
              pools.flatMap(({ pool }, place) => (choices[place] ?? []).map((worker) => (worker === pool[0] ? 1 : 0))),
            ),
      };
    };
    const best = pools.map(({ pool }) => prompts.map(() => pool[0] ?? ""));
    const baseline = prompts.map((prompt) =>
      mean(pools.map(({ split, pool }) => scoreOf(prompt, pool[0] ?? "", split))),
    );
    return [
      rowOf("best single", best),
      rowOf(
        "head",
        pools.map(({ head, pool }) =>
          prompts.map((prompt) => decideOn(head, options.featuresOf(prompt.texts[0] ?? ""), pool).worker),
        ),
      ),
      rowOf(
        "domain table",
        pools.map(({ seen, pool }) => domainTable(seen, pool)),
      ),
      rowOf("oracle", null),
    ];
  });
};

type Split = (typeof splits)[number];

type Opened = {
  readonly split: Split;
  /** Outcomes are means of the choosing runs. */
  readonly seen: readonly Prompt[];
  readonly head: Head;
  /** Workers by mean on the choosing runs, best first. */
  readonly order: readonly string[];
};

const openSplit = (
  prompts: readonly Prompt[],
  { split, workers, options }: { split: Split; workers: readonly string[]; options: Omit<FitOptions, "profiles"> },
): Opened => {
  const seen = prompts.map((prompt) => ({
    ...prompt,
    models: Object.fromEntries(
      workers.map((name) => [
        name,
        { ...prompt.models[name], correct: mean([runOf(prompt, name, split[0]), runOf(prompt, name, split[1])]) },
      ]),
    ),
  }));
  const head = readyHead({ ...fitHead(seen, { ...options, profiles: workers }), ballot: {} });
  return { split, seen, head, order: byMean(seen, workers) };
};

/** Percent of the scoring runs; of several workers, whether any of them passed in the same run. */
const scoreOf = (prompt: Prompt, chosen: string | readonly string[], [, , ...scored]: Split): number =>
  mean(scored.map((run) => Math.max(...[chosen].flat().map((worker) => runOf(prompt, worker, run)))));

const runOf = (prompt: Prompt, worker: string, run: number): number => prompt.models[worker]?.runs?.[run] ?? 0;

const byMean = (prompts: readonly Prompt[], workers: readonly string[]): readonly string[] => {
  const means = new Map(workers.map((name) => [name, mean(prompts.map(({ models }) => models[name]?.correct ?? 0))]));
  return workers.toSorted((a, b) => (means.get(b) ?? 0) - (means.get(a) ?? 0));
};

/** For each prompt the worker that did best on its domain. */
const domainTable = (seen: readonly Prompt[], pool: readonly string[]): readonly string[] => {
  const best = new Map(
    [...Map.groupBy(seen, ({ domain }) => domain)].map(([domain, members]) => [domain, byMean(members, pool)[0]]),
  );
  return seen.map(({ domain }) => best.get(domain) ?? "");
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
