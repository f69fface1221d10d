import type { Outcome, Recording, Sample } from "../train/recordings/recordings.ts";
import { gradesOf, keyOf, promptsOf, type Entry, type EntryOf } from "./journal.ts";
import type { Prompt } from "./prompts.ts";

type Asked = { readonly samples: readonly Sample[]; readonly failures: number };

/** All that the journal knows, in the format of recordings. */
export const toRecordings = (entries: readonly Entry[]): readonly Recording[] => {
  const asked = groupCalls(entries);
  return [...promptsOf(entries).values()].flatMap(({ asked: name, prompt }) => {
    const outcomes = [...(asked.get(name) ?? [])].flatMap(([worker, calls]) => {
      const outcome = toOutcome(calls);
      return outcome === null ? [] : [[worker, outcome] as const];
    });
    return outcomes.length === 0 ? [] : [toRecording(prompt, Object.fromEntries(outcomes))];
  });
};

/** By prompt and worker. */
const groupCalls = (entries: readonly Entry[]): ReadonlyMap<string, ReadonlyMap<string, Asked>> => {
  const grades = gradesOf(entries);
  const prompts = new Map<string, Map<string, Asked>>();
  for (const entry of entries) {
    if (entry.type !== "answer" && entry.type !== "failure") continue;
    const workers = prompts.get(entry.asked) ?? new Map<string, Asked>();
    prompts.set(entry.asked, workers);
    const { samples, failures } = workers.get(entry.worker) ?? { samples: [], failures: 0 };
    const grade = entry.type === "answer" ? grades.get(keyOf(entry)) : undefined;
    workers.set(entry.worker, {
      samples: entry.type === "answer" && grade ? [...samples, toSample(entry, grade)] : samples,
      failures: entry.type === "failure" ? failures + 1 : failures,
    });
  }
  return prompts;
};

const toSample = (answer: EntryOf<"answer">, { correct, pred }: EntryOf<"grade">): Sample => ({
  date: answer.at,
  model: answer.model,
  answer: answer.answer,
  finish: answer.finish,
  correct,
  ...(pred !== undefined && { pred }),
  tokens_in: answer.tokens_in,
  tokens_out: answer.tokens_out,
  cost_usd: answer.cost_usd,
  latency_ms: answer.latency_ms,
});

/** A worker that only failed is an outage; one whose answers wait to be graded has no outcome yet. */
const toOutcome = ({ samples, failures }: Asked): Outcome | null => {
  const [first] = samples;
  if (first === undefined) return failures === 0 ? null : { correct: 0, outage: true, failures };
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  return {
    correct: mean((sample) => sample.correct),
    ...(samples.length > 1 && { runs: samples.map((sample) => sample.correct) }),
    tokens_in: mean((sample) => sample.tokens_in),
    tokens_out: mean((sample) => sample.tokens_out),
    cost_usd: mean((sample) => sample.cost_usd),
    latency_ms: mean((sample) => sample.latency_ms),
    ...(first.pred !== undefined && { pred: first.pred }),
    failures,
    samples: [...samples],
  };
};

const toRecording = (prompt: Prompt, models: Recording["models"]): Recording => {
  const { id, domain, problem, prompt: text, instruction, system, verifier } = prompt;
  return {
    id,
    domain,
    problem,
    ...(instruction !== undefined && { instruction }),
    prompt: text,
    ...(system !== undefined && { system }),
    ...("answer" in verifier && { answer: verifier.answer }),
    verifier: verifier.kind,
    models,
  };
};
