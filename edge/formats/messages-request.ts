import type {
  AssistantPart,
  CacheMark,
  ChatRequest,
  ImagePart,
  JsonSchema,
  Message,
  OutputFormat,
  Sampling,
  TextPart,
  Tool,
  ToolChoice,
  UserPart,
} from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { countInput } from "../../shared/tokens.ts";
import type { ClientRequest } from "./format.ts";
import {
  bodySchema,
  countSchema,
  type AssistantBlock,
  type Body,
  type Cached,
  type CountBody,
  type UserBlock,
  type WireMessage,
} from "./messages-schema.ts";
import { readEffort, readShownThoughts, readWantedThoughts } from "./messages-thinking.ts";
import { findMistake } from "./messages-rules.ts";
import { toRequestError } from "./request-error.ts";
import { toStrictSchema } from "./strict-schema.ts";

/** A body of Messages as a canonical request; the error names the field. */
export const readRequest = (body: unknown): Result<ClientRequest, ShoalError> => {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) return err(toRequestError(parsed.error, body));
  const base = readChat(parsed.data);
  if (!base.ok) return base;
  const chat = withSettings(base.value, parsed.data);
  return ok({
    chat,
    stream: parsed.data.stream ?? false,
    includeUsage: true,
    echo: { fields: {}, ...readShownThoughts(parsed.data), inputTokens: countInput(chat).likely },
  });
};

/** A body of `count_tokens`: what is to be counted, as a canonical request. */
export const readCountRequest = (body: unknown): Result<ChatRequest, ShoalError> => {
  const parsed = countSchema.safeParse(body);
  return parsed.success ? readChat(parsed.data) : err(toRequestError(parsed.error, body));
};

const readChat = (body: CountBody): Result<ChatRequest, ShoalError> => {
  const mistake = findMistake(body);
  if (mistake) return err(mistake);
  const effort = readEffort(body);
  if (!effort.ok) return effort;
  const choice = body.tool_choice;
  const alone = choice && "disable_parallel_tool_use" in choice ? choice.disable_parallel_tool_use : null;
  return ok({
    model: body.model,
    messages: [...readSystem(body.system ?? []), ...body.messages.flatMap(readMessage)],
    tools: (body.tools ?? []).map(readTool),
    toolChoice: readToolChoice(choice),
    output: readOutput(body.output_config?.format ?? body.output_format),
    sampling: {},
    stop: [],
    metadata: {},
    ...(typeof alone === "boolean" && { parallelToolCalls: !alone }),
    ...(effort.value !== undefined && { reasoningEffort: effort.value }),
    ...readWantedThoughts(body),
    ...markOf(body),
  });
};

const withSettings = (chat: ChatRequest, body: Body): ChatRequest => ({
  ...chat,
  maxOutputTokens: body.max_tokens,
  sampling: readSampling(body),
  stop: body.stop_sequences ?? [],
  ...(body.metadata?.user_id && { user: body.metadata.user_id }),
});

const readSampling = (body: Body): Sampling => ({
  ...(typeof body.temperature === "number" && { temperature: body.temperature }),
  ...(typeof body.top_p === "number" && { topP: body.top_p }),
  ...(typeof body.top_k === "number" && { topK: body.top_k }),
});

const readOutput = (format: CountBody["output_format"]): OutputFormat =>
  format
    ? { type: "json_schema", name: "answer", schema: format.schema, ...(isStrict(format.schema) && { strict: true }) }
    : { type: "text" };

/** Anthropic holds every answer to its schema; strict mode does so elsewhere, and takes only schemas that are closed. */
const isStrict = (schema: JsonSchema): boolean => JSON.stringify(toStrictSchema(schema)) === JSON.stringify(schema);

const readToolChoice = (choice: CountBody["tool_choice"]): ToolChoice => {
  if (!choice) return "auto";
  if (choice.type === "tool") return { name: choice.name };
  return choice.type === "any" ? "required" : choice.type;
};

type WireTool = NonNullable<CountBody["tools"]>[number];

const readTool = (tool: WireTool): Tool => ({
  name: tool.name,
  ...(tool.description && { description: tool.description }),
  parameters: tool.input_examples?.length ? { ...tool.input_schema, examples: tool.input_examples } : tool.input_schema,
  ...(typeof tool.strict === "boolean" && { strict: tool.strict }),
  ...markOf(tool),
});

