/** Rules that learn: none has seen the problem of a prompt that it is scored on. */
import { textOf, type Contest } from "./contest.ts";
import { neighborRule, ridgeRule, single, type Rule } from "./baselines.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { createRandom, foldsByProblem, shuffled } from "../fit/random.ts";

/** Chosen on held-out folds of CodeRouterBench. */
const ridge = 3;
const neighbors = 20;
/** More make the Gram matrix slow, have to be encoded, and change little. */
const maxExamples = 1600;
/** Outcomes that a type must have before it counts as much as the worker's mean. */
const shrinkage = 5;
const folds = 5;
const seed = 1;

export const learnedRules = (contest: Contest): readonly (readonly [string, Rule])[] => {
  if (contest.training.length === 0) return [];
  const examples = { ...contest, training: examplesOf(contest.training) };
  return [
    ["told-type-table", crossFitted(contest, (training) => toldTypeRule(contest, training))],
    ["ridge", crossFitted(examples, (training) => ridgeOn(contest, training))],
    ["knn", crossFitted(examples, (training) => neighborsOn(contest, training))],
  ];
};

/** The training prompts whose vectors are read. */
export const examplesOf = (training: readonly Prompt[]): readonly Prompt[] =>
  shuffled(training, createRandom(seed)).slice(0, maxExamples);

/** One fit on all training prompts where none of their problems is scored, else one for each fold of the problems. */
const crossFitted = (contest: Contest, fit: (training: readonly Prompt[]) => Rule): Rule => {
  const problems = contest.prompts.map((prompt) => prompt.problem);
  const scored = new Set(problems);
  if (!contest.training.some((prompt) => scored.has(prompt.problem))) return fit(contest.training);
  const assigned = foldsByProblem(problems, folds, seed);
  const foldOf = new Map(problems.map((problem, at) => [problem, assigned[at] ?? 0]));
  const rules = Array.from({ length: folds }, (_, fold) =>
    fit(contest.training.filter((prompt) => foldOf.get(prompt.problem) !== fold)),
  );
  return (prompt) => {
    const rule = rules[foldOf.get(prompt.problem) ?? 0];
    if (!rule) throw new Error(`${prompt.id}: no fold`);
    return rule(prompt);
  };
};

/** The best worker of the type that the recording names, which no router is told. */
const toldTypeRule = (contest: Contest, training: readonly Prompt[]): Rule => {
  const overall = strengthsOf(contest, training, null);
  const tables = new Map(
    [...Map.groupBy(training, (prompt) => prompt.type)].map(([type, prompts]) => [
      type,
      strengthsOf(contest, prompts, overall),
    ]),
  );
  return (prompt) => {
    const strengths = tables.get(prompt.type) ?? overall;
    return single(contest.order[strengths.indexOf(Math.max(...strengths))] ?? "")(prompt);
  };
};

const strengthsOf = (contest: Contest, prompts: readonly Prompt[], overall: readonly number[] | null) =>
  contest.order.map((worker, at) => {
    const outcomes = prompts.flatMap((prompt) => {
      const outcome = prompt.models[worker];
      return outcome && !outcome.outage ? [outcome.correct] : [];
    });
    const prior = overall ? shrinkage : 0;
    const sum = outcomes.reduce((total, value) => total + value, prior * (overall?.[at] ?? 0));
    return sum / Math.max(1, outcomes.length + prior);
  });

const ridgeOn = (contest: Contest, training: readonly Prompt[]): Rule => {
  const rowOf = (prompt: Prompt) => ({ dense: contest.embeddings.of(textOf(contest, prompt)), sparse: null });
  const examples = training.map((prompt) => ({ prompt, row: rowOf(prompt) }));
  const shape = { dense: contest.embeddings.dimensions, buckets: 0 };
  return ridgeRule(examples, { pool: contest.pool, shape, ridge, rowOf });
};

const neighborsOn = (contest: Contest, training: readonly Prompt[]): Rule => {
  const vectorOf = (prompt: Prompt) => contest.embeddings.of(textOf(contest, prompt));
  return neighborRule(training, { pool: contest.pool, neighbors, vectorOf });
};
