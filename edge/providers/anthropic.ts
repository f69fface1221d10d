import type Anthropic from "@anthropic-ai/sdk";
import type {
  AssistantPart,
  ChatRequest,
  ImagePart,
  Message,
  ReasoningEffort,
  Tool,
  UserPart,
} from "../../shared/chat.ts";
import type { CallEvent, EndReason } from "../../shared/events.ts";
import type { Usage } from "../../shared/usage.ts";
import type { Ability } from "../../shared/workers.ts";
import { countOf, fieldsOf, parseFields, textOf, type Fields } from "./narrow.ts";
import type { Call, Decoder, Provider } from "./provider.ts";
import { keepClients, original } from "./sdk.ts";
import { seal, unseal, type Origin } from "./signature.ts";
import { protocolError, readError, readStreamError } from "./upstream-error.ts";

const name = "anthropic";

type Messages = Anthropic.Messages.MessageCreateParamsStreaming;
type Content = Anthropic.Messages.ContentBlockParam;

/** The SDK lists the media types of today's models; what a client sends is the vendor's to judge. */
type Source =
  | { type: "base64"; media_type: string; data: string }
  | { type: "text"; media_type: "text/plain"; data: string }
  | { type: "url"; url: string };
type ResultBlock = Anthropic.Messages.TextBlockParam | { type: "image"; source: Source };
type Block =
  | Extract<Content, { type: "text" | "tool_use" | "thinking" | "redacted_thinking" }>
  | ResultBlock
  | { type: "document"; source: Source; title?: string }
  | { type: "tool_result"; tool_use_id: string; content: ResultBlock[]; is_error?: boolean };
type Turn = { role: "user" | "assistant"; content: Block[] };
type Effort = "low" | "medium" | "high" | "xhigh" | "max";

/** The SDK's types leave sampling out since the newest models refuse it; the older ones still take it. */
type Body = Omit<Messages, "messages"> & { messages: Turn[]; temperature?: number; top_p?: number };

const originOf = ({ upstream }: Call): Origin => ({ provider: name, upstream });

/** https://platform.claude.com/docs/en/api/messages */
const writeBody = (call: Call): Body => {
  const { chat, upstream, maxOutputTokens } = call;
  const system = chat.messages.flatMap((message) => (message.role === "system" ? writeText(message) : []));
  return {
    model: upstream,
    max_tokens: maxOutputTokens,
    stream: true,
    ...(system.length > 0 && { system }),
    messages: mergeTurns(chat.messages.flatMap((message) => writeTurn(message, originOf(call)))),
    ...(chat.tools.length > 0 && writeTools(chat)),
    ...writeThinking(call),
    ...writeOutput(call),
    ...(chat.sampling.temperature !== undefined && { temperature: chat.sampling.temperature }),
    ...(chat.sampling.topP !== undefined && { top_p: chat.sampling.topP }),
    ...(chat.stop.length > 0 && { stop_sequences: [...chat.stop] }),
    ...(chat.user !== undefined && { metadata: { user_id: chat.user } }),
    // A prompt is only cached on demand. The second turn of a conversation announces a third, which then reads it.
    ...(chat.messages.some(({ role }) => role === "assistant") && { cache_control: { type: "ephemeral" as const } }),
  };
};

const writeTools = ({ tools, toolChoice, parallelToolCalls }: ChatRequest) => {
  const choice = writeChoice(toolChoice);
  const single = parallelToolCalls === false && choice.type !== "none";
  return {
    tools: tools.map(writeTool),
    ...((toolChoice !== "auto" || single) && {
      tool_choice: single ? { ...choice, disable_parallel_tool_use: true } : choice,
    }),
  };
};

const writeChoice = (choice: ChatRequest["toolChoice"]) => {
  if (typeof choice !== "string") return { type: "tool" as const, name: choice.name };
  return { type: choice === "required" ? ("any" as const) : choice };
};

const writeTool = ({ name: toolName, description, parameters, strict }: Tool) => ({
  name: toolName,
  ...(description !== undefined && { description }),
  input_schema: { ...parameters, type: "object" as const },
  ...(strict !== undefined && { strict }),
});

const efforts: Readonly<Record<Exclude<ReasoningEffort, "none">, Effort>> = {
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "xhigh",
  max: "max",
};

/** Thinking excludes sampling and forced tools; effort alone goes with both. Unasked, the model's own default holds. */
const writeThinking = ({ reasoningEffort, chat }: Call) => {
  if (reasoningEffort === null) return {};
  if (reasoningEffort === "none") return { thinking: { type: "disabled" as const } };
  const { sampling, tools, toolChoice } = chat;
  const forced = tools.length > 0 && toolChoice !== "auto" && toolChoice !== "none";
  const sampled = sampling.temperature !== undefined || sampling.topP !== undefined;
  return forced || sampled ? {} : { thinking: { type: "adaptive" as const, display: "summarized" as const } };
};

const writeOutput = ({ reasoningEffort, chat: { output } }: Call) => {
  const config = {
    ...(reasoningEffort !== null && reasoningEffort !== "none" && { effort: efforts[reasoningEffort] }),
    ...(output.type === "json_schema" && { format: { type: "json_schema" as const, schema: output.schema } }),
  };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
};

