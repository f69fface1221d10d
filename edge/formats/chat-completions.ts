import * as z from "zod";
import {
  reasoningEfforts,
  type AssistantPart,
  type ChatRequest,
  type Message,
  type OutputFormat,
  type Sampling,
  type ToolChoice,
  type UserPart,
} from "../../shared/chat.ts";
import { toWire, type ShoalError, type WireError } from "../../shared/errors.ts";
import { answerText, type Answer, type AnswerEvent } from "../../shared/events.ts";
import { toDollars } from "../../shared/pricing.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { writeSse } from "../../shared/sse.ts";
import { createBill } from "./bill.ts";
import type { AnswerHead, Bill, ClientRequest, Format } from "./format.ts";
import { toRequestError } from "./request-error.ts";

/** OpenAI's Chat Completions. https://platform.openai.com/docs/api-reference/chat */

const textPart = z.strictObject({ type: z.literal("text"), text: z.string(), cache_control: z.unknown().optional() });
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const imagePart = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({ url: z.string().min(1), detail: z.enum(["auto", "low", "high"]).nullish() }),
});
const filePart = z.strictObject({
  type: z.literal("file"),
  file: z.strictObject({ filename: z.string().nullish(), file_data: z.string().min(1) }),
});

const textOrParts = z.union([z.string(), z.array(textPart).min(1)]);

const toolCall = z.strictObject({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string().min(1).max(128), arguments: z.string() }),
  index: z.number().nullish(),
});

const name = z.string().max(128).nullish();
const messageSchema = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content: textOrParts, name }),
  z.strictObject({ role: z.literal("developer"), content: textOrParts, name }),
  z.strictObject({
    role: z.literal("user"),
    content: z.union([z.string(), z.array(z.discriminatedUnion("type", [textPart, imagePart, filePart])).min(1)]),
    name,
  }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.union([z.string(), z.array(z.discriminatedUnion("type", [textPart, refusalPart]))]).nullish(),
    refusal: z.string().nullish(),
    tool_calls: z.array(toolCall).nullish(),
    name,
    // What answers carry and clients send back: no part of the request.
    reasoning_content: z.string().nullish(),
    annotations: z.array(z.unknown()).nullish(),
    audio: z.null().optional(),
    function_call: z.null().optional(),
  }),
  z.strictObject({ role: z.literal("tool"), content: textOrParts, tool_call_id: z.string().min(1).max(256), name }),
]);

const jsonSchema = z.record(z.string(), z.unknown());
const toolSchema = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, underscores or hyphens"),
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
});
const toolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: z.string().min(1) }) }),
]);
const responseFormatSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, underscores or hyphens"),
      description: z.string().nullish(),
      schema: jsonSchema.nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** Parameters of OpenAI's that are taken only where they ask for nothing, as clients that write out defaults do. */
const noOps = {
  audio: z.null("audio is not supported").optional(),
  function_call: z.enum(["none"], "use tool_choice").nullish(),
  functions: z.array(z.never(), "use tools").max(0, "use tools").nullish(),
  logit_bias: z.record(z.string(), z.never("logit biases are not supported")).nullish(),
  logprobs: z.literal(false, "log probabilities are not supported").nullish(),
  modalities: z.array(z.literal("text", "answers are text")).nullish(),
  prediction: z.null("predicted outputs are not supported").optional(),
  service_tier: z.enum(["auto", "default"], "only the default tier is supported").nullish(),
  top_logprobs: z.literal(0, "log probabilities are not supported").nullish(),
  verbosity: z.literal("medium", "only medium is supported").nullish(),
  web_search_options: z.null("web search is not supported").optional(),
};

