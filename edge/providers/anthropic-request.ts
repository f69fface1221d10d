import type Anthropic from "@anthropic-ai/sdk";
import type {
  AssistantPart,
  CacheMark,
  ChatRequest,
  ImagePart,
  Message,
  ReasoningEffort,
  Tool,
  UserPart,
} from "../../shared/chat.ts";
import { parseArguments, type Fields } from "./narrow.ts";
import type { Call } from "./provider.ts";
import { withTurn } from "./system-alone.ts";
import { unseal, type Origin } from "./signature.ts";

/** Before the data of a redacted thought, which travels as a signature too. */
export const redacted = "redacted ";

type Messages = Anthropic.Messages.MessageCreateParamsStreaming;
type Content = Anthropic.Messages.ContentBlockParam;

/** The SDK lists the media types of today's models; what a client sends is the vendor's to judge. */
type Source =
  | { type: "base64"; media_type: string; data: string }
  | { type: "text"; media_type: "text/plain"; data: string }
  | { type: "url"; url: string };
type Mark = { cache_control?: { type: "ephemeral" } };
type ResultBlock = Anthropic.Messages.TextBlockParam | (Mark & { type: "image"; source: Source });
type Block =
  | Extract<Content, { type: "text" | "tool_use" | "thinking" | "redacted_thinking" }>
  | ResultBlock
  | (Mark & { type: "document"; source: Source; title?: string })
  | (Mark & { type: "tool_result"; tool_use_id: string; content: ResultBlock[]; is_error?: boolean });
type Turn = { role: "user" | "assistant"; content: Block[] };
type Effort = "low" | "medium" | "high" | "xhigh" | "max";

/** The SDK's types leave sampling out since the newest models refuse it; the older ones still take it. */
type Body = Omit<Messages, "messages"> & { messages: Turn[]; temperature?: number; top_p?: number; top_k?: number };

/** Canonical → Messages. https://platform.claude.com/docs/en/api/messages */
export const messagesBody = (call: Call, origin: Origin): Body => {
  const { upstream, maxOutputTokens } = call;
  const chat = { ...call.chat, messages: withTurn(call.chat.messages) };
  const system = chat.messages.flatMap((message) => (message.role === "system" ? writeText(message) : []));
  return {
    model: upstream,
    max_tokens: maxOutputTokens,
    stream: true,
    ...(system.length > 0 && { system }),
    messages: mergeTurns(chat.messages.flatMap((message) => writeTurn(message, origin))),
    ...(chat.tools.length > 0 && writeTools(chat)),
    ...writeThinking(call),
    ...writeOutput(call),
    ...(chat.sampling.temperature !== undefined && { temperature: chat.sampling.temperature }),
    ...(chat.sampling.topP !== undefined && { top_p: chat.sampling.topP }),
    ...(chat.sampling.topK !== undefined && { top_k: chat.sampling.topK }),
    ...(chat.stop.length > 0 && { stop_sequences: [...chat.stop] }),
    ...(chat.user !== undefined && { metadata: { user_id: chat.user } }),
    ...(wantsCache(chat) && { cache_control: ephemeral }),
  };
};

const ephemeral = { type: "ephemeral" as const };

/** The client's mark, as the vendor has it. Always for five minutes: the price of an hour is on no card. */
const markOf = ({ cacheHere }: CacheMark) => (cacheHere ? { cache_control: ephemeral } : {});

/**
 * A prompt is only cached on demand. Where the client has set no marks, the second turn of a conversation announces a
 * third, which then reads it.
 */
const wantsCache = (chat: ChatRequest): boolean => {
  if (chat.cacheHere) return true;
  const { messages, tools } = chat;
  const marked: readonly object[] = [
    ...tools,
    ...messages,
    ...messages.flatMap((message) => (message.role === "system" ? [] : [...message.content])),
  ];
  return messages.some(({ role }) => role === "assistant") && !marked.some((item) => "cacheHere" in item);
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

const writeTool = (tool: Tool) => ({
  name: tool.name,
  ...(tool.description !== undefined && { description: tool.description }),
  input_schema: { ...tool.parameters, type: "object" as const },
  ...(tool.strict !== undefined && { strict: tool.strict }),
  ...markOf(tool),
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
  const sampled = [sampling.temperature, sampling.topP, sampling.topK].some((value) => value !== undefined);
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
    if (last?.role === role) for (const block of content) last.content.push(block);
    else merged.push({ role, content: [...content] });
  }
  return merged;
};

/** Empty text is refused. */
const writeText = (part: CacheMark & { readonly text: string }) =>
  part.text.trim() === "" ? [] : [{ type: "text" as const, text: part.text, ...markOf(part) }];

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
          ...markOf(part),
        },
      ];
    default:
      return part satisfies never;
  }
};

const writeImage = (part: ImagePart) => ({
  type: "image" as const,
  source: writeSource(part),
  ...markOf(part),
});

const writeSource = ({ source }: ImagePart): Source =>
  "url" in source
    ? { type: "url", url: source.url }
    : { type: "base64", media_type: source.mediaType, data: source.base64 };

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
      return [
        { type: "tool_use", id: part.id, name: part.name, input: readArguments(part.arguments), ...markOf(part) },
      ];
    case "reasoning":
      return writeThought(part.text, unseal(origin, part.signature));
    default:
      return part satisfies never;
  }
};

/** The vendor takes an object only; text that another model garbled stays readable in it. */
const readArguments = (text: string): Fields =>
  text.trim() === "" ? {} : (parseArguments(text) ?? { arguments: text });

const writeThought = (thinking: string, signature: string | null): Block[] => {
  if (signature === null) return [];
  if (signature.startsWith(redacted)) return [{ type: "redacted_thinking", data: signature.slice(redacted.length) }];
  return [{ type: "thinking", thinking, signature }];
};

type ToolResult = Extract<Message, { role: "tool" }>;

const writeResult = (result: ToolResult): Block => ({
  type: "tool_result",
  tool_use_id: result.toolCallId,
  content: result.content.flatMap((part): ResultBlock[] =>
    part.type === "text" ? writeText(part) : [writeImage(part)],
  ),
  ...(result.isError !== undefined && { is_error: result.isError }),
  ...markOf(result),
});
