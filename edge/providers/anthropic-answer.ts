import type { CallEvent, EndReason } from "../../shared/events.ts";
import type { Usage } from "../../shared/usage.ts";
import { redacted } from "./anthropic-request.ts";
import { countOf, entryOf, fieldsOf, parseFields, textOf, type Fields } from "./narrow.ts";
import type { Decoder } from "./provider.ts";
import { seal, type Origin } from "./signature.ts";
import { protocolError, readStreamError } from "./upstream-error.ts";

const endReasons: Readonly<Record<string, EndReason>> = {
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

/** `input_tokens` leaves out what was read from or written to the cache. */
const readUsage = (usage: Fields): Usage => {
  const cachedInputTokens = countOf(usage["cache_read_input_tokens"]);
  const cacheWriteTokens = countOf(usage["cache_creation_input_tokens"]);
  return {
    inputTokens: countOf(usage["input_tokens"]) + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens: countOf(usage["output_tokens"]),
    reasoningTokens: countOf(fieldsOf(usage["output_tokens_details"])["thinking_tokens"]),
    source: "reported",
  };
};

/** Later counts replace earlier ones; a null says nothing new. */
const mergeUsage = (known: Fields, news: Fields): Fields => ({
  ...known,
  ...Object.fromEntries(Object.entries(news).filter(([, value]) => value !== null)),
});

/** Messages events → ours. https://platform.claude.com/docs/en/build-with-claude/streaming */
export const createMessagesDecoder = (origin: Origin): Decoder => {
  const { provider } = origin;
  /** The tool call whose block is open; the vendor writes one block at a time. */
  let call: { index: number; written: boolean; input: unknown } | null = null;
  let calls = 0;
  let usage: Fields = {};
  let reason: EndReason | null = null;
  let stopSequence = "";
  let closed = false;

  const close = (last: CallEvent): readonly CallEvent[] => {
    closed = true;
    return [last];
  };

  const count = (news: unknown): CallEvent => {
    usage = mergeUsage(usage, fieldsOf(news));
    return { type: "usage", usage: readUsage(usage) };
  };

  const openBlock = (block: Fields): readonly CallEvent[] => {
    switch (block["type"]) {
      case "text":
        return block["text"] ? [{ type: "text-delta", text: textOf(block["text"]) }] : [];
      case "thinking":
        return block["thinking"] ? [{ type: "reasoning-delta", text: textOf(block["thinking"]) }] : [];
      case "redacted_thinking":
        return [{ type: "reasoning-signature", signature: seal(origin, redacted + textOf(block["data"])) }];
      case "tool_use":
        call = { index: calls, written: false, input: block["input"] };
        calls += 1;
        return [{ type: "tool-call-start", index: call.index, id: textOf(block["id"]), name: textOf(block["name"]) }];
      default:
        return [];
    }
  };

  const readDelta = (delta: Fields): readonly CallEvent[] => {
    switch (delta["type"]) {
      case "text_delta":
        return [{ type: "text-delta", text: textOf(delta["text"]) }];
      case "thinking_delta":
        return [{ type: "reasoning-delta", text: textOf(delta["thinking"]) }];
      case "signature_delta":
        return [{ type: "reasoning-signature", signature: seal(origin, textOf(delta["signature"])) }];
      case "input_json_delta":
        return writeArguments(textOf(delta["partial_json"]));
      default:
        return [];
    }
  };

  const writeArguments = (text: string): readonly CallEvent[] => {
    if (!call || text === "") return [];
    call = { ...call, written: true };
    return [{ type: "tool-call-delta", index: call.index, arguments: text }];
  };

  /** A call without arguments streams none, where clients expect `{}`. */
  const closeBlock = (): readonly CallEvent[] => {
    const events = call && !call.written ? writeArguments(JSON.stringify(fieldsOf(call.input))) : [];
    call = null;
    return events;
  };

  const readEnd = ({ delta, usage: news }: Fields): readonly CallEvent[] => {
    const { stop_reason, stop_details, stop_sequence } = fieldsOf(delta);
    stopSequence = textOf(stop_sequence);
    reason = entryOf(endReasons, textOf(stop_reason)) ?? "stop";
    const explanation = stop_reason === "refusal" ? textOf(fieldsOf(stop_details)["explanation"]) : "";
    return [...(explanation === "" ? [] : [{ type: "refusal-delta" as const, text: explanation }]), count(news)];
  };

  const end = (): CallEvent => ({
    type: "end",
    reason: reason ?? "stop",
    ...(stopSequence !== "" && { stopSequence }),
  });

  return {
    push({ data }) {
      if (closed) return [];
      const event = parseFields(data);
      if (!event) return close({ type: "error", error: protocolError(provider, "sent an event that is not JSON") });
      switch (event["type"]) {
        case "message_start": {
          const message = fieldsOf(event["message"]);
          const start: CallEvent = { type: "start", model: textOf(message["model"]), id: textOf(message["id"]) };
          return [start, count(message["usage"])];
        }
        case "content_block_start":
          return openBlock(fieldsOf(event["content_block"]));
        case "content_block_delta":
          return readDelta(fieldsOf(event["delta"]));
        case "content_block_stop":
          return closeBlock();
        case "message_delta":
          return readEnd(event);
        case "message_stop":
          return close(end());
        case "error":
          return close({ type: "error", error: readStreamError(provider, fieldsOf(event["error"])) });
        default:
          return [];
      }
    },
    end() {
      if (closed) return [];
      if (reason !== null) return close(end());
      return close({ type: "error", error: protocolError(provider, "the answer was cut before its end") });
    },
  };
};
