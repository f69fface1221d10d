import type { CallEvent, EndReason, TokenLogprob } from "../../shared/events.ts";
import { ceilMicroDollars } from "../../shared/pricing.ts";
import type { Usage } from "../../shared/usage.ts";
import {
  countOf,
  entryOf,
  fieldsOf,
  isFields,
  listOf,
  mostToolCalls,
  parseFields,
  textOf,
  type Fields,
} from "./narrow.ts";
import type { Decoder } from "./provider.ts";
import { seal, type Origin } from "./signature.ts";
import { protocolError, readStreamError } from "./upstream-error.ts";

const endReasons: Readonly<Record<string, EndReason>> = {
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};

/** No call costs more: what a host says beyond is not believed. */
const mostDollars = 10_000;

/**
 * `cached` and `cacheWrite` are parts of `prompt_tokens`. The second names are DeepSeek's and LiteLLM's. Reasoning is
 * part of `completion_tokens`, but for hosts as xAI, where the total tells that it stands apart. Everyone bills it.
 * https://docs.x.ai/developers/tools/tool-usage-details#understanding-token-usage
 */
const readUsage = (usage: Fields, billedDollars: number | null): Usage => {
  const prompt = fieldsOf(usage["prompt_tokens_details"]);
  const completion = fieldsOf(usage["completion_tokens_details"]);
  const inputTokens = countOf(usage["prompt_tokens"]);
  const written = countOf(usage["completion_tokens"]);
  const reasoningTokens = countOf(completion["reasoning_tokens"]);
  const isApart = countOf(usage["total_tokens"]) === inputTokens + written + reasoningTokens;
  return {
    inputTokens,
    cachedInputTokens: countOf(prompt["cached_tokens"] ?? usage["prompt_cache_hit_tokens"]),
    cacheWriteTokens: countOf(prompt["cache_write_tokens"] ?? usage["cache_creation_input_tokens"]),
    outputTokens: isApart ? written + reasoningTokens : written,
    reasoningTokens,
    source: "reported",
    ...(billedDollars !== null && billedDollars <= mostDollars && { billed: ceilMicroDollars(billedDollars) }),
  };
};

/** What a host that tells the price of a call with its usage says, in dollars; null when it says nothing. */
export type BilledDollars = (usage: Fields) => number | null;

/**
 * Chat Completions chunks → our events. The usage chunk comes after the finish reason, so the end waits for `[DONE]`,
 * or for the end of the body at hosts that leave it out.
 */
