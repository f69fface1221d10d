import { answerText, collect, type AnswerEvent, type Told } from "../../shared/events.ts";
import type { Plan, Step, Workflow } from "../../shared/plan.ts";
import { endOf, type Events, type ExecuteDeps } from "./answer.ts";
import { execute } from "./execute.ts";
import { accounting } from "./inner-step.ts";
import type { StepRun } from "./run-step.ts";
import { runWorkflow } from "./workflow.ts";

/** Has the workflow written that revises an answer; null where it stays as it is. */
export type Revise = (answered: { readonly step: Step; readonly answer: string }) => Told<Workflow | null>;

/** Has the plan written that is to run. `revise`: null where no second round may follow. */
export type Write = () => Told<{ readonly plan: Plan; readonly revise: Revise | null }>;

/**
 * Runs what a planner writes. Where one more round may follow, the answer of the first is held until the planner has
 * seen it: it goes out as it is, or a second workflow revises it, once. A revision that comes to nothing leaves the
 * answer.
 */
export async function* runRounds(write: Write, deps: ExecuteDeps): Events {
  const { plan, revise } = yield* write();
  if (deps.signal.aborted) return;
  if (revise === null) return yield* execute(plan, deps);

  const held = yield* hold(execute(plan, { ...deps, stream: false }));
  const answered = runOf(held, plan);
  if (answered === null || deps.signal.aborted) return yield held;
  const revision = yield* revise({ step: answered.step, answer: textOf(answered.events) });
  if (revision === null || deps.signal.aborted) return yield held;
  // Whoever fails has an answer behind it: nobody takes its place.
  yield* preferRevised(runWorkflow(revision, { ...deps, alternates: [] }, answered), answered, deps);
}

const textOf = (events: readonly AnswerEvent[]): string => answerText(collect(events));

/** What tells of calls, and what is the answer's. */
const split = (batch: readonly AnswerEvent[]) => ({
  told: batch.filter(({ type }) => accounting.has(type)),
  words: batch.filter(({ type }) => !accounting.has(type)),
});

/** Passes on what is no word of the answer. */
async function* hold(events: Events): Told<readonly AnswerEvent[]> {
  const held: AnswerEvent[] = [];
  for await (const batch of events) {
    const { told, words } = split(batch);
    held.push(...words);
    if (told.length > 0) yield told;
  }
  return held;
}

/** The answer as the step that gave it; null where there is none that is whole: nobody is asked to improve that. */
const runOf = (held: readonly AnswerEvent[], plan: Plan): StepRun | null => {
  const end = held.findLast((event) => event.type === "end");
  const step = plan.kind === "workflow" ? plan.steps.find(({ id }) => id === end?.step) : undefined;
  if (!end || !step || !isWhole(held)) return null;
  return {
    // Whoever wrote it, it is an answer, which a verifier may let go out.
    step: { ...step, worker: end.worker, role: "answer" },
    events: held.filter(({ type }) => type !== "end"),
    end: end.reason,
    ...(end.stopSequence !== undefined && { stopSequence: end.stopSequence }),
    error: null,
    spoke: false,
  };
};

const isWhole = (events: readonly AnswerEvent[]): boolean =>
  events.some((event) => event.type === "end" && event.reason === "stop") && textOf(events) !== "";

/**
 * The revised answer if it is whole, else the one before. Its words stream from the first on, and stand then; whoever
 * reads no stream gets nothing of it before it is whole.
 */
async function* preferRevised(revised: Events, before: StepRun, { stream, signal }: ExecuteDeps): Events {
  const held: AnswerEvent[] = [];
  let spoken = false;
  for await (const batch of revised) {
    const { told, words } = split(batch);
    spoken ||= stream && textOf(words) !== "";
    if (spoken) yield [...held.splice(0), ...batch];
    else {
      held.push(...words);
      if (told.length > 0) yield told;
    }
  }
  if (spoken || signal.aborted) return;
  yield isWhole(held) ? held : [...before.events, endOf(before)];
}
