import type { AssistantPart, ReasoningPart, ToolCallPart } from "../../shared/chat.ts";
import type { Answer, EndReason } from "../../shared/events.ts";
import { toDollars } from "../../shared/pricing.ts";
import type { AnswerHead, Bill } from "./format.ts";

/** A message without what is only known at its end. https://platform.claude.com/docs/en/api/messages */
export const openMessage = (head: AnswerHead) => ({
  id: head.id,
  type: "message",
  role: "assistant",
  model: head.model,
  container: null,
});

/** Input leaves out what was read from or written to a cache, as Anthropic counts; its sum with both is all of it. */
export const toUsage = ({ usage: { answer } }: Bill) => ({
  input_tokens: answer.inputTokens - answer.cachedInputTokens - answer.cacheWriteTokens,
  cache_creation_input_tokens: answer.cacheWriteTokens,
  cache_read_input_tokens: answer.cachedInputTokens,
  output_tokens: answer.outputTokens,
  output_tokens_details: { thinking_tokens: answer.reasoningTokens },
  server_tool_use: null,
});

/** What Shoal adds to usage: the tokens of inner steps, and the dollars of all. */
export const toFigures = ({ usage: { orchestration }, cost }: Bill) => ({
  orchestration_input_tokens: orchestration.inputTokens,
  orchestration_input_cached_tokens: orchestration.cachedInputTokens,
  orchestration_output_tokens: orchestration.outputTokens,
  cost: cost === null ? null : toDollars(cost),
});

/** What a whole answer and a stream's first event say of usage besides. */
export const usageFrame = { cache_creation: null, inference_geo: null, service_tier: "standard", speed: null };

export type Stop = {
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly stop_details: { type: "refusal"; category: null; explanation: string | null } | null;
};

const stopReasons: Readonly<Record<EndReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

/** Why an answer stopped. `refusal`: what the worker said in refusing. */
export const toStop = (end: EndReason, stopSequence: string | undefined, refusal: string): Stop => {
  const refused = end === "content_filter" || refusal !== "";
  return {
    stop_reason: refused ? stopReasons.content_filter : stopSequence === undefined ? stopReasons[end] : "stop_sequence",
    stop_sequence: refused ? null : (stopSequence ?? null),
    stop_details: refused ? { type: "refusal", category: null, explanation: refusal || null } : null,
  };
};

export const textBlock = (text: string) => ({ type: "text", citations: null, text });
export const callBlock = ({ id, name }: Pick<ToolCallPart, "id" | "name">, input: object) => ({
  type: "tool_use",
  id,
  name,
  input,
  caller: { type: "direct" },
});
export const thinkingBlock = (thinking: string, signature: string) => ({ type: "thinking", thinking, signature });
/** A signature without words: thoughts that the vendor does not show. */
export const redactedBlock = (data: string) => ({ type: "redacted_thinking", data });

/** A whole answer. Who refuses in no other words gives them as text, too. */
export const writeJson = (head: AnswerHead, answer: Answer, bill: Bill) => {
  const refusal = answer.content.map((part) => (part.type === "refusal" ? part.text : "")).join("");
  const blocks = answer.content.flatMap((part) => writePart(part, head));
  const wordless = answer.content.every((part) => part.type !== "text" || part.text === "");
  return {
    ...openMessage(head),
    content: refusal !== "" && wordless ? [...blocks, textBlock(refusal)] : blocks,
    ...toStop(answer.end ?? "stop", answer.stopSequence, refusal),
    usage: { ...usageFrame, ...toUsage(bill), ...toFigures(bill) },
  };
};

const writePart = (part: AssistantPart, head: AnswerHead): readonly object[] => {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [textBlock(part.text)];
    case "tool-call":
      return [callBlock(part, readInput(part.arguments))];
    case "reasoning":
      return writeThought(part, head);
    case "refusal":
      return [];
    default:
      return part satisfies never;
  }
};

const writeThought = ({ text, signature = "", progress }: ReasoningPart, { echo }: AnswerHead): readonly object[] => {
  if (progress) return [thinkingBlock(text, signature)];
  if (!echo?.proofs) return [];
  if (text === "") return signature === "" ? [] : [redactedBlock(signature)];
  if (echo.summaries) return [thinkingBlock(text, signature)];
  return signature === "" ? [] : [thinkingBlock("", signature)];
};

/** An input is an object; arguments that a worker garbled stay readable in it. */
const readInput = (text: string): object => {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { arguments: value };
  } catch {
    return { arguments: text };
  }
};
