/** The contests of the tables: which recordings, which prompts of them, which pool. */
import type { Embeddings } from "../fit/embed.ts";
import { headOptions, trainingSeed } from "../fit/head-options.ts";
import type { KnownSet } from "../recordings/known-sets.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { createRandom, shuffled } from "../fit/random.ts";
import { candidates } from "./candidates.ts";
import { compete } from "./compete.ts";
import { openField, type Field } from "./field.ts";
import { openOuterFolds } from "./nested.ts";
import { standingsOf, type Standing } from "./standings.ts";

/** The set that has prices, and texts without their instruction. */
export const pricedSet = "coderouterbench_idtest";

/** Of sets where task types say little, so many prompts are enough. */
const maxPrompts = 600;

export type Contest = { readonly title: string; readonly standings: readonly Standing[] };

export const contestsOf = (set: KnownSet, embeddings: Embeddings): readonly Contest[] => {
  const title = titles[set.name];
  if (title === undefined) return [];
  const prompts = set.name === pricedSet ? set.recorded : drawPrompts(set.prompts);
  const field = openRecorded(prompts, set, embeddings);
  const folds = openOuterFolds(field, prompts, { seed: trainingSeed, exact: true });
  const contestants = compete(field, folds, candidates);
  const whole = { title: `${title}, ${field.pool.length} workers`, standings: standingsOf(contestants, "whole") };
  if (set.name !== pricedSet) return [whole];
  return [whole, { title: "the same without the instruction", standings: standingsOf(contestants, "untold") }];
};

export const openRecorded = (prompts: readonly Prompt[], set: KnownSet, embeddings: Embeddings): Field => {
  const pool = set.pools[0] ?? [];
  const { rowOf, shape } = headOptions("encoder", pool, embeddings);
  return openField(prompts, { pool, rowOf, shape });
};

const titles: Readonly<Record<string, string>> = {
  coderouterbench_idtest: "CodeRouterBench",
  zeroeval: "ZeroEval, one worker chosen",
  mmlu_pro: "MMLU-Pro, one worker chosen",
};

/** Problem by problem, in an order that the seed draws. */
const drawPrompts = (prompts: readonly Prompt[]): readonly Prompt[] => {
  const groups = [...Map.groupBy(prompts, (prompt) => prompt.problem).values()];
  return shuffled(groups, createRandom(trainingSeed)).flat().slice(0, maxPrompts);
};
