import type { ChatRequest } from "../../shared/chat.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import { answerStep } from "../../shared/plan.ts";
import type { Clock } from "../runtime/clock.ts";
import { collectStep, isUsable, toVisible } from "./inner-step.ts";
import type { RunStep } from "./run-step.ts";

/** What a planner wrote, null where its call failed, and the call's accounting. */
export type PlannerCall = {
  readonly text: string | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly events: readonly AnswerEvent[];
};

/** A hosted planner's call as a step like any other; its events say when they happened, since they are told later. */
export const callPlanner = async (
  { id, worker, chat }: { readonly id: string; readonly worker: string; readonly chat: ChatRequest },
  { runStep, clock, signal }: { readonly runStep: RunStep; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<PlannerCall> => {
  const events: AnswerEvent[] = [];
  const keep = (batch: readonly AnswerEvent[]) => {
    const at = clock.now();
    events.push(
      ...batch.map((event) => (event.type === "step-start" || event.type === "step-end" ? { ...event, at } : event)),
    );
  };
  const step = { ...answerStep(worker), id, role: "think" as const };
  const run = await collectStep(step, chat, { runStep }, keep, signal);
  const usage = events.find((event) => event.type === "usage")?.usage;
  return {
    text: isUsable(run) ? toVisible(run).text : null,
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    events,
  };
};
