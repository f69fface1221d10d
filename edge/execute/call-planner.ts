import type { ChatRequest } from "../../shared/chat.ts";
import type { Told } from "../../shared/events.ts";
import { answerStep } from "../../shared/plan.ts";
import { innerStep, isUsable, toVisible } from "./inner-step.ts";
import type { RunStep } from "./run-step.ts";

/** What a planner wrote, null where its call failed. */
export type PlannerCall = {
  readonly text: string | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
};

type PlannerStep = { readonly id: string; readonly worker: string; readonly chat: ChatRequest };

/** A hosted planner's call: a step like any other. */
export async function* callPlanner(
  { id, worker, chat }: PlannerStep,
  { runStep, signal }: { readonly runStep: RunStep; readonly signal: AbortSignal },
): Told<PlannerCall> {
  const step = { ...answerStep(worker), id, role: "think" as const };
  let [inputTokens, outputTokens] = [0, 0];
  const call = innerStep(step, chat, { runStep }, signal);
  for (;;) {
    const next = await call.next();
    if (next.done) return { text: isUsable(next.value) ? toVisible(next.value).text : null, inputTokens, outputTokens };
    const usage = next.value.find((event) => event.type === "usage")?.usage;
    if (usage) ({ inputTokens, outputTokens } = usage);
    yield next.value;
  }
}
