import type OpenAI from "openai";
import {
  systemText,
  type AssistantPart,
  type ChatRequest,
  type ImagePart,
  type Message,
  type OutputFormat,
  type Tool,
  type UserPart,
} from "../../shared/chat.ts";
import { fieldsOf, listOf, parseFields, type Fields } from "./narrow.ts";
import type { Call } from "./provider.ts";
import { unseal, type Origin } from "./signature.ts";

/** In what hosts that speak Chat Completions differ. https://developers.openai.com/api/reference/resources/chat */
export type Dialect = {
  readonly provider: string;
  readonly cap: "max_completion_tokens" | "max_tokens";
  /** `system`: one message, at the beginning: the templates of open models mostly take no other. */
  readonly systemRole: "system" | "developer";
  readonly endUser: "user" | "safety_identifier";
  /** `effort`: `reasoning_effort`. `object`: OpenRouter's `reasoning` and `reasoning_details`. */
  readonly reasoning: "effort" | "object";
  /** Fields that every body carries. */
  readonly fixed: Fields;
};

type ChatBody = OpenAI.Chat.ChatCompletionCreateParamsStreaming;
type ChatMessage = OpenAI.Chat.ChatCompletionMessageParam;
type ContentPart = OpenAI.Chat.ChatCompletionContentPart;

/** Canonical → Chat Completions. Thoughts go back only where the host has a field for them and they are the model's own. */
export const chatBody = ({ chat, upstream, reasoningEffort, maxOutputTokens }: Call, dialect: Dialect): ChatBody => ({
  model: upstream,
  messages: writeMessages(dialect.systemRole === "system" ? gatherSystem(chat.messages) : chat.messages, dialect, {
    provider: dialect.provider,
    upstream,
  }),
  stream: true,
  stream_options: { include_usage: true },
  [dialect.cap]: maxOutputTokens,
  ...(chat.tools.length > 0 && writeTools(chat)),
  ...(chat.output.type !== "text" && { response_format: writeFormat(chat.output) }),
  ...writeSampling(chat),
  ...(chat.logprobs && { logprobs: true, top_logprobs: chat.logprobs.top }),
  ...(chat.verbosity && { verbosity: chat.verbosity }),
  ...(reasoningEffort !== null &&
    (dialect.reasoning === "effort"
      ? { reasoning_effort: reasoningEffort }
      : { reasoning: { effort: reasoningEffort } })),
  ...(chat.user !== undefined && {
    [dialect.endUser]: dialect.endUser === "safety_identifier" ? endUserOf(chat.user) : chat.user,
  }),
  ...dialect.fixed,
});

/** Longer ids are refused; what begins alike is in practice the same person. */
export const endUserOf = (user: string): string => user.slice(0, 64);

const writeTools = ({ tools, toolChoice, parallelToolCalls }: ChatRequest) => ({
  tools: tools.map(writeTool),
  ...(toolChoice !== "auto" && {
    tool_choice:
      typeof toolChoice === "string" ? toolChoice : { type: "function" as const, function: { name: toolChoice.name } },
  }),
  ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
});

const writeTool = ({ name, description, parameters, strict }: Tool) => ({
  type: "function" as const,
  function: {
    name,
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parameters }),
    ...(strict !== undefined && { strict }),
  },
});

const writeFormat = (output: Exclude<OutputFormat, { type: "text" }>) => {
  if (output.type === "json_object") return { type: "json_object" as const };
  const { type, ...json_schema } = output;
  return { type, json_schema };
};

const writeSampling = ({ sampling, stop }: ChatRequest) => ({
  ...(sampling.temperature !== undefined && { temperature: sampling.temperature }),
  ...(sampling.topP !== undefined && { top_p: sampling.topP }),
  ...(sampling.topK !== undefined && { top_k: sampling.topK }),
  ...(sampling.frequencyPenalty !== undefined && { frequency_penalty: sampling.frequencyPenalty }),
  ...(sampling.presencePenalty !== undefined && { presence_penalty: sampling.presencePenalty }),
  ...(sampling.seed !== undefined && { seed: sampling.seed }),
  ...(stop.length > 0 && { stop: [...stop] }),
});

