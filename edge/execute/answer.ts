import type { ChatRequest } from "../../shared/chat.ts";
import { isRetryable } from "../../shared/errors.ts";
import type { AnswerEvent, Told } from "../../shared/events.ts";
import type { Step } from "../../shared/plan.ts";
import type { RunStep, StepRequest, StepRun } from "./run-step.ts";

export type Events = Told<void>;

export type ExecuteDeps = {
  readonly chat: ChatRequest;
  /** Workers by falling utility: who answers when the chosen one cannot. */
  readonly alternates: readonly string[];
  /** Who serves a worker of the pool. */
  readonly providerOf: (worker: string) => string;
  readonly runStep: RunStep;
  /** Whether the client reads the answer as it is written. */
  readonly stream: boolean;
  /** Sets dollars aside for a call that the plan did not foresee; false when they cannot be had. */
  readonly extend: (worker: string, chat: ChatRequest) => Promise<boolean>;
  /**
   * The request as a worker of the pool can take it, its output capped where the context would end; null where the
   * worker's context is too small for it.
   */
  readonly fit: (worker: string, chat: ChatRequest) => ChatRequest | null;
  /** Characters that no worker can know beforehand. */
  readonly newBoundary: () => string;
  /** A number in [0, 1), drawn anew at each call. */
  readonly random: () => number;
  /** Aborted when the client has left: then nobody else is asked. */
  readonly signal: AbortSignal;
};

/** So many workers are tried in turn for the answer, the chosen one included. */
const maxAttempts = 3;

/** The answering call, streamed, with its end. */
export const answer = (step: Step, chat: ChatRequest, deps: ExecuteDeps): Events =>
  conclude({ step, chat }, null, deps);

/** The same. Where it fails before its first word, an answer that there is goes out in its place. */
export async function* conclude(
  { step, chat }: Pick<StepRequest, "step" | "chat">,
  best: StepRun | null,
  deps: ExecuteDeps,
): Events {
  const run = yield* speak(step, chat, deps);
  if (run.error === null) return yield [endOf(run)];
  if (best && !run.spoke && !deps.signal.aborted) return yield [...best.events, endOf(best)];
  yield [{ type: "error", error: run.error }];
}

/** What a call's events go through before they go out. */
export type Gate = {
  readonly pass: (batch: readonly AnswerEvent[]) => readonly AnswerEvent[];
  /** Whether a word has gone out. */
  readonly spoke: () => boolean;
  /** Forgets what it holds: another worker takes the place of one that failed. */
  readonly clear: () => void;
};

/** Until its first word another worker may take a worker's place; after it, never. Gives the last run. */
export async function* speak(step: Step, chat: ChatRequest, deps: ExecuteDeps, gate?: Gate): Told<StepRun> {
  const tried = new Set<string>();
  let worker = step.worker;
  for (;;) {
    tried.add(worker);
    const call = { step: { ...step, worker }, chat, whole: !deps.stream, keep: false };
    const run = yield* gate ? runThrough(gate, call, deps) : deps.runStep(call);
    const spoke = gate ? gate.spoke() : run.spoke;
    if (run.error === null || deps.signal.aborted || spoke || !isRetryable(run.error)) return run;
    const next = nextWorker(tried, deps);
    if (next === undefined || tried.size >= maxAttempts || !(await deps.extend(next, chat))) return run;
    gate?.clear();
    worker = next;
  }
}

async function* runThrough(gate: Gate, call: Parameters<RunStep>[0], deps: ExecuteDeps): Told<StepRun> {
  const run = deps.runStep(call);
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
    const passed = gate.pass(next.value);
    if (passed.length > 0) yield passed;
  }
}

/** By falling utility, but first of providers that have not failed: an outage mostly takes all workers of one. */
const nextWorker = (tried: ReadonlySet<string>, { alternates, providerOf }: ExecuteDeps): string | undefined => {
  const failed = new Set([...tried].map(providerOf));
  const left = alternates.filter((candidate) => !tried.has(candidate));
  return left.find((candidate) => !failed.has(providerOf(candidate))) ?? left[0];
};

export const endOf = ({ step, end, stopSequence }: StepRun): AnswerEvent => ({
  type: "end",
  reason: end ?? "stop",
  ...(stopSequence !== undefined && { stopSequence }),
  step: step.id,
  worker: step.worker,
});
