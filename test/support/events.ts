import type { ChatRequest } from "../../shared/chat.ts";
import type { ShoalError, UpstreamError } from "../../shared/errors.ts";
import type { AnswerEvent, EndReason, StepOutcome } from "../../shared/events.ts";
import { noUsage, type Usage } from "../../shared/usage.ts";

/** A request in one user turn, with what a test adds. */
export const chatOf = (text: string, rest: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "shoal-mini",
  messages: [{ role: "user", content: [{ type: "text", text }] }],
  tools: [],
  toolChoice: "auto",
  output: { type: "text" },
  sampling: {},
  stop: [],
  metadata: {},
  ...rest,
});

export const usageOf = (inputTokens: number, outputTokens: number, rest: Partial<Usage> = {}): Usage => ({
  ...noUsage,
  inputTokens,
  outputTokens,
  ...rest,
});

export const start: AnswerEvent = { type: "start" };
export const textDelta = (text: string): AnswerEvent => ({ type: "text-delta", text });
export const reasoningDelta = (text: string): AnswerEvent => ({ type: "reasoning-delta", text });
export const refusalDelta = (text: string): AnswerEvent => ({ type: "refusal-delta", text });

export const toolCall = (index: number, name: string, id = `call_${index}`): AnswerEvent => ({
  type: "tool-call-start",
  index,
  id,
  name,
});

export const toolDelta = (index: number, text: string): AnswerEvent => ({
  type: "tool-call-delta",
  index,
  arguments: text,
});

export const stepStart = (step: string, worker: string, role = "answer"): AnswerEvent => ({
  type: "step-start",
  step,
  worker,
  role,
});

export const stepEnd = (step: string, worker: string, outcome: StepOutcome, error?: ShoalError): AnswerEvent => ({
  type: "step-end",
  step,
  worker,
  outcome,
  ...(error && { error }),
});

export const used = (step: string, worker: string, usage: Usage, cost: number | null): AnswerEvent => ({
  type: "usage",
  step,
  worker,
  usage,
  cost,
});

export const told = (text: string): AnswerEvent => ({ type: "progress", text, signature: "ours" });

export const endedBy = (step: string, worker: string, reason: EndReason = "stop"): AnswerEvent => ({
  type: "end",
  reason,
  step,
  worker,
});

export const failure = (error: ShoalError): AnswerEvent => ({ type: "error", error });

export const upstreamError = (cause: UpstreamError["cause"], rest: Partial<UpstreamError> = {}): UpstreamError => ({
  kind: "upstream",
  provider: "north",
  cause,
  status: null,
  message: "not today",
  retryAfterSeconds: null,
  ...rest,
});
