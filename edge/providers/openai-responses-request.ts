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
import { dataUrl, endUserOf, imageUrl } from "./openai-chat-request.ts";
import type { Call } from "./provider.ts";
import { unseal, type Origin } from "./signature.ts";

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
  ...writeTextOptions(chat),
  ...(chat.sampling.temperature !== undefined && { temperature: chat.sampling.temperature }),
  ...(chat.sampling.topP !== undefined && { top_p: chat.sampling.topP }),
  ...writeReasoningOptions(chat, reasoningEffort),
  ...(chat.user !== undefined && { safety_identifier: endUserOf(chat.user) }),
});

const writeTextOptions = ({ output, verbosity }: ChatRequest) => {
  const text = { ...(output.type !== "text" && { format: writeFormat(output) }), ...(verbosity && { verbosity }) };
  return Object.keys(text).length > 0 ? { text } : {};
};

const writeReasoningOptions = ({ thoughts }: ChatRequest, effort: Call["reasoningEffort"]) => {
  const reasoning = { ...(effort !== null && { effort }), ...(thoughts?.summary && { summary: thoughts.summary }) };
  return Object.keys(reasoning).length > 0 ? { reasoning } : {};
};

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