const bodySchema = z.strictObject({
  model: z.string().min(1),
  messages: z.array(messageSchema).min(1),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  tools: z.array(toolSchema).max(512).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormatSchema.nullish(),
  reasoning_effort: z.enum(reasoningEfforts).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  n: z.literal(1, "only 1 answer per request is supported").nullish(),
  user: z.string().max(512).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  store: z.literal(false, "answers are not stored: send false or leave it out").nullish(),
  /** Another name for `user`. */
  safety_identifier: z.string().max(512).nullish(),
  /** A hint: a conversation stays with its worker, and so with its cache, without it. */
  prompt_cache_key: z.string().max(512).nullish(),
  prompt_cache_retention: z.string().max(64).nullish(),
  ...noOps,
});
type Body = z.infer<typeof bodySchema>;
type WireMessage = z.infer<typeof messageSchema>;

const parse = (body: unknown): Result<ClientRequest, ShoalError> => {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) return err(toRequestError(parsed.error, body));
  const messages = readMessages(parsed.data.messages);
  if (!messages.ok) return messages;
  const mismatch = findToolMismatch(parsed.data);
  if (mismatch) return err(mismatch);
  return ok({
    chat: toChat(parsed.data, messages.value),
    stream: parsed.data.stream ?? false,
    includeUsage: parsed.data.stream_options?.include_usage ?? false,
  });
};

const invalid = (message: string, param: string): ShoalError => ({ kind: "invalid_request", message, param });

/** Every tool result answers a call before it, and every call that is followed by anything has its result. */
const findToolMismatch = ({ messages, tools, tool_choice: choice }: Body): ShoalError | null => {
  const open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id)) {
        const param = `messages[${index}].tool_call_id`;
        return invalid(`no preceding assistant message has a tool call with the id '${message.tool_call_id}'`, param);
      }
      continue;
    }
    const [missing] = open;
    if (missing !== undefined) {
      return invalid(`the tool call '${missing}' has no tool message that answers it`, `messages[${index}].role`);
    }
    if (message.role === "assistant") for (const call of message.tool_calls ?? []) open.add(call.id);
  }
  const [missing] = open;
  if (missing !== undefined)
    return invalid(`the tool call '${missing}' has no tool message that answers it`, "messages");

  const names = (tools ?? []).map((tool) => tool.function.name);
  if (typeof choice === "object" && choice !== null && !names.includes(choice.function.name)) {
    return invalid(`tool_choice names '${choice.function.name}', which is not among the tools`, "tool_choice");
  }
  return choice === "required" && names.length === 0 ? invalid("tool_choice needs tools", "tool_choice") : null;
};

const readMessages = (messages: readonly WireMessage[]): Result<readonly Message[], ShoalError> => {
  const read: Message[] = [];
  for (const [index, message] of messages.entries()) {
    const result = readMessage(message, `messages[${index}]`);
    if (!result.ok) return result;
    read.push(result.value);
  }
  return ok(read);
};

const readMessage = (message: WireMessage, param: string): Result<Message, ShoalError> => {
  switch (message.role) {
    case "system":
    case "developer":
      return ok({ role: "system", text: joinText(message.content) });
    case "user":
      return readUser(message, param);
    case "assistant":
      return ok({ role: "assistant", content: readAssistant(message) });
    case "tool":
      return ok({
        role: "tool",
        toolCallId: message.tool_call_id,
        content: [{ type: "text", text: joinText(message.content) }],
      });
    default:
      return message satisfies never;
  }
};

const joinText = (content: string | readonly { readonly text: string }[]): string =>
  typeof content === "string" ? content : content.map((part) => part.text).join("\n");

const readUser = (message: Extract<WireMessage, { role: "user" }>, param: string): Result<Message, ShoalError> => {
  const content: UserPart[] = [];
  const parts =
    typeof message.content === "string" ? [{ type: "text" as const, text: message.content }] : message.content;
  for (const [index, part] of parts.entries()) {
    const read = readUserPart(part, `${param}.content[${index}]`);
    if (!read.ok) return read;
    content.push(read.value);
  }
  return ok({ role: "user", content, ...(message.name && { name: message.name }) });
};

type WireUserPart = Exclude<Extract<WireMessage, { role: "user" }>["content"], string>[number];

