import * as z from "zod";

/** Fields of Anthropic's that are taken only where they ask for nothing. */
const refused = (message: string) => z.null(message).optional();

const cache = {
  cache_control: z.strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).nullish() }).nullish(),
};
/** What earlier answers cited: nothing that a model is asked with. */
const citations = z.array(z.unknown()).nullish();

const text = z.strictObject({ type: z.literal("text"), text: z.string(), citations, ...cache });

const base64 = z.base64("must be base64 without line breaks").min(1);
const url = z.url({ protocol: /^https?$/, error: "must be an http(s) URL" });

/** Says by name what is not taken, where the union alone would list what is. */
const unionBy = <Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]]>(
  what: string,
  options: Options,
) =>
  z.discriminatedUnion("type", options, {
    error: ({ input }) => `${what} of type ${nameOf(input)} are not supported`,
  });

const nameOf = (input: unknown): string =>
  typeof input === "object" && input !== null && "type" in input ? JSON.stringify(input.type) : "unknown";

const image = z.strictObject({
  type: z.literal("image"),
  source: unionBy("image sources", [
    z.strictObject({
      type: z.literal("base64"),
      media_type: z.enum(["image/jpeg", "image/png", "image/gif", "image/webp"]),
      data: base64,
    }),
    z.strictObject({ type: z.literal("url"), url }),
  ]),
  ...cache,
});

const document = z.strictObject({
  type: z.literal("document"),
  source: unionBy("document sources (send the data)", [
    z.strictObject({ type: z.literal("base64"), media_type: z.literal("application/pdf"), data: base64 }),
    z.strictObject({ type: z.literal("text"), media_type: z.literal("text/plain"), data: z.string().min(1) }),
    z.strictObject({ type: z.literal("content"), content: z.union([z.string().min(1), z.array(text).min(1)]) }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: z.strictObject({ enabled: z.literal(false, "citations are not supported").nullish() }).nullish(),
  ...cache,
});

const id = z
  .string()
  .regex(/^[a-zA-Z0-9_-]+$/, "must be letters, digits, underscores or hyphens")
  .max(256);
const toolset = refused("toolsets are not supported");

const toolUse = z.strictObject({
  type: z.literal("tool_use"),
  id,
  name: z.string().min(1).max(200),
  input: z.record(z.string(), z.unknown()),
  caller: z.strictObject({ type: z.literal("direct", "only the model calls tools") }).nullish(),
  toolset_name: toolset,
  ...cache,
});

const toolResult = z.strictObject({
  type: z.literal("tool_result"),
  tool_use_id: id,
  content: z.union([z.string(), z.array(unionBy("tool result blocks", [text, image]))]).nullish(),
  is_error: z.boolean().nullish(),
  toolset_name: toolset,
  ...cache,
});

const thinking = z.strictObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() });
const redactedThinking = z.strictObject({ type: z.literal("redacted_thinking"), data: z.string().min(1) });

const textOr = <Block extends z.ZodType>(block: Block) =>
  z.union([z.string().min(1, "must not be empty"), z.array(block).min(1)]);

const system = textOr(unionBy("system blocks", [text]));

const message = z.discriminatedUnion("role", [
  z.strictObject({
    role: z.literal("user"),
    content: textOr(unionBy("user blocks", [text, image, document, toolResult])),
  }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.union([z.string(), z.array(unionBy("assistant blocks", [text, toolUse, thinking, redactedThinking]))]),
  }),
  z.strictObject({ role: z.literal("system"), content: system }),
]);

const tool = z.strictObject({
  type: z
    .literal("custom", {
      error: ({ input }) => `tools of type ${JSON.stringify(input)} are not supported: send one with an input_schema`,
    })
    .nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, underscores or hyphens"),
  description: z.string().nullish(),
  input_schema: z.looseObject({ type: z.literal("object") }),
  strict: z.boolean().nullish(),
  input_examples: z.array(z.record(z.string(), z.unknown())).nullish(),
  allowed_callers: z.array(z.literal("direct", "only the model calls tools")).nullish(),
  /** There is no search for tools: all are there from the beginning. */
  defer_loading: z.boolean().nullish(),
  /** A hint: arguments are always passed on as they come. */
  eager_input_streaming: z.boolean().nullish(),
  ...cache,
});

const alone = { disable_parallel_tool_use: z.boolean().nullish() };
const toolChoice = unionBy("tool choices", [
  z.strictObject({ type: z.literal("auto"), ...alone }),
  z.strictObject({ type: z.literal("any"), ...alone }),
  z.strictObject({ type: z.literal("tool"), name: z.string().min(1), ...alone }),
  z.strictObject({ type: z.literal("none") }),
]);

const display = { display: z.enum(["summarized", "omitted"]).nullish() };
const thinkingConfig = unionBy("thinking configurations", [
  z.strictObject({ type: z.literal("enabled"), budget_tokens: z.int().min(1024), ...display }),
  z.strictObject({ type: z.literal("adaptive"), ...display }),
  z.strictObject({ type: z.literal("disabled") }),
]);

const jsonFormat = z.strictObject({ type: z.literal("json_schema"), schema: z.record(z.string(), z.unknown()) });

/** An edit that keeps all there is, which is what we do; any other would take something out of the prompt. */
const keepsAll = z.strictObject({
  type: z.literal("clear_thinking_20251015", "context edits are not supported"),
  keep: z.literal("all", "context edits are not supported"),
});

/** What a count of tokens takes, too. */
const countable = {
  model: z.string().min(1),
  messages: z.array(message).min(1).max(100_000),
  system: system.nullish(),
  tools: z.array(tool).max(512).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinkingConfig.nullish(),
  output_config: z
    .strictObject({
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
      format: jsonFormat.nullish(),
    })
    .nullish(),
  /** The name of `output_config.format` before it became that. */
  output_format: jsonFormat.nullish(),
  speed: z.literal("standard", "only the standard speed is supported").nullish(),
  context_management: z.strictObject({ edits: z.array(keepsAll).nullish() }).nullish(),
  mcp_servers: z.array(z.never("MCP servers are not supported")).max(0, "MCP servers are not supported").nullish(),
  ...cache,
};

/** The body of `POST /v1/messages/count_tokens`. https://platform.claude.com/docs/en/api/messages-count-tokens */
export const countSchema = z.strictObject(countable);

/** The body of `POST /v1/messages`. https://platform.claude.com/docs/en/api/messages */
export const bodySchema = z.strictObject({
  ...countable,
  max_tokens: z.int().min(1),
  stream: z.boolean().nullish(),
  stop_sequences: z.array(z.string().regex(/\S/, "must not be blank")).max(16).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(1).nullish(),
  metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).nullish(),
  /** Both ask for what there is: no tier is paid for ahead. */
  service_tier: z.enum(["auto", "standard_only"]).nullish(),
  container: refused("containers are not supported"),
  diagnostics: refused("diagnostics are not supported"),
  inference_geo: refused("the key's region decides"),
});

export type CountBody = z.infer<typeof countSchema>;
export type Body = z.infer<typeof bodySchema>;
export type WireMessage = z.infer<typeof message>;
export type UserBlock = Exclude<Extract<WireMessage, { role: "user" }>["content"], string>[number];
export type AssistantBlock = Exclude<Extract<WireMessage, { role: "assistant" }>["content"], string>[number];
export type Cached = { readonly cache_control?: z.infer<typeof text>["cache_control"] };
