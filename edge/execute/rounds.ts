import { answerText, collect, type AnswerEvent } from "../../shared/events.ts";
import type { Plan, Step, Workflow } from "../../shared/plan.ts";
import type { Events, ExecuteDeps } from "./answer.ts";
import { execute } from "./execute.ts";
import { accounting } from "./inner-step.ts";
import type { StepRun } from "./run-step.ts";
import { runWorkflow } from "./workflow.ts";

/** Events of a planner at work as they come, and at last what is to be run. */
type Writing<T> = AsyncGenerator<readonly AnswerEvent[], T, void>;

/** Whoever revises sees the answer and knows which step gave it. */
export type Revise = (answered: { readonly step: Step; readonly answer: string }) => Writing<Workflow | null>;

export type Rounds = {
  /** The plan to run; `revise`: asks whether its answer is to be revised, null where it is not. */
  readonly write: () => Writing<{ readonly plan: Plan; readonly revise: Revise | null }>;
};

/**
 * Runs what a planner writes. Where one more round may follow, the answer of the first is held until the planner has
 * seen it: it goes out as it is, or a second workflow revises it, once. A revision that fails leaves the answer.
 */
export async function* runRounds({ write }: Rounds, deps: ExecuteDeps): Events {
  const { plan, revise } = yield* write();
  if (deps.signal.aborted) return;
  if (revise === null) return yield* execute(plan, deps);

  const held = yield* hold(execute(plan, { ...deps, stream: false }));
  const answered = runOf(held, plan);
  if (answered === null || deps.signal.aborted) return yield held;
  const answer = answerText(collect(answered.events));
  const revision = answer === "" ? null : yield* revise({ step: answered.step, answer });
  if (revision === null || deps.signal.aborted) return yield held;
  yield* runWorkflow(revision, deps, answered);
}

/** Passes on what is no word of the answer. */
async function* hold(events: Events): Writing<readonly AnswerEvent[]> {
  const held: AnswerEvent[] = [];
  for await (const batch of events) {
    const told = batch.filter(({ type }) => accounting.has(type));
    held.push(...batch.filter(({ type }) => !accounting.has(type)));
    if (told.length > 0) yield told;
  }
  return held;
}

/** The answer as the step that gave it; null where there is none, or none that is whole: nobody asked to improve that. */
const runOf = (held: readonly AnswerEvent[], plan: Plan): StepRun | null => {
  const end = held.findLast((event) => event.type === "end");
  const step = plan.kind === "workflow" ? plan.steps.find(({ id }) => id === end?.step) : undefined;
  if (!end || !step || end.reason !== "stop") return null;
  return {
    step: { ...step, worker: end.worker },
    events: held.filter(({ type }) => type !== "end"),
    end: end.reason,
    ...(end.stopSequence !== undefined && { stopSequence: end.stopSequence }),
    error: null,
    spoke: false,
  };
};
