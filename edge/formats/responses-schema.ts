import * as z from "zod";
import { reasoningEfforts } from "../../shared/chat.ts";

const maxId = 256;
const id = z.string().min(1).max(maxId).nullish();
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();

/** A mark of OpenAI's for its own cache; a conversation stays with its worker, and so with its cache, without it. */
const breakpoint = { prompt_cache_breakpoint: z.unknown().optional() };
const noFileId = z.null("files cannot be uploaded: send the data").optional();

const inputText = z.strictObject({ type: z.literal("input_text"), text: z.string(), ...breakpoint });
const inputImage = z.strictObject({
  type: z.literal("input_image"),
  image_url: z.string("send an image_url").min(1),
  detail: z.enum(["auto", "low", "high"]).nullish(),
  file_id: noFileId,
  ...breakpoint,
});
const inputFile = z.strictObject({
  type: z.literal("input_file"),
  file_data: z.string("send file_data").min(1),
  filename: z.string().nullish(),
  file_id: noFileId,
  file_url: z.null("files are not fetched: send file_data").optional(),
  ...breakpoint,
});
const outputText = z.strictObject({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.unknown()).nullish(),
  logprobs: z.array(z.unknown()).nullish(),
  ...breakpoint,
});
const refusal = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });

const textOr = <Part extends z.ZodType>(part: Part) => z.union([z.string(), z.array(part)]);
const instruction = textOr(inputText);

/** `type` may be left out of a message, and of nothing else. */
const message = <Role extends string, Content extends z.ZodType>(role: Role, content: Content) =>
  z.strictObject({
    type: z.literal("message").optional(),
    role: z.literal(role),
    content,
    id,
    status,
    phase: z.enum(["commentary", "final_answer"]).nullish(),
  });

const messageItem = z.discriminatedUnion("role", [
  message("system", instruction),
  message("developer", instruction),
  message("user", textOr(z.discriminatedUnion("type", [inputText, inputImage, inputFile]))),
  message("assistant", textOr(z.discriminatedUnion("type", [outputText, refusal, inputText]))),
]);

const callId = z.string().min(1).max(maxId);
const noCaller = { caller: z.null("only the model calls tools").optional(), namespace: z.string().nullish() };

const otherItem = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("function_call"),
    call_id: callId,
    name: z.string().min(1).max(128),
    arguments: z.string(),
    id,
    status,
    ...noCaller,
  }),
  z.strictObject({
    type: z.literal("function_call_output"),
    call_id: callId,
    output: textOr(z.discriminatedUnion("type", [inputText, inputImage])),
    name: z.string().nullish(),
    id,
    status,
    ...noCaller,
  }),
  z.strictObject({
    type: z.literal("reasoning"),
    summary: z.array(z.strictObject({ type: z.literal("summary_text"), text: z.string() })).nullish(),
    content: z.array(z.strictObject({ type: z.literal("reasoning_text"), text: z.string() })).nullish(),
    encrypted_content: z.string().nullish(),
    id,
    status,
  }),
  z.strictObject({ type: z.literal("item_reference"), id: callId }),
]);

const itemSchema = z.discriminatedUnion("type", [messageItem, otherItem]);

const jsonSchema = z.record(z.string(), z.unknown());
const name = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, underscores or hyphens");

const functionSchema = z.strictObject({
  type: z.literal("function"),
  name,
  description: z.string().nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
  output_schema: z.null("output schemas are not supported").optional(),
  defer_loading: z.literal(false, "tools are always loaded").optional(),
  allowed_callers: z.array(z.literal("direct", "only the model calls tools")).nullish(),
});

/** A namespace is a group of functions: what it says of itself is told with each of them. */
const toolSchema = z.discriminatedUnion(
  "type",
  [
    functionSchema,
    z.strictObject({
      type: z.literal("namespace"),
      name,
      description: z.string().nullish(),
      tools: z.array(functionSchema),
    }),
  ],
  "only tools of type 'function' or 'namespace' are supported",
);

const namedFunction = z.strictObject({ type: z.literal("function", "only functions can be named"), name });
const toolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  z.discriminatedUnion("type", [
    namedFunction,
    z.strictObject({
      type: z.literal("allowed_tools"),
      mode: z.enum(["auto", "required"]),
      tools: z.array(namedFunction).min(1),
    }),
  ]),
]);

const formatSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name,
    schema: jsonSchema,
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
]);

const summary = z.enum(["auto", "concise", "detailed"]).nullish();

const notSupported = (why: string) => z.null(why).optional();

/** Parameters of OpenAI's that are taken only where they ask for nothing, as clients that write out defaults do. */
const noOps = {
  background: z.literal(false, "responses are not run in the background: send false or leave it out").nullish(),
  context_management: notSupported("context management is not supported"),
  conversation: notSupported("conversations are not supported: use previous_response_id"),
  max_tool_calls: notSupported("not supported: there are no built-in tools whose calls it bounds"),
  moderation: notSupported("moderation is not supported"),
  prompt: notSupported("prompt templates are not supported"),
  prompt_cache_options: notSupported("cache options are not supported"),
  service_tier: z.enum(["auto", "default"], "only the default tier is supported").nullish(),
  truncation: z.literal("disabled", "input is never truncated: send 'disabled' or leave it out").nullish(),
};

/** What an answer may hold beyond its words. */
export const includable = z.enum(
  ["reasoning.encrypted_content", "message.input_image.image_url", "message.output_text.logprobs"],
  "what built-in tools find cannot be included",
);

/** The body of `POST /v1/responses`. https://developers.openai.com/api/reference/resources/responses/methods/create */
export const bodySchema = z.strictObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(itemSchema).min(1)]),
  instructions: z.string().nullish(),
  previous_response_id: z.string().min(1).max(maxId).nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
  include: z.array(includable).nullish(),
  tools: z.array(toolSchema).max(512).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z
    .strictObject({
      format: formatSchema.nullish(),
      verbosity: z.enum(["low", "medium", "high"]).nullish(),
    })
    .nullish(),
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish(),
      summary,
      /** The old name of `summary`. */
      generate_summary: summary,
      mode: notSupported("reasoning modes are not supported"),
      context: z.literal("auto", "only 'auto' is supported").nullish(),
    })
    .nullish(),
  max_output_tokens: z.number().int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  /** Of Open Responses. */
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  user: z.string().max(512).nullish(),
  /** Another name for `user`. */
  safety_identifier: z.string().max(512).nullish(),
  /** A hint: a conversation stays with its worker, and so with its cache, without it. */
  prompt_cache_key: z.string().max(512).nullish(),
  prompt_cache_retention: z.string().max(64).nullish(),
  /** What a client says of itself to its own service. */
  client_metadata: z.record(z.string(), z.unknown()).nullish(),
  ...noOps,
});
export type Body = z.infer<typeof bodySchema>;
export type WireTool = z.infer<typeof toolSchema>;
export type WireFunction = z.infer<typeof functionSchema>;
export type WireItem = z.infer<typeof itemSchema>;