const readUserPart = (part: WireUserPart, param: string): Result<UserPart, ShoalError> => {
  switch (part.type) {
    case "text":
      return ok({ type: "text", text: part.text });
    case "image_url": {
      const source = readImage(part.image_url.url);
      if (source === null)
        return err(invalid("must be an http(s) URL or a base64 data URL of an image", `${param}.image_url.url`));
      return ok({ type: "image", source, ...(part.image_url.detail && { detail: part.image_url.detail }) });
    }
    case "file": {
      const data = readDataUrl(part.file.file_data);
      if (data === null)
        return err(invalid("must be a base64 data URL, e.g. data:application/pdf;base64,…", `${param}.file.file_data`));
      return ok({ type: "file", ...data, ...(part.file.filename && { name: part.file.filename }) });
    }
    default:
      return part satisfies never;
  }
};

const readDataUrl = (url: string): { mediaType: string; base64: string } | null => {
  const [, mediaType, base64] = /^data:([\w.+-]+\/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})$/.exec(url) ?? [];
  return mediaType && base64 && base64.length % 4 === 0 ? { mediaType, base64 } : null;
};

const readImage = (url: string) => {
  const data = readDataUrl(url);
  if (data) return data.mediaType.startsWith("image/") ? data : null;
  return /^https?:\/\/\S+$/.test(url) ? { url } : null;
};

const readAssistant = (message: Extract<WireMessage, { role: "assistant" }>): readonly AssistantPart[] => {
  const { content, refusal } = message;
  const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : (content ?? []);
  return [
    ...parts
      .map((part) =>
        part.type === "text"
          ? { type: "text" as const, text: part.text }
          : { type: "refusal" as const, text: part.refusal },
      )
      .filter((part) => part.text !== ""),
    ...(refusal ? [{ type: "refusal" as const, text: refusal }] : []),
    ...(message.tool_calls ?? []).map((call): AssistantPart => ({
      type: "tool-call",
      id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    })),
  ];
};

const toChat = (body: Body, messages: readonly Message[]): ChatRequest => {
  const maxOutputTokens = body.max_completion_tokens ?? body.max_tokens;
  const user = body.user ?? body.safety_identifier;
  return {
    model: body.model,
    messages,
    tools: (body.tools ?? []).map(({ function: tool }) => ({
      name: tool.name,
      ...(tool.description && { description: tool.description }),
      ...(tool.parameters && { parameters: tool.parameters }),
      ...(tool.strict !== null && tool.strict !== undefined && { strict: tool.strict }),
    })),
    toolChoice: readToolChoice(body.tool_choice),
    output: readOutput(body.response_format),
    sampling: readSampling(body),
    stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? []),
    metadata: body.metadata ?? {},
    ...(body.parallel_tool_calls !== null &&
      body.parallel_tool_calls !== undefined && { parallelToolCalls: body.parallel_tool_calls }),
    ...(body.reasoning_effort && { reasoningEffort: body.reasoning_effort }),
    ...(maxOutputTokens && { maxOutputTokens }),
    ...(user && { user }),
  };
};

const readToolChoice = (choice: Body["tool_choice"]): ToolChoice =>
  typeof choice === "object" && choice !== null ? { name: choice.function.name } : (choice ?? "auto");

const readOutput = (format: Body["response_format"]): OutputFormat => {
  if (!format || format.type !== "json_schema") return format ?? { type: "text" };
  const { name: title, schema, description, strict } = format.json_schema;
  return {
    type: "json_schema",
    name: title,
    schema: schema ?? {},
    ...(description && { description }),
    ...(strict !== null && strict !== undefined && { strict }),
  };
};

const readSampling = (body: Body): Sampling => ({
  ...(typeof body.temperature === "number" && { temperature: body.temperature }),
  ...(typeof body.top_p === "number" && { topP: body.top_p }),
  ...(typeof body.frequency_penalty === "number" && { frequencyPenalty: body.frequency_penalty }),
  ...(typeof body.presence_penalty === "number" && { presencePenalty: body.presence_penalty }),
  ...(typeof body.seed === "number" && { seed: body.seed }),
});

