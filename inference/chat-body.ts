import * as z from "zod";
import type { AssistantPart, ChatRequest, Message, OutputFormat, TextPart, Tool, ToolChoice } from "../shared/chat.ts";
import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** The one chat model's id at this service, whichever GGUF stands behind it. */
export const chatModelId = "chat";

const textPart = z.strictObject({
  type: z.literal("text", "only text is read: the model takes no images or files"),
  text: z.string(),
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const text = z.union([z.string(), z.array(textPart).min(1)]);
const name = z.string().max(64).optional();

const toolCall = z.strictObject({
  id: z.string().min(1),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});

const messageSchema = z.discriminatedUnion("role", [
  z.strictObject({ role: z.enum(["system", "developer"]), content: text, name }),
  z.strictObject({ role: z.literal("user"), content: text, name }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.union([z.string(), z.array(z.discriminatedUnion("type", [textPart, refusalPart]))]).nullish(),
    refusal: z.string().nullish(),
    reasoning_content: z.string().nullish(),
    tool_calls: z.array(toolCall).optional(),
    name,
  }),
  z.strictObject({ role: z.literal("tool"), content: text, tool_call_id: z.string().min(1) }),
]);

const jsonSchema = z.record(z.string(), z.unknown());

const responseFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string().min(1),
      schema: jsonSchema,
      description: z.string().optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const tool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    // The name is part of the grammar that the answer follows.
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "letters, digits, _ and -, at most 64"),
    description: z.string().optional(),
    parameters: jsonSchema.optional(),
    strict: z.boolean().nullish(),
  }),
});

const toolChoiceSchema = z.union([
  z.enum(["auto", "none", "required"]),
  z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: z.string() }) }),
]);

const tokens = z.int().min(1).nullish();

/**
 * OpenAI's body as far as a local model honors it; null counts as absent. Every other parameter is refused by name.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export const chatBodySchema = z.strictObject({
  model: z.string(),
  messages: z.array(messageSchema).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  seed: z.int().nullish(),
  n: z.literal(1, "one answer at a time").nullish(),
  response_format: responseFormat.nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  user: z.string().nullish(),
});
type ChatBody = z.infer<typeof chatBodySchema>;

export type ChatJob = {
  readonly chat: ChatRequest;
  readonly stream: boolean;
  /** Whether the stream ends with a chunk of usage. */
  readonly includeUsage: boolean;
};

/** Checks what a schema cannot: the model's name, that a chosen tool exists, that every tool call has its answer. */
export const toChatJob = (body: ChatBody): Result<ChatJob, ShoalError> => {
  if (body.model !== chatModelId) return err({ kind: "unknown_model", model: body.model, nearest: [chatModelId] });
  const tools = (body.tools ?? []).map(toTool);
  const toolChoice = toToolChoice(body);
  const problem = toolChoiceProblem(toolChoice, tools) ?? formatProblem(body) ?? callProblem(body.messages);
  if (problem !== null) return err(problem);
  return ok({
    chat: {
      model: body.model,
      messages: body.messages.map(toMessage),
      tools,
      toolChoice,
      output: toOutput(body.response_format),
      sampling: {
        ...given("temperature", body.temperature),
        ...given("topP", body.top_p),
        ...given("frequencyPenalty", body.frequency_penalty),
        ...given("presencePenalty", body.presence_penalty),
        ...given("seed", body.seed),
      },
      ...given("maxOutputTokens", body.max_completion_tokens ?? body.max_tokens),
      ...given("parallelToolCalls", body.parallel_tool_calls),
      ...given("user", body.user),
      stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? []),
      metadata: {},
    },
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
  });
};

/** A property for what was given, none for null. */
const given = <K extends string, T>(key: K, value: T | null | undefined): { readonly [key in K]?: T } => {
  const properties: { [key in K]?: T } = {};
  if (value !== null && value !== undefined) properties[key] = value;
  return properties;
};

const toTool = ({ function: { strict, name: toolName, description, parameters } }: z.infer<typeof tool>): Tool => ({
  name: toolName,
  ...given("description", description),
  ...given("parameters", parameters),
  ...given("strict", strict),
});

