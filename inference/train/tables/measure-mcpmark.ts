/**
 * Agentic tasks that were each run four times: workers are chosen on two runs and scored on the other two. Where
 * workers are near-equals and the prompt says little, a head must serve the best one.
 */
import type { Head } from "../../../shared/head.ts";
import { bootstrapByProblem, type Interval } from "../replay/bootstrap.ts";
import { fitHead, type FitOptions } from "../fit/fit-head.ts";
import { readyHead } from "../fit/held-out.ts";
import type { ReadingOptions } from "../fit/head-options.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { decideOn } from "../replay/replay-choice.ts";

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

const ruleNames = ["best single", "head", "domain table", "oracle"] as const;
type RuleName = (typeof ruleNames)[number];

export type RepeatedRow = {
  readonly workers: number;
  readonly rule: RuleName;
  /** Percent of the scoring runs that passed. */
  readonly score: number;
  /** Against the worker with the best mean on the choosing runs, in points. */
  readonly difference: Interval;
  /** Percent of the decisions that go to that worker. */
  readonly served: number | null;
};

/**
 * Rows of each pool: all workers that were run four times on every task, and the best eight and three of them on the
 * choosing runs.
 */
export const measureRepeated = (
  prompts: readonly Prompt[],
  options: Omit<ReadingOptions, "profiles">,
): readonly RepeatedRow[] => {
  const workers = Object.keys(prompts[0]?.models ?? {}).filter((name) =>
    prompts.every(({ models }) => models[name]?.runs?.length === runs),
  );
  const opened = splits.map((split) => openSplit(prompts, { split, workers, options }));
  const rules = rulesOf(options);
  return poolSizes.flatMap((size) => {
    const pools = opened.map((entry) => ({ ...entry, pool: entry.order.slice(0, size) }));
    const baseline = playRule(prompts, pools, rules["best single"]);
    return ruleNames.map((name): RepeatedRow => {
      const played = playRule(prompts, pools, rules[name]);
      return {
        workers: Math.min(size, workers.length),
        rule: name,
        score: 100 * mean(played.scores),
        difference: bootstrapByProblem(
          played.scores.map((score, at) => 100 * (score - (baseline.scores[at] ?? 0))),
          prompts.map(({ problem }) => problem),
          { seed: options.seed, draws },
        ),
        served: name === "oracle" ? null : 100 * played.served,
      };
    });
  });
};

type Pooled = Opened & { readonly pool: readonly string[] };
/** Who is asked about a prompt; of several workers, one that passes counts. */
type Rule = (entry: Pooled) => (prompt: Prompt) => string | readonly string[];

const rulesOf = ({ featuresOf }: Pick<ReadingOptions, "featuresOf">): Readonly<Record<RuleName, Rule>> => ({
  "best single":
    ({ pool }) =>
    () =>
      pool[0] ?? "",
  head:
    ({ head, pool }) =>
    ({ texts }) =>
      decideOn(head, featuresOf(texts[0] ?? ""), pool).worker,
  "domain table": ({ seen, pool }) => {
    const best = new Map(
      [...Map.groupBy(seen, ({ domain }) => domain)].map(([domain, members]) => [domain, byMean(members, pool)[0]]),
    );
    return ({ domain }) => best.get(domain) ?? "";
  },
  oracle:
    ({ pool }) =>
    () =>
      pool,
});

/** Each prompt's score over all splits, and the share of decisions for the best single worker. */
const playRule = (prompts: readonly Prompt[], pools: readonly Pooled[], rule: Rule) => {
  const chosen = pools.map((entry) => prompts.map(rule(entry)));
  return {
    scores: prompts.map((prompt, at) =>
      mean(pools.map(({ split, pool }, place) => scoreOf(prompt, chosen[place]?.[at] ?? pool, split))),
    ),
    served: mean(
      chosen.flatMap((workers, place) => workers.map((worker) => (worker === pools[place]?.pool[0] ? 1 : 0))),
    ),
  };
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

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
