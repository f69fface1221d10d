import { execute, type Events, type ExecuteDeps } from "../../edge/execute/execute.ts";
import type { RunStep, StepRequest } from "../../edge/execute/run-step.ts";
import { textOf } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { answerText, collect, type AnswerEvent, type EndReason } from "../../shared/events.ts";
import { answerStep, type Plan, type Step, type Workflow } from "../../shared/plan.ts";
import { chatOf, stepEnd, stepStart, textDelta, upstreamError, usageOf, used } from "./events.ts";

type Line = { readonly text?: string; readonly error?: ShoalError; readonly end?: EndReason };

/** Workers that say what a test has them say, when it has them say it. */
const createStage = (thoughts: readonly AnswerEvent[]) => {
  const started: string[] = [];
  const requests = new Map<string, StepRequest>();
  const lines = new Map<string, PromiseWithResolvers<Line>>();
  const lineOf = (worker: string) => {
    const line = lines.get(worker) ?? Promise.withResolvers<Line>();
    lines.set(worker, line);
    return line;
  };
  const runStep: RunStep = async function* (request) {
    const { step, signal, keep } = request;
    started.push(`${step.id} ${step.worker}`);
    requests.set(step.id, request);
    yield [stepStart(step.id, step.worker, step.role)];
    const canceled = new Promise<Line>((resolve) =>
      signal?.addEventListener("abort", () => resolve({ error: upstreamError("network") }), { once: true }),
    );
    const { text, error, end = "stop" } = await Promise.race([lineOf(step.worker).promise, canceled]);
    const words = text === undefined ? [] : [...thoughts, textDelta(text)];
    if (words.length > 0) yield words;
    const outcome = error === undefined ? "done" : signal?.aborted ? "canceled" : "failed";
    yield [used(step.id, step.worker, usageOf(10, 5), 20), stepEnd(step.id, step.worker, outcome, error)];
    return {
      step,
      events: keep ? words : [],
      end: error ? null : end,
      error: error ?? null,
      spoke: words.length > 0,
    };
  };
  return {
    started,
    requests,
    runStep,
    say: (worker: string, text: string, end: EndReason = "stop") => lineOf(worker).resolve({ text, end }),
    fail: (worker: string, error: ShoalError = upstreamError("overloaded"), text?: string) =>
      lineOf(worker).resolve({ error, ...(text !== undefined && { text }) }),
  };
};

/** Runs a plan with such workers, each of whom thinks `thoughts` first; what a test reads of it is there as it comes. */
export const runPlan = (plan: Plan, deps: Partial<ExecuteDeps> = {}, thoughts: readonly AnswerEvent[] = []) =>
  runStage((all) => execute(plan, all), deps, thoughts);

/** The same of whatever is run. */
export const runStage = (
  run: (deps: ExecuteDeps) => Events,
  deps: Partial<ExecuteDeps> = {},
  thoughts: readonly AnswerEvent[] = [],
) => {
  const stage = createStage(thoughts);
  const extended: string[] = [];
  const events: AnswerEvent[] = [];
  const generator = run({
    chat: chatOf("How many fish?"),
    alternates: [],
    runStep: stage.runStep,
    stream: true,
    extend: async (worker) => {
      extended.push(worker);
      return true;
    },
    providerOf: (worker) => worker,
    fit: (_, chat) => chat,
    newBoundary: () => "boundary",
    random: () => 0,
    signal: new AbortController().signal,
    ...deps,
  });
  const over = (async () => {
    for await (const batch of generator) events.push(...batch);
  })();
  return {
    ...stage,
    events,
    extended,
    over,
    text: () => answerText(collect(events)),
    stepEnds: () =>
      events.flatMap((event) => (event.type === "step-end" ? [`${event.step} ${event.worker} ${event.outcome}`] : [])),
    seenBy: (step: string) => {
      const last = stage.requests.get(step)?.chat.messages.at(-1);
      return last ? textOf(last) : "";
    },
  };
};

/** A step in the user's own words, with what a test adds. */
export const stepOf = (id: string, worker: string, rest: Partial<Step> = {}): Step => ({
  ...answerStep(worker),
  id,
  ...rest,
});

export const workflowOf = (...steps: readonly Step[]): Workflow => ({ kind: "workflow", steps: [...steps] });

export const judgeOf = (worker: string): Step =>
  stepOf("judge", worker, { role: "judge", subtask: "Choose.", access: "all" });
