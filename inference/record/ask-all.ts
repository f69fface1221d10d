import type { Failure, Reply, Shoal } from "./ask.ts";
import type { Budget } from "./budget.ts";
import { boundOfCall, type Priced } from "./estimate.ts";
import type { Grade } from "./grade.ts";
import { askedOf, gradesOf, keyOf, promptsOf, type Call, type Entry, type Journal } from "./journal.ts";
import { textOfPrompt, type Prompt } from "./prompts.ts";

/** One answer that is wanted. */
export type Job = {
  readonly prompt: Prompt;
  readonly worker: Pick<Priced, "id" | "cap">;
  readonly call: Call;
  /** Dollars. */
  readonly bound: number;
};

export type AskDeps = {
  readonly shoal: Pick<Shoal, "ask">;
  readonly journal: Journal;
  readonly budget: Budget;
  readonly grade: (prompt: Prompt, answer: string) => Promise<Grade>;
  readonly concurrency: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly delay: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** No further call starts. */
  readonly stop: AbortSignal;
  /** Running calls end. */
  readonly abort: AbortSignal;
  readonly onEvent: (event: AskEvent) => void;
};

export type AskEvent =
  | { readonly type: "answer"; readonly call: Call }
  | { readonly type: "failure"; readonly call: Call; readonly failure: Failure }
  | { readonly type: "gave-up"; readonly worker: string };

/** Why the run is over. */
export type AskEnd = "complete" | "budget" | "stopped";

/** A busy vendor is asked so often for one answer. */
const tries = 3;
const firstWaitMs = 2_000;
const longestWaitMs = 60_000;
/** After so many failed calls in a row a worker is left alone until the next run. */
const failuresInRow = 5;
const busy: readonly (number | null)[] = [429, 503, 529];

/**
 * What the journal lacks: every worker's answer to a prompt before the next prompt, every prompt once before any is
 * repeated, so that the run may stop anywhere and what it has can be compared. Failed calls are asked again.
 */
export const findMissing = (
  prompts: readonly Prompt[],
  workers: readonly Priced[],
  { repeats, entries }: { readonly repeats: number; readonly entries: readonly Entry[] },
): readonly Job[] => {
  const answered = new Set(entries.flatMap((entry) => (entry.type === "answer" ? [keyOf(entry)] : [])));
  const jobs = Array.from({ length: repeats }, (_, repeat) =>
    prompts.flatMap((prompt) =>
      workers.map((worker): Job => ({
        prompt,
        worker,
        call: { asked: askedOf(prompt), worker: worker.id, repeat },
        bound: boundOfCall(worker, prompt),
      })),
    ),
  ).flat();
  return jobs.filter(({ call }) => !answered.has(keyOf(call)));
};

/** Asks in order, never starting a call that could pass the budget, and grades what comes back. */
export const askAll = (jobs: readonly Job[], deps: AskDeps): Promise<AskEnd> => createAskAll(deps)(jobs);

/** The same for jobs that come in parts: who has failed too often is left alone in all of them. */
export const createAskAll = (deps: AskDeps): ((jobs: readonly Job[]) => Promise<AskEnd>) => {
  const ask = createAsk(deps);
  return (jobs) => runAll(jobs, ask, deps);
};

const runAll = async (
  jobs: readonly Job[],
  ask: (job: Job) => Promise<void>,
  deps: Pick<AskDeps, "budget" | "stop" | "concurrency">,
): Promise<AskEnd> => {
  const { budget, stop } = deps;
  const running = new Set<Promise<void>>();
  let end: AskEnd = "complete";
  for (const job of jobs) {
    while (running.size >= deps.concurrency || (running.size > 0 && !budget.fits(job.bound))) {
      await Promise.race(running);
    }
    if (stop.aborted) end = "stopped";
    else if (!budget.fits(job.bound)) end = "budget";
    if (end !== "complete") break;
    const work = ask(job).finally(() => running.delete(work));
    running.add(work);
  }
  await Promise.all(running);
  return stop.aborted ? "stopped" : end;
};

