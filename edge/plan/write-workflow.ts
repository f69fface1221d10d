import type { ChatRequest } from "../../shared/chat.ts";
import { plannerTask } from "../../shared/planner-task.ts";
import { withoutWriting, withWriting, type WritingCall } from "../../shared/settle-writing.ts";
import { drawWorkers, plannerChat, plannerMessages } from "../../shared/workflow-prompt.ts";
import { writtenPlanJsonSchema } from "../../shared/written-plan.ts";
import type { Clock } from "../runtime/clock.ts";
import { plannerFallback } from "./plan.ts";
import type { Planned } from "./planned.ts";

/** The step that traces and the ledger have of a hosted planner's call. */
export const plannerStep = "plan";

/** What came of the call: the planner's text, null where it failed. */
export type Asked = { readonly text: string | null; readonly inputTokens: number; readonly outputTokens: number };

export type WriteInput = {
  readonly chat: ChatRequest;
  readonly planned: Planned;
  /** The planner's id. */
  readonly by: string;
  readonly waitMs: number;
};

export type WriteDeps = {
  /** Calls the planner, dollars set aside first; null where it cannot be called: not allowed to the key, or unaffordable. */
  readonly ask: (chat: ChatRequest, signal: AbortSignal) => Promise<Asked | null>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly random: () => number;
};

/**
 * Has a hosted model write the workflow of a decision that wants one: the same prompt and the same reading as with the
 * inference service's own model. Late, failed, invalid or not available: the fixed shape. Never fails.
 */
export const writeWorkflow = async (
  { chat, planned, by, waitMs }: WriteInput,
  { ask, clock, newId, random }: WriteDeps,
): Promise<Planned> => {
  const { unwritten: _, ...rest } = planned;
  const drawn = drawWorkers(planned.decision.scores, random);
  const messages = plannerMessages(plannerTask(chat), drawn, newId().slice(0, 8));
  const late = new AbortController();
  const cancel = clock.after(waitMs, () => late.abort());
  const start = clock.now();
  const asked = await ask(plannerChat({ model: chat.model, messages }, writtenPlanJsonSchema()), late.signal);
  cancel();

  const call: WritingCall = {
    by,
    inputTokens: asked?.inputTokens ?? 0,
    outputTokens: asked?.outputTokens ?? 0,
    ms: clock.now() - start,
  };
  const decide = () => {
    const { decision } = planned;
    if (asked === null) return withoutWriting(decision, "not_available", call);
    if (asked.text === null) return withoutWriting(decision, late.signal.aborted ? "late" : "failed", call);
    return withWriting(decision, { text: asked.text, workers: drawn.map(({ worker }) => worker), call });
  };
  const decision = decide();
  return { ...rest, decision, fallback: planned.fallback ?? plannerFallback(decision) };
};