const writeTurn = (message: Message, origin: Origin): Turn[] => {
  switch (message.role) {
    case "system":
      return [];
    case "user":
      return turn("user", message.content.flatMap(writePart));
    case "assistant":
      return turn(
        "assistant",
        message.content.flatMap((part) => writeAssistantPart(part, origin)),
      );
    case "tool":
      return turn("user", [writeResult(message)]);
    default:
      return message satisfies never;
  }
};

const turn = (role: Turn["role"], content: Block[]): Turn[] => (content.length > 0 ? [{ role, content }] : []);

/** Results of parallel calls must stand in one turn, and turns must alternate. */
const mergeTurns = (turns: readonly Turn[]): Turn[] => {
  const merged: Turn[] = [];
  for (const { role, content } of turns) {
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else merged.push({ role, content: [...content] });
  }
  return merged;
};

/** Empty text is refused. */
const writeText = ({ text }: { text: string }) => (text.trim() === "" ? [] : [{ type: "text" as const, text }]);

const writePart = (part: UserPart): Block[] => {
  switch (part.type) {
    case "text":
      return writeText(part);
    case "image":
      return [writeImage(part)];
    case "file":
      return [
        {
          type: "document",
          source: writeDocument(part.mediaType, part.base64),
          ...(part.name !== undefined && { title: part.name }),
        },
      ];
    default:
      return part satisfies never;
  }
};

const writeImage = ({ source }: ImagePart) => ({
  type: "image" as const,
  source:
    "url" in source
      ? { type: "url" as const, url: source.url }
      : { type: "base64" as const, media_type: source.mediaType, data: source.base64 },
});

const writeDocument = (mediaType: string, base64: string) =>
  mediaType.startsWith("text/")
    ? { type: "text" as const, media_type: "text/plain" as const, data: decodeText(base64) }
    : { type: "base64" as const, media_type: mediaType, data: base64 };

const decodeText = (base64: string) =>
  new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));

const writeAssistantPart = (part: AssistantPart, origin: Origin): Block[] => {
  switch (part.type) {
    case "text":
    case "refusal":
      return writeText(part);
    case "tool-call":
      return [{ type: "tool_use", id: part.id, name: part.name, input: readArguments(part.arguments) }];
    case "reasoning":
      return writeThought(part.text, unseal(origin, part.signature));
    default:
      return part satisfies never;
  }
};

/** The vendor takes an object only; text that another model garbled stays readable in it. */
const readArguments = (text: string): Fields => (text.trim() === "" ? {} : (parseFields(text) ?? { arguments: text }));

const redacted = "redacted ";

const writeThought = (thinking: string, signature: string | null): Block[] => {
  if (signature === null) return [];
  if (signature.startsWith(redacted)) return [{ type: "redacted_thinking", data: signature.slice(redacted.length) }];
  return [{ type: "thinking", thinking, signature }];
};

type ToolResult = Extract<Message, { role: "tool" }>;

const writeResult = ({ toolCallId, content, isError }: ToolResult): Block => ({
  type: "tool_result",
  tool_use_id: toolCallId,
  content: content.flatMap((part): ResultBlock[] => (part.type === "text" ? writeText(part) : [writeImage(part)])),
  ...(isError !== undefined && { is_error: isError }),
});

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

const createDecoder = (origin: Origin): Decoder => {
  /** The tool call whose block is open; the vendor writes one block at a time. */
  let call: { index: number; written: boolean; input: unknown } | null = null;
  let calls = 0;
  let usage: Fields = {};
  let reason: EndReason | null = null;
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
    const { stop_reason, stop_details } = fieldsOf(delta);
    reason = endReasons[textOf(stop_reason)] ?? "stop";
    const explanation = stop_reason === "refusal" ? textOf(fieldsOf(stop_details)["explanation"]) : "";
    return [...(explanation === "" ? [] : [{ type: "refusal-delta" as const, text: explanation }]), count(news)];
  };

  return {
    push({ data }) {
      if (closed) return [];
      const event = parseFields(data);
      if (!event) return close({ type: "error", error: protocolError(name, "sent an event that is not JSON") });
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
          return close({ type: "end", reason: reason ?? "stop" });
        case "error":
          return close({ type: "error", error: readStreamError(name, fieldsOf(event["error"])) });
        default:
          return [];
      }
    },
    end() {
      if (closed) return [];
      if (reason !== null) return close({ type: "end", reason });
      return close({ type: "error", error: protocolError(name, "the answer was cut before its end") });
    },
  };
};

const clientOf = keepClients(() => import("./anthropic-sdk.ts"));

export const anthropic: Provider = {
  name,
  needs: "ANTHROPIC_API_KEY is not set",
  abilities: new Set<Ability>([
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "vision",
    "image_url",
    "file",
    "json_schema",
    "temperature",
    "top_p",
    "stop",
  ]),
  connect: ({ ANTHROPIC_API_KEY: apiKey, ANTHROPIC_BASE_URL: baseUrl }) =>
    apiKey ? { apiKey, baseUrl: baseUrl || "https://api.anthropic.com" } : null,
  request: writeBody,
  send: async (body, connection, { fetch: fetcher, signal }) => {
    const client = await clientOf(connection, fetcher);
    return original(await client.post("/v1/messages", { body, signal, stream: true }).asResponse());
  },
  decoder: (call) => createDecoder(originOf(call)),
  error: (status, headers, body) => readError(name, status, headers, body),
};