const createAsk = (deps: AskDeps) => {
  const { shoal, journal, budget, onEvent } = deps;
  const inRow = new Map<string, number>();
  const at = () => new Date(deps.now()).toISOString();

  const answered = async ({ call, prompt, bound }: Job, reply: Reply): Promise<void> => {
    budget.settle(bound, reply.costUsd);
    inRow.delete(call.worker);
    const { model, finish, run } = reply;
    const measured = { tokens_in: reply.tokensIn, tokens_out: reply.tokensOut, cost_usd: reply.costUsd };
    const answer = { answer: reply.text, latency_ms: Math.round(reply.latencyMs), model, finish };
    journal.append({ type: "answer", ...call, at: at(), ...answer, ...measured, ...(run && { run }) });
    journal.append({ type: "grade", ...call, at: at(), ...(await deps.grade(prompt, reply.text)) });
    onEvent({ type: "answer", call });
  };

  const failed = ({ call, bound }: Job, failure: Failure): void => {
    const cost = failure.costUsd ?? bound;
    budget.settle(bound, cost);
    const { status, code } = failure;
    journal.append({ type: "failure", ...call, at: at(), status, code, cost_usd: cost });
    onEvent({ type: "failure", call, failure });
    const failures = (inRow.get(call.worker) ?? 0) + 1;
    inRow.set(call.worker, failures);
    if (failures === failuresInRow) onEvent({ type: "gave-up", worker: call.worker });
  };

  return async (job: Job): Promise<void> => {
    const { call, prompt, worker, bound } = job;
    const question = { worker: worker.id, system: prompt.system, text: textOfPrompt(prompt), maxTokens: worker.cap };
    for (let attempt = 0; attempt < tries; attempt += 1) {
      if (deps.stop.aborted || !budget.fits(bound) || (inRow.get(call.worker) ?? 0) >= failuresInRow) return;
      budget.hold(bound);
      journal.append({ type: "open", ...call, at: at(), bound_usd: bound });
      const reply = await shoal.ask(question, deps.abort);
      if (reply.ok) return answered(job, reply.value);
      // Who was cut off has not failed; what that cost stays as opened.
      if (deps.abort.aborted) return budget.settle(bound, bound);
      failed(job, reply.error);
      if (!busy.includes(reply.error.status)) return;
      const waitMs = Math.max(reply.error.retryAfterMs ?? 0, firstWaitMs * 2 ** attempt);
      if (attempt + 1 < tries) await deps.delay(Math.min(waitMs, longestWaitMs), deps.stop);
    }
  };
};

/** Writes what the journal does not know of the prompts. */
export const keepPrompts = (prompts: readonly Prompt[], journal: Journal): void => {
  const known = promptsOf(journal.entries);
  for (const prompt of prompts) {
    const kept = known.get(prompt.id)?.prompt;
    if (JSON.stringify(kept) === JSON.stringify(prompt)) continue;
    journal.append({ type: "prompt", asked: askedOf(prompt), prompt });
  }
};

/** Grades answers that were written and not graded when a run was killed, or graded by a verifier that has changed. */
export const gradeRest = async ({ journal, grade, now }: Pick<AskDeps, "journal" | "grade" | "now">): Promise<void> => {
  const prompts = new Map([...promptsOf(journal.entries).values()].map(({ asked, prompt }) => [asked, prompt]));
  const grades = gradesOf(journal.entries);
  const answers = journal.entries.filter((entry) => entry.type === "answer");
  for (const { asked, worker, repeat, answer } of answers) {
    const prompt = prompts.get(asked);
    const call = { asked, worker, repeat };
    if (prompt === undefined || grades.has(keyOf(call))) continue;
    const graded = await grade(prompt, answer);
    journal.append({ type: "grade", ...call, at: new Date(now()).toISOString(), ...graded });
  }
};
