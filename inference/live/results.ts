import { createHash } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { askedOf } from "../record/journal.ts";
import type { Prompt } from "../record/prompts.ts";
import type { Comparison } from "./compare.ts";
import type { Contender } from "./contenders.ts";
import type { Setting } from "./keep-setting.ts";
import type { Outcomes } from "./outcomes.ts";

export type Results = ReturnType<typeof toResults>;

export type ResultsInput = {
  readonly prompts: readonly Prompt[];
  readonly contenders: readonly Contender[];
  readonly baseline: string;
  /** Whether the weights chose it; false: it was named. */
  readonly chosen: boolean;
  readonly setting: Setting;
  readonly seed: number;
  readonly budget: number;
  readonly spent: number;
  readonly outcomes: Outcomes;
  readonly comparison: Comparison;
};

/** All that a reader has to know: which models, when, what was asked of them, and what came of it. Dollars, milliseconds. */
export const toResults = (input: ResultsInput) => {
  const { prompts, contenders, outcomes, comparison } = input;
  const answers = prompts.flatMap((prompt) =>
    contenders.flatMap(({ id }) =>
      [...outcomes(id, askedOf(prompt))].map(([repeat, outcome]) => ({
        task: prompt.id,
        problem: prompt.problem,
        domain: prompt.domain,
        contender: id,
        repeat,
        at: outcome.at,
        model: outcome.model,
        correct: outcome.correct,
        cost_usd: outcome.cost,
        latency_ms: outcome.ms,
        ...(outcome.run && { run: outcome.run }),
      })),
    ),
  );
  const times = answers.map(({ at }) => at).toSorted();
  return {
    object: "live_evaluation",
    first_answer_at: times[0] ?? null,
    last_answer_at: times.at(-1) ?? null,
    tasks: { count: prompts.length, sha256: hashOf(prompts) },
    contenders,
    baseline: { worker: input.baseline, chosen_by: input.chosen ? "weights" : "name" },
    setting: input.setting,
    seed: input.seed,
    budget_usd: input.budget,
    spent_usd: input.spent,
    rows: comparison.rows.map(({ dollars, ms, ...row }) => ({ ...row, cost_usd: dollars, mean_latency_ms: ms })),
    differences: comparison.differences.map(({ dollars, ...difference }) => ({ ...difference, cost_usd: dollars })),
    answers,
  };
};

const hashOf = (prompts: readonly Prompt[]): string =>
  createHash("sha256").update(JSON.stringify(prompts)).digest("hex");

/** Whole or not at all. */
export const writeResults = async (file: string, results: Results): Promise<void> => {
  await writeFile(`${file}.new`, `${JSON.stringify(results, null, 2)}\n`);
  await rename(`${file}.new`, file);
};
