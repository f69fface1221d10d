import { gradesOf, keyOf, type Entry } from "../record/journal.ts";
import type { Family, Run } from "../record/run.ts";

/** One graded answer. */
export type Outcome = {
  readonly correct: number;
  /** The final answer that was read, null when none could be; absent where answers cannot be compared. */
  readonly pred?: string | null;
  /** Dollars. */
  readonly cost: number;
  readonly calls: number;
  /** Milliseconds from request to last word. */
  readonly ms: number;
  /** Null for a worker alone, and where no trace could be read. */
  readonly family: Family | null;
  readonly run: Run | null;
  /** The vendor's own name of what wrote the answer. */
  readonly model: string | null;
  /** ISO 8601. */
  readonly at: string;
};

/** Samples of one contender to one task, by repeat; what failed or waits for its grade is absent. */
export type Samples = ReadonlyMap<number, Outcome>;
/** By contender and the task's name in the journal. */
export type Outcomes = (contender: string, asked: string) => Samples;

const none: Samples = new Map();

export const readOutcomes = (entries: readonly Entry[]): Outcomes => {
  const grades = gradesOf(entries);
  const outcomes = new Map<string, Map<number, Outcome>>();
  for (const entry of entries) {
    const grade = entry.type === "answer" ? grades.get(keyOf(entry)) : undefined;
    if (entry.type !== "answer" || grade === undefined) continue;
    const key = JSON.stringify([entry.worker, entry.asked]);
    const samples = outcomes.get(key) ?? new Map<number, Outcome>();
    outcomes.set(key, samples);
    samples.set(entry.repeat, {
      correct: grade.correct,
      ...(grade.pred !== undefined && { pred: grade.pred }),
      cost: entry.cost_usd,
      calls: entry.run?.calls.length ?? 1,
      ms: entry.latency_ms,
      family: entry.run?.family ?? null,
      run: entry.run ?? null,
      model: entry.model,
      at: entry.at,
    });
  }
  return (contender, asked) => outcomes.get(JSON.stringify([contender, asked])) ?? none;
};
