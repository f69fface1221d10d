import type { AssistantPart } from "../../shared/chat.ts";
import { toWire, type WireError } from "../../shared/errors.ts";
import { answerText, type Answer, type AnswerEvent, type TokenLogprob } from "../../shared/events.ts";
import { toDollars } from "../../shared/pricing.ts";
import { writeSse } from "../../shared/sse.ts";
import { createBill } from "./bill.ts";
import type { AnswerHead, Bill } from "./format.ts";

/** OpenAI's usage. Orchestration tokens are in no other figure but the total, as Fugu reports them; `cost` is in dollars. */
const toUsage = ({ usage: { answer, orchestration }, cost }: Bill) => ({
  prompt_tokens: answer.inputTokens,
  completion_tokens: answer.outputTokens,
  total_tokens: answer.inputTokens + answer.outputTokens + orchestration.inputTokens + orchestration.outputTokens,
  prompt_tokens_details: {
    cached_tokens: answer.cachedInputTokens,
    audio_tokens: 0,
    orchestration_input_tokens: orchestration.inputTokens,
    orchestration_input_cached_tokens: orchestration.cachedInputTokens,
  },
  completion_tokens_details: {
    reasoning_tokens: answer.reasoningTokens,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
    orchestration_output_tokens: orchestration.outputTokens,
  },
  cost: cost === null ? null : toDollars(cost),
});

const toLogprobs = (logprobs: readonly TokenLogprob[]) => ({
  content: logprobs.map(({ top, ...token }) => ({ ...token, top_logprobs: top })),
  refusal: null,
});

/** A whole answer. https://platform.openai.com/docs/api-reference/chat/object */
export const writeJson = (head: AnswerHead, answer: Answer, bill: Bill) => {
  const pick = <Type extends AssistantPart["type"]>(type: Type) =>
    answer.content.filter((part): part is Extract<AssistantPart, { type: Type }> => part.type === type);
  const text = answerText(answer);
  const refusal = pick("refusal")
    .map((part) => part.text)
    .join("");
  const reasoning = pick("reasoning")
    .map((part) => part.text)
    .join("");
  const calls = pick("tool-call").map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: text === "" && (calls.length > 0 || refusal !== "") ? null : text,
          refusal: refusal === "" ? null : refusal,
          annotations: [],
          ...(reasoning !== "" && { reasoning_content: reasoning }),
          ...(calls.length > 0 && { tool_calls: calls }),
        },
        logprobs: answer.logprobs ? toLogprobs(answer.logprobs) : null,
        finish_reason: answer.end ?? "stop",
      },
    ],
    usage: toUsage(bill),
    ...(bill.report && { shoal: bill.report }),
  };
};

/** Role first, deltas, finish reason, usage when asked, `[DONE]`; after an error event nothing more. */
export const createStream = (head: AnswerHead) => {
  const bill = createBill(head.plan);
  const base = { id: head.id, object: "chat.completion.chunk", created: head.created, model: head.model };
  const usage = head.includeUsage ? { usage: null } : {};
  const write = (choice: object): string =>
    writeSse({ data: JSON.stringify({ ...base, choices: [choice], ...usage }) });
  const chunk = (delta: object, logprobs: readonly TokenLogprob[] | null = null): string =>
    write({ index: 0, delta, logprobs: logprobs && toLogprobs(logprobs), finish_reason: null });
  const finish = (reason: string): string => write({ index: 0, delta: {}, logprobs: null, finish_reason: reason });

  let opened = false;
  const open = (): string => {
    if (opened) return "";
    opened = true;
    return chunk({ role: "assistant", content: "", refusal: null });
  };

  const read = (event: AnswerEvent): string => {
    bill.read(event);
    switch (event.type) {
      case "start":
        return open();
      case "text-delta":
        return open() + chunk({ content: event.text }, event.logprobs);
      case "reasoning-delta":
      case "progress":
        return open() + chunk({ reasoning_content: event.text });
      case "refusal-delta":
        return open() + chunk({ refusal: event.text });
      case "tool-call-start": {
        const call = {
          index: event.index,
          id: event.id,
          type: "function",
          function: { name: event.name, arguments: "" },
        };
        return open() + chunk({ tool_calls: [call] });
      }
      case "tool-call-delta":
        return chunk({ tool_calls: [{ index: event.index, function: { arguments: event.arguments } }] });
      case "end":
        return open() + finish(event.reason) + lastChunk() + writeSse({ data: "[DONE]" });
      case "error":
        return writeSse({ data: JSON.stringify(writeError(toWire(event.error))) });
      case "reasoning-signature":
      case "usage":
      case "written":
      case "step-start":
      case "step-end":
        return "";
      default:
        return event satisfies never;
    }
  };

  /** After the finish reason: usage when asked, and how the answer came about. */
  const lastChunk = (): string => {
    const total = bill.total();
    if (!head.includeUsage && !total.report) return "";
    const own = {
      ...(head.includeUsage && { usage: toUsage(total) }),
      ...(total.report && { shoal: total.report }),
    };
    return writeSse({ data: JSON.stringify({ ...base, choices: [], ...own }) });
  };

  return { push: (events: readonly AnswerEvent[]) => events.map(read).join("") };
};

/** https://platform.openai.com/docs/guides/error-codes */
export const writeError = ({ message, type, param, code }: WireError) => ({ error: { message, type, param, code } });