const gatherSystem = (messages: readonly Message[]): readonly Message[] => {
  const others = messages.filter(({ role }) => role !== "system");
  return others.length === messages.length ? messages : [{ role: "system", text: systemText(messages) }, ...others];
};

const writeMessages = (messages: readonly Message[], dialect: Dialect, origin: Origin): ChatMessage[] =>
  messages.flatMap((message, position): ChatMessage[] => {
    switch (message.role) {
      case "system":
        return [{ role: dialect.systemRole, content: message.text }];
      case "user":
        return [
          {
            role: "user",
            content: writeContent(message.content),
            ...(message.name !== undefined && { name: message.name }),
          },
        ];
      case "assistant":
        return [writeAssistant(message.content, dialect, origin)];
      case "tool":
        return [
          writeToolResult(message),
          ...(messages[position + 1]?.role === "tool" ? [] : imagesOfResults(messages, position)),
        ];
      default:
        return message satisfies never;
    }
  });

const writeContent = (parts: readonly UserPart[]): string | ContentPart[] => {
  const [only] = parts;
  return parts.length === 1 && only?.type === "text" ? only.text : parts.map(writePart);
};

const writePart = (part: UserPart): ContentPart => {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return writeImage(part);
    case "file":
      return {
        type: "file",
        file: { filename: part.name ?? "file", file_data: dataUrl(part.mediaType, part.base64) },
      };
    default:
      return part satisfies never;
  }
};

const writeImage = (part: ImagePart): ContentPart => ({
  type: "image_url",
  image_url: { url: imageUrl(part), ...(part.detail !== undefined && { detail: part.detail }) },
});

export const dataUrl = (mediaType: string, base64: string): string => `data:${mediaType};base64,${base64}`;

export const imageUrl = ({ source }: ImagePart): string =>
  "url" in source ? source.url : dataUrl(source.mediaType, source.base64);

const writeAssistant = (parts: readonly AssistantPart[], dialect: Dialect, origin: Origin): ChatMessage => {
  const text = joined(parts, "text");
  const refusal = joined(parts, "refusal");
  const calls = parts.filter((part) => part.type === "tool-call");
  const details = dialect.reasoning === "object" ? reasoningDetails(parts, origin) : [];
  return {
    role: "assistant",
    content: text === "" && (calls.length > 0 || refusal !== "") ? null : text,
    ...(refusal !== "" && { refusal }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({
        id: call.id,
        type: "function" as const,
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
    ...(details.length > 0 && { reasoning_details: details }),
  };
};

const joined = (parts: readonly AssistantPart[], type: "text" | "refusal") =>
  parts.map((part) => (part.type === type ? part.text : "")).join("");

const reasoningDetails = (parts: readonly AssistantPart[], origin: Origin): readonly unknown[] =>
  parts.flatMap((part) => {
    const details = part.type === "reasoning" ? unseal(origin, part.signature) : null;
    return details === null ? [] : listOf(fieldsOf(parseFields(details))["details"]);
  });

type ToolResult = Extract<Message, { role: "tool" }>;

const writeToolResult = ({ toolCallId, content }: ToolResult): ChatMessage => ({
  role: "tool",
  tool_call_id: toolCallId,
  content: content
    .map((part) => (part.type === "text" ? part.text : ""))
    .join("\n")
    .trim(),
});

/** A tool message holds text alone, so the images of a run of results follow it as the user's. */
const imagesOfResults = (messages: readonly Message[], last: number): ChatMessage[] => {
  const first = messages.findLastIndex((message, position) => position < last && message.role !== "tool") + 1;
  const images = messages
    .slice(first, last + 1)
    .flatMap((message) => (message.role === "tool" ? message.content.filter((part) => part.type === "image") : []));
  return images.length === 0 ? [] : [{ role: "user", content: images.map(writeImage) }];
};
