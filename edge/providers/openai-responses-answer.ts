import type { CallEvent, EndReason } from "../../shared/events.ts";
import type { Usage } from "../../shared/usage.ts";
import { countOf, fieldsOf, parseFields, textOf, type Fields } from "./narrow.ts";
import type { Decoder } from "./provider.ts";
import { seal, type Origin } from "./signature.ts";
import { protocolError, readStreamError } from "./upstream-error.ts";

const readUsage = (usage: Fields): Usage => {
  const input = fieldsOf(usage["input_tokens_details"]);
  const output = fieldsOf(usage["output_tokens_details"]);
  return {
    inputTokens: countOf(usage["input_tokens"]),
    cachedInputTokens: countOf(input["cached_tokens"]),
    cacheWriteTokens: countOf(input["cache_write_tokens"]),
    outputTokens: countOf(usage["output_tokens"]),
    reasoningTokens: countOf(output["reasoning_tokens"]),
    source: "reported",
  };
};

/** Responses events → ours. */
export const createResponseDecoder = (origin: Origin): Decoder => {
  const { provider } = origin;
  /** Our indices of tool calls by the vendor's output index, and which of them have sent arguments. */
  const calls = new Map<unknown, { index: number; written: boolean }>();
  let closed = false;

  const close = (...events: CallEvent[]): readonly CallEvent[] => {
    closed = true;
    return events;
  };

  const added = ({ output_index, item }: Fields): readonly CallEvent[] => {
    const { type, call_id, name } = fieldsOf(item);
    if (type !== "function_call") return [];
    const index = calls.size;
    calls.set(output_index, { index, written: false });
    return [{ type: "tool-call-start", index, id: textOf(call_id), name: textOf(name) }];
  };

  const wrote = (position: unknown, text: string): readonly CallEvent[] => {
    const call = calls.get(position);
    if (!call || text === "") return [];
    calls.set(position, { ...call, written: true });
    return [{ type: "tool-call-delta", index: call.index, arguments: text }];
  };

  const done = ({ output_index, item }: Fields): readonly CallEvent[] => {
    const { type, id, encrypted_content, arguments: written } = fieldsOf(item);
    if (type === "function_call") return calls.get(output_index)?.written ? [] : wrote(output_index, textOf(written));
    const encrypted = textOf(encrypted_content);
    if (type !== "reasoning" || encrypted === "") return [];
    return [{ type: "reasoning-signature", signature: seal(origin, `${textOf(id)} ${encrypted}`) }];
  };

  const finish = (response: Fields): readonly CallEvent[] => {
    const usage: CallEvent = { type: "usage", usage: readUsage(fieldsOf(response["usage"])) };
    return close(usage, { type: "end", reason: endReason(response, calls.size > 0) });
  };

  const fail = (response: Fields): readonly CallEvent[] => {
    const error: CallEvent = { type: "error", error: readStreamError(provider, fieldsOf(response["error"])) };
    const usage = response["usage"];
    return usage ? close({ type: "usage", usage: readUsage(fieldsOf(usage)) }, error) : close(error);
  };

  return {
    push({ data }) {
      if (closed) return [];
      const event = parseFields(data);
      if (!event) return close({ type: "error", error: protocolError(provider, "sent an event that is not JSON") });
      const response = fieldsOf(event["response"]);
      switch (event["type"]) {
        case "response.created":
          return [{ type: "start", model: textOf(response["model"]), id: textOf(response["id"]) }];
        case "response.output_text.delta":
          return [{ type: "text-delta", text: textOf(event["delta"]) }];
        case "response.refusal.delta":
          return [{ type: "refusal-delta", text: textOf(event["delta"]) }];
        case "response.reasoning_text.delta":
        case "response.reasoning_summary_text.delta":
          return [{ type: "reasoning-delta", text: textOf(event["delta"]) }];
        case "response.output_item.added":
          return added(event);
        case "response.function_call_arguments.delta":
          return wrote(event["output_index"], textOf(event["delta"]));
        case "response.output_item.done":
          return done(event);
        case "response.completed":
        case "response.incomplete":
          return finish(response);
        case "response.failed":
          return fail(response);
        case "error":
          return close({ type: "error", error: readStreamError(provider, fieldsOf(event["error"] ?? event)) });
        default:
          return [];
      }
    },
    end: () =>
      closed ? [] : close({ type: "error", error: protocolError(provider, "the answer was cut before its end") }),
  };
};

const endReason = (response: Fields, called: boolean): EndReason => {
  const cut = fieldsOf(response["incomplete_details"])["reason"];
  if (cut === "content_filter") return "content_filter";
  if (response["status"] === "incomplete") return "length";
  return called ? "tool_calls" : "stop";
};