const toToolChoice = ({ tool_choice: choice, tools }: ChatBody): ToolChoice => {
  if (choice === null || choice === undefined) return tools?.length ? "auto" : "none";
  return typeof choice === "string" ? choice : { name: choice.function.name };
};

const toolChoiceProblem = (choice: ToolChoice, tools: readonly Tool[]): ShoalError | null => {
  if (choice === "none" || choice === "auto") return null;
  const known = choice === "required" ? tools.length > 0 : tools.some((candidate) => candidate.name === choice.name);
  if (known) return null;
  return { kind: "invalid_request", message: "tool_choice: no such tool among tools", param: "tool_choice" };
};

const formatProblem = (body: ChatBody): ShoalError | null => {
  const constrained = (body.response_format?.type ?? "text") !== "text";
  if (!constrained || !body.tools?.length || body.tool_choice === "none") return null;
  const message = "response_format: with tools on offer the model cannot be held to a format";
  return { kind: "unsupported_parameter", message, param: "response_format" };
};

/** A tool message answers an earlier call, and every call is answered before the next other message. */
const callProblem = (messages: ChatBody["messages"]): ShoalError | null => {
  let open = new Map<string, string>();
  for (const [index, item] of messages.entries()) {
    if (item.role === "tool") {
      if (open.delete(item.tool_call_id)) continue;
      const param = `messages[${index}].tool_call_id`;
      return { kind: "invalid_request", message: `${param}: no call before it has this id`, param };
    }
    if (open.size > 0) break;
    if (item.role !== "assistant") continue;
    open = new Map(item.tool_calls?.map((call, at) => [call.id, `messages[${index}].tool_calls[${at}]`]));
    const broken = item.tool_calls?.findIndex((call) => !isJsonObject(call.function.arguments)) ?? -1;
    if (broken < 0) continue;
    const param = `messages[${index}].tool_calls[${broken}].function.arguments`;
    return { kind: "invalid_request", message: `${param}: not a JSON object`, param };
  }
  const [param] = open.values();
  return param === undefined
    ? null
    : { kind: "invalid_request", message: `${param}: no tool message answers it`, param };
};

const isJsonObject = (json: string): boolean => {
  try {
    const value: unknown = JSON.parse(json === "" ? "{}" : json);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

const toTextParts = (content: z.infer<typeof text>): readonly TextPart[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : content;

const toMessage = (item: ChatBody["messages"][number]): Message => {
  switch (item.role) {
    case "system":
    case "developer":
      return { role: "system", text: joined(item.content) };
    case "user":
      return { role: "user", content: toTextParts(item.content), ...given("name", item.name) };
    case "assistant":
      return { role: "assistant", content: toAssistantParts(item) };
    case "tool":
      return { role: "tool", toolCallId: item.tool_call_id, content: toTextParts(item.content) };
    default:
      return item satisfies never;
  }
};

const joined = (content: z.infer<typeof text>) =>
  toTextParts(content)
    .map((part) => part.text)
    .join("\n");

const toAssistantParts = (item: Extract<ChatBody["messages"][number], { role: "assistant" }>): AssistantPart[] => [
  ...(item.reasoning_content ? [{ type: "reasoning" as const, text: item.reasoning_content }] : []),
  ...(typeof item.content === "string" ? [{ type: "text" as const, text: item.content }] : (item.content ?? [])).map(
    (part) => (part.type === "refusal" ? { type: "refusal" as const, text: part.refusal } : part),
  ),
  ...(item.refusal ? [{ type: "refusal" as const, text: item.refusal }] : []),
  ...(item.tool_calls ?? []).map((call) => ({
    type: "tool-call" as const,
    id: call.id,
    name: call.function.name,
    arguments: call.function.arguments === "" ? "{}" : call.function.arguments,
  })),
];

const toOutput = (format: ChatBody["response_format"]): OutputFormat => {
  if (!format || format.type !== "json_schema") return { type: format?.type ?? "text" };
  const { name: schemaName, schema, description, strict } = format.json_schema;
  return {
    type: "json_schema",
    name: schemaName,
    schema,
    ...given("description", description),
    ...given("strict", strict),
  };
};
