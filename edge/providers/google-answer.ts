import type { CallEvent, EndReason } from "../../shared/events.ts";
import type { Usage } from "../../shared/usage.ts";
import { countOf, entryOf, fieldsOf, isFields, listOf, parseFields, textOf, type Fields } from "./narrow.ts";
import type { Decoder } from "./provider.ts";
import { seal, type Origin } from "./signature.ts";
import { protocolError, readStreamError, upstreamError } from "./upstream-error.ts";

const endReasons: Readonly<Record<string, EndReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  // The vendor's own bound of one call: the answer would go on.
  CONTINUATION: "length",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  LANGUAGE: "content_filter",
  BLOCKLIST: "content_filter",
  PROHIBITED_CONTENT: "content_filter",
  SPII: "content_filter",
};

/** `candidatesTokenCount` leaves out the thoughts, which are billed as output. */
const readUsage = (usage: Fields): Usage => {
  const reasoningTokens = countOf(usage["thoughtsTokenCount"]);
  return {
    inputTokens: countOf(usage["promptTokenCount"]) + countOf(usage["toolUsePromptTokenCount"]),
    cachedInputTokens: countOf(usage["cachedContentTokenCount"]),
    cacheWriteTokens: 0,
    outputTokens: countOf(usage["candidatesTokenCount"]) + reasoningTokens,
    reasoningTokens,
    source: "reported",
  };
};

const fail = (provider: string, message: string): CallEvent => ({
  type: "error",
  error: protocolError(provider, message),
});

const blocked = (provider: string, { blockReason, blockReasonMessage }: Fields): CallEvent => ({
  type: "error",
  error: upstreamError({
    provider,
    status: null,
    code: "content_filter",
    message: textOf(blockReasonMessage) || `the prompt was blocked: ${textOf(blockReason)}`,
  }),
});

/** `names`: the client's of functions, by the vendor's. There is no closing event: the answer is over when the body ends after a finish reason. */
export const createContentDecoder = (origin: Origin, names: ReadonlyMap<string, string>): Decoder => {
  const { provider } = origin;
  let id = "";
  let started = false;
  let calls = 0;
  let closed = false;
  let finish = "";
  let explanation = "";

  const close = (last: CallEvent): readonly CallEvent[] => {
    closed = true;
    return [last];
  };

  const start = (chunk: Fields): readonly CallEvent[] => {
    if (started) return [];
    started = true;
    id = textOf(chunk["responseId"]);
    const model = textOf(chunk["modelVersion"]);
    return [{ type: "start", ...(model !== "" && { model }), ...(id !== "" && { id }) }];
  };

  const readCall = (called: Fields, signature: string): readonly CallEvent[] => {
    const index = calls;
    const name = textOf(called["name"]);
    calls += 1;
    return [
      {
        type: "tool-call-start",
        index,
        id: textOf(called["id"]) || `call_${id}_${index}`,
        name: names.get(name) ?? name,
        ...(signature !== "" && { signature: seal(origin, signature) }),
      },
      { type: "tool-call-delta", index, arguments: JSON.stringify(fieldsOf(called["args"])) },
    ];
  };

  const readPart = (part: Fields): readonly CallEvent[] => {
    const signature = textOf(part["thoughtSignature"]);
    if (isFields(part["functionCall"])) return readCall(part["functionCall"], signature);
    const text = textOf(part["text"]);
    const type = part["thought"] === true ? ("reasoning-delta" as const) : ("text-delta" as const);
    return [
      ...(text === "" ? [] : [{ type, text }]),
      ...(signature === "" ? [] : [{ type: "reasoning-signature" as const, signature: seal(origin, signature) }]),
    ];
  };

  /** Reasons that are in the table end an answer; all others say that the model produced none. */
  const lastEvent = (): CallEvent => {
    if (finish === "") return fail(provider, "the answer was cut before its end");
    const reason = entryOf(endReasons, finish) ?? (finish.startsWith("IMAGE_") ? "content_filter" : null);
    if (reason === null) return fail(provider, `the answer ended with ${finish}${explanation && `: ${explanation}`}`);
    return { type: "end", reason: reason === "stop" && calls > 0 ? "tool_calls" : reason };
  };

  return {
    push({ data }) {
      if (closed) return [];
      const chunk = parseFields(data);
      if (!chunk) return close(fail(provider, "sent an event that is not JSON"));
      if (isFields(chunk["error"])) return close({ type: "error", error: readStreamError(provider, chunk["error"]) });
      const candidate = fieldsOf(listOf(chunk["candidates"])[0]);
      const events = [
        ...start(chunk),
        ...listOf(fieldsOf(candidate["content"])["parts"]).flatMap((part) => readPart(fieldsOf(part))),
      ];
      finish = textOf(candidate["finishReason"]) || finish;
      explanation = textOf(candidate["finishMessage"]) || explanation;
      const usage = chunk["usageMetadata"];
      if (isFields(usage)) events.push({ type: "usage", usage: readUsage(usage) });
      const feedback = fieldsOf(chunk["promptFeedback"]);
      return feedback["blockReason"] ? [...events, ...close(blocked(provider, feedback))] : events;
    },
    end: () => (closed ? [] : close(lastEvent())),
  };
};
