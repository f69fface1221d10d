import type OpenAI from "openai";
import type {
  AssistantPart,
  ChatRequest,
  ImagePart,
  Message,
  OutputFormat,
  TextPart,
  Tool,
  UserPart,
} from "../../shared/chat.ts";
import type { CallEvent, EndReason } from "../../shared/events.ts";
import type { Usage } from "../../shared/usage.ts";
import { countOf, fieldsOf, parseFields, textOf, type Fields } from "./narrow.ts";
import { dataUrl, imageUrl } from "./openai-chat.ts";
import type { Call, Decoder } from "./provider.ts";
import { seal, unseal, type Origin } from "./signature.ts";
import { protocolError, readStreamError } from "./upstream-error.ts";

type ResponseBody = OpenAI.Responses.ResponseCreateParamsStreaming;
type Item = OpenAI.Responses.ResponseInputItem;
type Content = OpenAI.Responses.ResponseInputContent;

/**
 * Canonical → Responses, for the calls that Chat Completions refuses. Nothing is stored at the vendor, so thoughts
 * travel encrypted. https://developers.openai.com/api/reference/resources/responses
 */
export const responseBody = (
  { chat, upstream, reasoningEffort, maxOutputTokens }: Call,
  origin: Origin,
): ResponseBody => ({
  model: upstream,
  input: chat.messages.flatMap((message) => writeMessage(message, origin)),
  stream: true,
  store: false,
  include: ["reasoning.encrypted_content"],
  max_output_tokens: maxOutputTokens,
  ...(chat.tools.length > 0 && writeTools(chat)),
  ...(chat.output.type !== "text" && { text: { format: writeFormat(chat.output) } }),
  ...(chat.sampling.temperature !== undefined && { temperature: chat.sampling.temperature }),
  ...(chat.sampling.topP !== undefined && { top_p: chat.sampling.topP }),
  ...(reasoningEffort !== null && { reasoning: { effort: reasoningEffort } }),
  ...(chat.user !== undefined && { safety_identifier: chat.user }),
});

const writeTools = ({ tools, toolChoice, parallelToolCalls }: ChatRequest) => ({
  tools: tools.map(writeTool),
  ...(toolChoice !== "auto" && {
    tool_choice: typeof toolChoice === "string" ? toolChoice : { type: "function" as const, name: toolChoice.name },
  }),
  ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
});

/** Unlike Chat Completions, Responses takes an absent `strict` for true. */
const writeTool = ({ name, description, parameters, strict }: Tool) => ({
  type: "function" as const,
  name,
  parameters: parameters ?? { type: "object", properties: {} },
  strict: strict ?? false,
  ...(description !== undefined && { description }),
});

const writeFormat = (output: Exclude<OutputFormat, { type: "text" }>) => ({ ...output });

const writeMessage = (message: Message, origin: Origin): Item[] => {
  switch (message.role) {
    case "system":
      return [{ role: "developer", content: message.text }];
    case "user":
      return [{ role: "user", content: message.content.map(writePart) }];
    case "assistant":
      return message.content.flatMap((part) => writeAssistantPart(part, origin));
    case "tool":
      return [{ type: "function_call_output", call_id: message.toolCallId, output: writeOutput(message.content) }];
    default:
      return message satisfies never;
  }
};

const writePart = (part: UserPart): Content => {
  switch (part.type) {
    case "text":
      return writeText(part);
    case "image":
      return writeImage(part);
    case "file":
      return { type: "input_file", filename: part.name ?? "file", file_data: dataUrl(part.mediaType, part.base64) };
    default:
      return part satisfies never;
  }
};

const writeText = ({ text }: TextPart) => ({ type: "input_text" as const, text });

const writeImage = (part: ImagePart) => ({
  type: "input_image" as const,
  image_url: imageUrl(part),
  detail: part.detail ?? ("auto" as const),
});

const writeOutput = (parts: readonly (TextPart | ImagePart)[]) =>
  parts.every((part) => part.type === "text")
    ? parts.map((part) => part.text).join("\n")
    : parts.map((part) => (part.type === "text" ? writeText(part) : writeImage(part)));

const writeAssistantPart = (part: AssistantPart, origin: Origin): Item[] => {
  switch (part.type) {
    case "text":
    case "refusal":
      return part.text === "" ? [] : [{ role: "assistant", content: part.text }];
    case "tool-call":
      return [{ type: "function_call", call_id: part.id, name: part.name, arguments: part.arguments }];
    case "reasoning":
      return writeReasoning(unseal(origin, part.signature));
    default:
      return part satisfies never;
  }
};

const writeReasoning = (signature: string | null): Item[] => {
  const [id = "", encrypted = ""] = signature?.split(" ") ?? [];
  return encrypted === "" ? [] : [{ type: "reasoning", id, summary: [], encrypted_content: encrypted }];
};

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