export const createChatDecoder = (origin: Origin, billedDollars: BilledDollars = () => null): Decoder => {
  const { provider } = origin;
  const calls = createCallIndex();
  const details = createDetails();
  let started = false;
  let closed = false;
  let reason: EndReason | null = null;

  const close = (last: CallEvent): readonly CallEvent[] => {
    closed = true;
    const signature = details.text();
    return signature === null || last.type === "error"
      ? [last]
      : [{ type: "reasoning-signature", signature: seal(origin, signature) }, last];
  };

  const count = (usage: Fields): CallEvent => ({ type: "usage", usage: readUsage(usage, billedDollars(usage)) });

  const start = (chunk: Fields): readonly CallEvent[] => {
    if (started) return [];
    const model = textOf(chunk["model"]);
    const id = textOf(chunk["id"]);
    // Azure begins with a chunk that tells of the prompt's filters alone.
    if (model === "" && id === "" && listOf(chunk["choices"]).length === 0) return [];
    started = true;
    return [{ type: "start", ...(model !== "" && { model }), ...(id !== "" && { id }) }];
  };

  const readChoice = (choice: Fields, events: CallEvent[]) => {
    const delta = fieldsOf(choice["delta"]);
    const thought = textOf(delta["reasoning_content"] ?? delta["reasoning"]);
    if (thought !== "") events.push({ type: "reasoning-delta", text: thought });
    for (const detail of listOf(delta["reasoning_details"])) details.add(fieldsOf(detail));
    const text = textOf(delta["content"]);
    const logprobs = readLogprobs(choice["logprobs"]);
    if (text !== "" || logprobs.length > 0)
      events.push({ type: "text-delta", text, ...(logprobs.length > 0 && { logprobs }) });
    const refusal = textOf(delta["refusal"]);
    if (refusal !== "") events.push({ type: "refusal-delta", text: refusal });
    for (const call of listOf(delta["tool_calls"])) calls.read(fieldsOf(call), events);
    const finish = textOf(choice["finish_reason"]);
    if (finish !== "") reason = entryOf(endReasons, finish) ?? (calls.count() > 0 ? "tool_calls" : "stop");
  };

  return {
    push({ data }) {
      if (closed) return [];
      if (data === "[DONE]")
        return close({ type: "end", reason: reason ?? (calls.count() > 0 ? "tool_calls" : "stop") });
      const chunk = parseFields(data);
      if (!chunk) return close({ type: "error", error: protocolError(provider, "sent an event that is not JSON") });
      if (isFields(chunk["error"])) return close({ type: "error", error: readStreamError(provider, chunk["error"]) });
      const events: CallEvent[] = [...start(chunk)];
      const [choice] = listOf(chunk["choices"]);
      if (isFields(choice)) readChoice(choice, events);
      if (isFields(chunk["usage"])) events.push(count(chunk["usage"]));
      return events;
    },
    end() {
      if (closed) return [];
      if (reason !== null) return close({ type: "end", reason });
      return close({ type: "error", error: protocolError(provider, "the answer was cut before its end") });
    },
  };
};

const readLogprobs = (logprobs: unknown): readonly TokenLogprob[] =>
  listOf(fieldsOf(logprobs)["content"]).map((entry) => {
    const token = fieldsOf(entry);
    return { ...readLikely(token), top: listOf(token["top_logprobs"]).map((other) => readLikely(fieldsOf(other))) };
  });

const readLikely = ({ token, logprob, bytes }: Fields) => ({
  token: textOf(token),
  logprob: typeof logprob === "number" ? logprob : 0,
  bytes: Array.isArray(bytes) ? bytes.filter((byte) => typeof byte === "number") : null,
});

/** Vendors count tool calls by `index`; some hosts give each its own id under one index, or none at all. */
const createCallIndex = () => {
  const open: { key: unknown; id: string }[] = [];

  const find = (key: unknown, id: string) => {
    if (id === "") return key === undefined ? open.length - 1 : open.findLastIndex((call) => call.key === key);
    return open.findLastIndex((call) => call.id === id && call.key === key);
  };

  return {
    count: () => open.length,
    read(call: Fields, events: CallEvent[]): void {
      const called = fieldsOf(call["function"]);
      const id = textOf(call["id"]);
      const known = find(call["index"], id);
      const index = known === -1 ? open.length : known;
      if (known === -1) {
        if (open.length === mostToolCalls) throw new Error("too many tool calls");
        open.push({ key: call["index"], id });
        events.push({ type: "tool-call-start", index, id: id || `call_${index}`, name: textOf(called["name"]) });
      }
      const text = textOf(called["arguments"]);
      if (text !== "") events.push({ type: "tool-call-delta", index, arguments: text });
    },
  };
};

/** OpenRouter streams its `reasoning_details` in pieces of one entry; they must return whole and in order. */
const createDetails = () => {
  const entries: Record<string, unknown>[] = [];
  return {
    add(piece: Fields): void {
      const last = entries.at(-1);
      if (!last || last["type"] !== piece["type"] || last["index"] !== piece["index"]) {
        entries.push({ ...piece });
        return;
      }
      for (const [key, value] of Object.entries(piece)) {
        const streamed = (key === "text" || key === "summary") && typeof last[key] === "string";
        last[key] = streamed ? textOf(last[key]) + textOf(value) : (value ?? last[key]);
      }
    },
    /** Null when there was nothing that has to go back. */
    text: () => (entries.length === 0 ? null : JSON.stringify({ details: entries })),
  };
};