/** OpenAI's usage. Orchestration tokens are in no other figure but the total, as Fugu reports them; `cost` is in dollars. */
const toUsage = ({ usage: { answer, orchestration }, cost }: Bill) => ({
  prompt_tokens: answer.inputTokens,
  completion_tokens: answer.outputTokens,
  total_tokens: answer.inputTokens + answer.outputTokens + orchestration.inputTokens + orchestration.outputTokens,
  prompt_tokens_details: {
    cached_tokens: answer.cachedInputTokens,
    audio_tokens: 0,
    orchestration_input_tokens: orchestration.inputTokens,
    orchestration_input_cached_tokens: orchestration.cachedInputTokens,
  },
  completion_tokens_details: {
    reasoning_tokens: answer.reasoningTokens,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
    orchestration_output_tokens: orchestration.outputTokens,
  },
  cost: cost === null ? null : toDollars(cost),
});

const json = (head: AnswerHead, answer: Answer, bill: Bill) => {
  const pick = <Type extends AssistantPart["type"]>(type: Type) =>
    answer.content.filter((part): part is Extract<AssistantPart, { type: Type }> => part.type === type);
  const text = answerText(answer);
  const refusal = pick("refusal")
    .map((part) => part.text)
    .join("");
  const reasoning = pick("reasoning")
    .map((part) => part.text)
    .join("");
  const calls = pick("tool-call").map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: text === "" && (calls.length > 0 || refusal !== "") ? null : text,
          refusal: refusal === "" ? null : refusal,
          annotations: [],
          ...(reasoning !== "" && { reasoning_content: reasoning }),
          ...(calls.length > 0 && { tool_calls: calls }),
        },
        logprobs: null,
        finish_reason: answer.end ?? "stop",
      },
    ],
    usage: toUsage(bill),
  };
};

/** Role first, deltas, finish reason, usage when asked, `[DONE]`; after an error event nothing more. */
const stream = (head: AnswerHead) => {
  const bill = createBill();
  const base = { id: head.id, object: "chat.completion.chunk", created: head.created, model: head.model };
  const usage = head.includeUsage ? { usage: null } : {};
  const chunk = (delta: object, finishReason: string | null = null): string =>
    writeSse({
      data: JSON.stringify({
        ...base,
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
        ...usage,
      }),
    });

  let opened = false;
  const open = (): string => {
    if (opened) return "";
    opened = true;
    return chunk({ role: "assistant", content: "", refusal: null });
  };

  const write = (event: AnswerEvent): string => {
    bill.read(event);
    switch (event.type) {
      case "start":
        return open();
      case "text-delta":
        return open() + chunk({ content: event.text });
      case "reasoning-delta":
        return open() + chunk({ reasoning_content: event.text });
      case "refusal-delta":
        return open() + chunk({ refusal: event.text });
      case "tool-call-start": {
        const call = {
          index: event.index,
          id: event.id,
          type: "function",
          function: { name: event.name, arguments: "" },
        };
        return open() + chunk({ tool_calls: [call] });
      }
      case "tool-call-delta":
        return chunk({ tool_calls: [{ index: event.index, function: { arguments: event.arguments } }] });
      case "end":
        return open() + chunk({}, event.reason) + usageChunk() + writeSse({ data: "[DONE]" });
      case "error":
        return writeSse({ data: JSON.stringify(error(toWire(event.error))) });
      case "reasoning-signature":
      case "usage":
      case "step-start":
      case "step-end":
        return "";
      default:
        return event satisfies never;
    }
  };

  const usageChunk = (): string =>
    head.includeUsage ? writeSse({ data: JSON.stringify({ ...base, choices: [], usage: toUsage(bill.total()) }) }) : "";

  return { push: (events: readonly AnswerEvent[]) => events.map(write).join("") };
};

const error = ({ message, type, param, code }: WireError) => ({ error: { message, type, param, code } });

export const chatCompletions: Format = { name: "chat-completions", parse, stream, json, error };
