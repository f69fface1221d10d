import * as z from "zod";
import { reasoningEfforts } from "../../shared/chat.ts";

/** A mark of the vendor's for its own cache; a conversation stays with its worker, and so with its cache, without it. */
const breakpoint = { prompt_cache_breakpoint: z.unknown().optional() };

const textPart = z.strictObject({
  type: z.literal("text"),
  text: z.string(),
  cache_control: z.unknown().optional(),
  ...breakpoint,
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const imagePart = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({ url: z.string().min(1), detail: z.enum(["auto", "low", "high"]).nullish() }),
  ...breakpoint,
});
const filePart = z.strictObject({
  type: z.literal("file"),
  file: z.strictObject({
    filename: z.string().nullish(),
    file_data: z.string("send file_data").min(1),
    file_id: z.null("files cannot be uploaded: send file_data").optional(),
  }),
  ...breakpoint,
});

const textOrParts = z.union([z.string(), z.array(textPart).min(1)]);

const toolCall = z.strictObject({
  id: z.string().min(1).max(256),
  type: z.literal("function", "only calls of type 'function' are supported"),
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
  type: z.literal("function", "only tools of type 'function' are supported"),
  function: z.strictObject({
    name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, underscores or hyphens"),
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
});
const namedFunction = z.strictObject({
  type: z.literal("function", "only functions can be named"),
  function: z.strictObject({ name: z.string().min(1) }),
});
const toolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  z.discriminatedUnion("type", [
    namedFunction,
    z.strictObject({
      type: z.literal("allowed_tools"),
      allowed_tools: z.strictObject({ mode: z.enum(["auto", "required"]), tools: z.array(namedFunction).min(1) }),
    }),
  ]),
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
  moderation: z.null("moderation is not supported").optional(),
  modalities: z.array(z.literal("text", "answers are text")).nullish(),
  prompt_cache_options: z.null("cache options are not supported").optional(),
  prediction: z.null("predicted outputs are not supported").optional(),
  service_tier: z.enum(["auto", "default"], "only the default tier is supported").nullish(),
  web_search_options: z.null("web search is not supported").optional(),
};

/** The body of `POST /v1/chat/completions`. https://platform.openai.com/docs/api-reference/chat/create */
export const bodySchema = z.strictObject({
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
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  verbosity: z.enum(["low", "medium", "high"]).nullish(),
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
export type Body = z.infer<typeof bodySchema>;
export type WireMessage = z.infer<typeof messageSchema>;
