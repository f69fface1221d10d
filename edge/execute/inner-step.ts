import type { ChatRequest } from "../../shared/chat.ts";
import { answerText, collect, type AnswerEvent, type Told } from "../../shared/events.ts";
import type { Step } from "../../shared/plan.ts";
import type { ExecuteDeps } from "./answer.ts";
import type { VisibleResult } from "./compose-step.ts";
import type { StepRun } from "./run-step.ts";

/** What tells of a call, and is no word of it. */
export const accounting: ReadonlySet<AnswerEvent["type"]> = new Set(["step-start", "step-end", "usage"]);

/** Runs a step to its end; its accounting events go to `emit`, its words stay in the run. */
export const collectStep = async (
  step: Step,
  chat: ChatRequest,
  deps: Pick<ExecuteDeps, "runStep">,
  emit: (events: readonly AnswerEvent[]) => void,
  signal?: AbortSignal,
): Promise<StepRun> => {
  const run = innerStep(step, chat, deps, signal);
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
    emit(next.value);
  }
};

/** The same, its accounting events given as they come. */
export async function* innerStep(
  step: Step,
  chat: ChatRequest,
  deps: Pick<ExecuteDeps, "runStep">,
  signal?: AbortSignal,
): Told<StepRun> {
  const run = deps.runStep({ step, chat, whole: true, keep: true, ...(signal && { signal }) });
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
    yield next.value.filter((event) => accounting.has(event.type));
  }
}

export const isUsable = (run: StepRun | null): run is StepRun => run !== null && run.error === null && run.end !== null;

export const toVisible = (run: StepRun): VisibleResult => {
  const { id, subtask, role } = run.step;
  const text = textOfRun(run);
  const answers = role === "answer" || role === "judge";
  return { step: id, text, asked: subtask, acceptable: answers && text !== "" && !isCut(run) };
};

const textOfRun = (run: StepRun): string => answerText(collect(run.events));

/** A whole answer to the user's own words, which may stand for the team's. */
export const isWholeAnswer = (run: StepRun): boolean =>
  run.step.role === "answer" && run.step.subtask === null && !isCut(run) && textOfRun(run) !== "";

/** Ended by the cap that the plan gave it: more may be to say. */
const isCut = ({ step, end }: StepRun): boolean => end === "length" && step.maxOutputTokens !== undefined;
