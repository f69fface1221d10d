import { createAskAll, type AskDeps, type AskEnd, type Job } from "../record/ask-all.ts";
import type { Question, Shoal } from "../record/ask.ts";
import { boundOfCall, type Priced } from "../record/estimate.ts";
import { askedOf, keyOf } from "../record/journal.ts";
import type { Prompt } from "../record/prompts.ts";
import { samplesFor } from "./best-of-n.ts";
import { isUltra, type Contender } from "./contenders.ts";
import { readOutcomes } from "./outcomes.ts";
import { questionOf } from "./survey.ts";

export type Tasks = {
  readonly prompts: readonly Prompt[];
  /** The baseline first. */
  readonly contenders: readonly Contender[];
  readonly baseline: Priced;
  /** Of the workers among the contenders. */
  readonly priced: ReadonlyMap<string, Priced>;
  readonly maxTokens: number;
};

export type TasksDeps = Omit<AskDeps, "shoal"> & {
  readonly shoal: Pick<Shoal, "ask" | "preview">;
  /** Answers that are wanted beside those of every contender once: further samples of the baseline. */
  readonly onMore: (answers: number) => void;
};

/**
 * Task after task: what the journal lacks of every contender's answer, then as many further samples of the baseline as
 * cost what Ultra cost, so that wherever a run stops what it has can be compared. A tier's request is opened with the
 * most that its plan can cost, as a dry run says.
 */
export const runTasks = async (tasks: Tasks, deps: TasksDeps): Promise<AskEnd> => {
  const { prompts, contenders } = tasks;
  const askAll = createAskAll({ ...deps, shoal: { ask: askByName(contenders, deps.shoal) } });
  for (const prompt of prompts) {
    const once = contenders.map((contender) => ({ contender, repeat: 0 }));
    for (const wanted of [() => once, () => controlsOf(prompt, tasks, deps)]) {
      const end = await askAll(await jobsOf(prompt, wanted(), { tasks, deps }));
      if (end !== "complete") return end;
    }
  }
  return "complete";
};

/** In jobs and journal a contender stands where a recording has the worker. */
const askByName = (contenders: readonly Contender[], shoal: Pick<Shoal, "ask">): Shoal["ask"] => {
  const known = new Map(contenders.map((contender) => [contender.id, contender]));
  return (question, signal) => {
    const contender = known.get(question.worker);
    const named: Question = { ...question, worker: contender?.model ?? question.worker };
    return shoal.ask(contender?.kind === "tier" ? { ...named, preference: contender.preference } : named, signal);
  };
};

type Wanted = { readonly contender: Contender; readonly repeat: number };

const controlsOf = (prompt: Prompt, { contenders, baseline }: Tasks, deps: TasksDeps): readonly Wanted[] => {
  const outcomes = readOutcomes(deps.journal.entries);
  const samples = outcomes(baseline.id, askedOf(prompt));
  const single = samples.get(0);
  if (single === undefined) return [];
  const teams = contenders.filter(isUltra).flatMap(({ id }) => outcomes(id, askedOf(prompt)).get(0) ?? []);
  const most = Math.max(1, ...teams.map((team) => samplesFor(team, single)));
  const contender: Contender = { kind: "worker", id: baseline.id, model: baseline.id };
  const wanted = Array.from({ length: most }, (_, repeat) => ({ contender, repeat })).filter(
    ({ repeat }) => !samples.has(repeat),
  );
  deps.onMore(wanted.length);
  return wanted;
};

type Ground = { readonly tasks: Tasks; readonly deps: TasksDeps };

const jobsOf = async (prompt: Prompt, wanted: readonly Wanted[], ground: Ground): Promise<readonly Job[]> => {
  const { journal, stop } = ground.deps;
  const answered = new Set(journal.entries.flatMap((entry) => (entry.type === "answer" ? [keyOf(entry)] : [])));
  const jobs: Job[] = [];
  for (const { contender, repeat } of wanted) {
    const call = { asked: askedOf(prompt), worker: contender.id, repeat };
    if (answered.has(keyOf(call)) || stop.aborted) continue;
    const job = await jobOf({ prompt, contender, call }, ground);
    if (job) jobs.push(job);
  }
  return jobs;
};

type Opened = Pick<Job, "prompt" | "call"> & { readonly contender: Contender };

/** Null when there is no dry run: then nothing says what the request could cost. */
const jobOf = async ({ prompt, contender, call }: Opened, { tasks, deps }: Ground): Promise<Job | null> => {
  const { maxTokens, priced } = tasks;
  if (contender.kind === "worker") {
    const worker = priced.get(contender.id);
    return worker ? { prompt, worker, call, bound: boundOfCall(worker, prompt) } : null;
  }
  const preview = await deps.shoal.preview(questionOf(contender, prompt, maxTokens), deps.abort);
  if (!preview.ok) {
    deps.onEvent({ type: "failure", call, failure: preview.error });
    return null;
  }
  return { prompt, worker: { id: contender.id, cap: maxTokens }, call, bound: preview.value.bound };
};
