import type { HeadJson } from "../../../shared/head.ts";
import { bootstrapByProblem } from "./bootstrap.ts";
import type { Prompt } from "../recordings/prompts.ts";
import type { Played } from "./replay.ts";

export type Measured = HeadJson["trained"]["measured"][number];

const draws = 2000;

/** A row of the tables: what a rule reached on prompts, against a baseline on the same ones. */
export const measure = (
  name: string,
  prompts: readonly Prompt[],
  options: { readonly played: readonly Played[]; readonly baseline: readonly Played[]; readonly seed: number },
): Measured => {
  const { played, baseline, seed } = options;
  const interval = bootstrapByProblem(
    played.map((row, at) => 100 * (row.score - (baseline[at]?.score ?? 0))),
    prompts.map((prompt) => prompt.problem),
    { seed, draws },
  );
  const priced = prompts.some((prompt) =>
    Object.values(prompt.models).some((outcome) => outcome.cost_usd !== undefined),
  );
  return {
    name,
    score: round(100 * mean(played.map((row) => row.score))),
    costDollars: priced ? round(mean(played.map((row) => row.dollars))) : null,
    calls: round(mean(played.map((row) => row.calls))),
    difference: round(interval.mean),
    low: round(interval.low),
    high: round(interval.high),
    prompts: prompts.length,
  };
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const round = (value: number): number => Number(value.toPrecision(5));