const markOf = ({ cache_control: control }: Cached): CacheMark => (control ? { cacheHere: true } : {});

type SystemBlocks = NonNullable<CountBody["system"]>;

const readSystem = (blocks: SystemBlocks): readonly Message[] =>
  typeof blocks === "string"
    ? [{ role: "system", text: blocks }]
    : blocks.map((block) => ({ role: "system", text: block.text, ...markOf(block) }));

const readMessage = (message: WireMessage): readonly Message[] => {
  switch (message.role) {
    case "system":
      return readSystem(message.content);
    case "user":
      return readUser(message.content);
    case "assistant":
      return [{ role: "assistant", content: readAssistant(message.content) }];
    default:
      return message satisfies never;
  }
};

/** Results are messages of their own in the canonical request; what stands beside them follows as the user's. */
const readUser = (content: string | readonly UserBlock[]): readonly Message[] => {
  if (typeof content === "string") return [{ role: "user", content: [{ type: "text", text: content }] }];
  const results = content.flatMap((block) => (block.type === "tool_result" ? [readResult(block)] : []));
  const parts = content.flatMap((block) => (block.type === "tool_result" ? [] : readPart(block)));
  return parts.length === 0 ? results : [...results, { role: "user", content: parts }];
};

type ResultBlock = Extract<UserBlock, { type: "tool_result" }>;

const readResult = (block: ResultBlock): Message => ({
  role: "tool",
  toolCallId: block.tool_use_id,
  content:
    typeof block.content === "string"
      ? [{ type: "text", text: block.content }]
      : (block.content ?? []).map((part) => (part.type === "text" ? readText(part) : readImage(part))),
  ...(typeof block.is_error === "boolean" && { isError: block.is_error }),
  ...markOf(block),
});

const readPart = (block: Exclude<UserBlock, ResultBlock>): readonly UserPart[] => {
  switch (block.type) {
    case "text":
      return [readText(block)];
    case "image":
      return [readImage(block)];
    case "document":
      return readDocument(block);
    default:
      return block satisfies never;
  }
};

const readText = (block: Extract<UserBlock, { type: "text" }>): TextPart => ({
  type: "text",
  text: block.text,
  ...markOf(block),
});

const readImage = (block: Extract<UserBlock, { type: "image" }>): ImagePart => ({
  type: "image",
  source:
    block.source.type === "url"
      ? { url: block.source.url }
      : { mediaType: block.source.media_type, base64: block.source.data },
  ...markOf(block),
});

type DocumentBlock = Extract<UserBlock, { type: "document" }>;

/** What a document's sender says of it goes before it, in words. */
const readDocument = (block: DocumentBlock): readonly UserPart[] => [
  ...(block.context ? [{ type: "text" as const, text: block.context }] : []),
  {
    type: "file",
    ...readDocumentSource(block.source),
    ...(block.title && { name: block.title }),
    ...markOf(block),
  },
];

const readDocumentSource = (source: DocumentBlock["source"]): { mediaType: string; base64: string } => {
  if (source.type === "base64") return { mediaType: source.media_type, base64: source.data };
  const text =
    source.type === "text"
      ? source.data
      : typeof source.content === "string"
        ? source.content
        : source.content.map((block) => block.text).join("\n");
  return { mediaType: "text/plain", base64: toBase64(text) };
};

/** In pieces: a call takes so many arguments only. */
const toBase64 = (text: string): string => {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (let at = 0; at < bytes.length; at += 16_384) binary += String.fromCharCode(...bytes.subarray(at, at + 16_384));
  return btoa(binary);
};

const readAssistant = (content: string | readonly AssistantBlock[]): readonly AssistantPart[] =>
  typeof content === "string" ? readAnswer({ type: "text", text: content }) : content.flatMap(readAnswer);

const readAnswer = (block: AssistantBlock): readonly AssistantPart[] => {
  switch (block.type) {
    case "text":
      return block.text === "" ? [] : [{ type: "text", text: block.text, ...markOf(block) }];
    case "tool_use":
      return [
        {
          type: "tool-call",
          id: block.id,
          name: block.name,
          arguments: JSON.stringify(block.input),
          ...markOf(block),
        },
      ];
    case "thinking":
      return [
        { type: "reasoning", text: block.thinking, ...(block.signature !== "" && { signature: block.signature }) },
      ];
    case "redacted_thinking":
      return [{ type: "reasoning", text: "", signature: block.data }];
    default:
      return block satisfies never;
  }
};
