/**
 * What the three vendors accept: OpenAI's published schema, and for the two that publish none, schemas written from
 * their API references, limited to what a chat needs and strict about everything else. Beside the shapes, the rules
 * between messages that the vendors enforce with a 400.
 * https://docs.anthropic.com/en/api/messages (version 2026-10-21) https://ai.google.dev/api/generate-content
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as z from "zod";

/** What is wrong with a body, in words; empty when the vendor would take it. */
export type Validate = (body: unknown) => readonly string[];

const jsonObject = z.record(z.string(), z.unknown());

// --- OpenAI ---------------------------------------------------------------------------------------------------------

const schemaFile = path.join(import.meta.dirname, "..", "fixtures", "openai-requests.schema.json");
const ajv = new Ajv2020({ strict: false }).addSchema(jsonObject.parse(JSON.parse(readFileSync(schemaFile, "utf8"))));
const matchesChat = ajv.compile({ $ref: "openai#/$defs/CreateChatCompletionRequest" });
const matchesResponse = ajv.compile({ $ref: "openai#/$defs/CreateResponse" });

const check = (matches: ValidateFunction, body: unknown): readonly string[] =>
  matches(body)
    ? []
    : (matches.errors ?? []).map(
        (error) => `${error.instancePath || "body"} ${error.message} ${JSON.stringify(error.params)}`,
      );

const chatTurns = z.looseObject({
  messages: z.array(
    z.looseObject({
      role: z.string(),
      tool_calls: z.array(z.looseObject({ id: z.string() })).optional(),
      tool_call_id: z.string().optional(),
    }),
  ),
});

/** OpenAI's `POST /v1/chat/completions`. */
export const validateChat: Validate = (body) => {
  const problems = check(matchesChat, body);
  if (problems.length > 0) return problems;
  const turns = chatTurns.parse(body).messages.map((message) => ({
    calls: (message.tool_calls ?? []).map((call) => call.id),
    results: message.role === "tool" ? [message.tool_call_id ?? ""] : [],
  }));
  return checkToolTurns(mergeResults(turns));
};

const responseItems = z.looseObject({
  input: z.union([z.string(), z.array(z.looseObject({ type: z.string().optional(), call_id: z.string().optional() }))]),
});

/** OpenAI's `POST /v1/responses`. */
export const validateResponse: Validate = (body) => {
  const problems = check(matchesResponse, body);
  if (problems.length > 0) return problems;
  const { input } = responseItems.parse(body);
  const items = typeof input === "string" ? [] : input;
  const idsOf = (type: string) => items.flatMap((item) => (item.type === type ? [item.call_id ?? ""] : []));
  const calls = idsOf("function_call");
  const results = idsOf("function_call_output");
  return [
    ...results.filter((id) => !calls.includes(id)).map((id) => `no tool call found for function call output ${id}`),
    ...calls.filter((id) => !results.includes(id)).map((id) => `no tool output found for function call ${id}`),
  ];
};

/** OpenAI sends one message for each result; the other two vendors send them together. */
const mergeResults = (turns: readonly Turn[]): readonly Turn[] =>
  turns.reduce<readonly Turn[]>((merged, turn) => {
    const last = merged.at(-1);
    return last && last.results.length > 0 && turn.results.length > 0
      ? [...merged.slice(0, -1), { calls: [], results: [...last.results, ...turn.results] }]
      : [...merged, turn];
  }, []);

// --- Anthropic ------------------------------------------------------------------------------------------------------

const cacheControl = z.strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() }).nullish();
const cached = { cache_control: cacheControl };
const base64 = z.base64().min(1);

const anthropicText = z.strictObject({ type: z.literal("text"), text: z.string().min(1), ...cached });
const anthropicImage = z.strictObject({
  type: z.literal("image"),
  source: z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("base64"),
      media_type: z.enum(["image/jpeg", "image/png", "image/gif", "image/webp"]),
      data: base64,
    }),
    z.strictObject({ type: z.literal("url"), url: z.url({ protocol: /^https?$/ }) }),
  ]),
  ...cached,
});
const anthropicDocument = z.strictObject({
  type: z.literal("document"),
  source: z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("base64"), media_type: z.literal("application/pdf"), data: base64 }),
    z.strictObject({ type: z.literal("text"), media_type: z.literal("text/plain"), data: z.string().min(1) }),
    z.strictObject({ type: z.literal("url"), url: z.url({ protocol: /^https?$/ }) }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: z.strictObject({ enabled: z.boolean() }).nullish(),
  ...cached,
});
const anthropicToolUse = z.strictObject({
  type: z.literal("tool_use"),
  id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  name: z.string().min(1).max(200),
  input: jsonObject,
  caller: z.strictObject({ type: z.literal("direct") }).optional(),
  ...cached,
});
const anthropicToolResult = z.strictObject({
  type: z.literal("tool_result"),
  tool_use_id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  content: z.union([z.string(), z.array(z.union([anthropicText, anthropicImage, anthropicDocument]))]).optional(),
  is_error: z.boolean().optional(),
  ...cached,
});
const anthropicThinking = z.strictObject({
  type: z.literal("thinking"),
  thinking: z.string(),
  signature: z.string().min(1),
});
const anthropicRedacted = z.strictObject({ type: z.literal("redacted_thinking"), data: z.string().min(1) });

const anthropicMessage = z.discriminatedUnion("role", [
  z.strictObject({
    role: z.literal("user"),
    content: z.union([
      z.string().min(1),
      z.array(z.union([anthropicText, anthropicImage, anthropicDocument, anthropicToolResult])).min(1),
    ]),
  }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.union([
      z.string().min(1),
      z.array(z.union([anthropicText, anthropicToolUse, anthropicThinking, anthropicRedacted])).min(1),
    ]),
  }),
]);

const parallel = { disable_parallel_tool_use: z.boolean().optional() };
const display = { display: z.enum(["summarized", "omitted"]).nullish() };

const anthropicBody = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  messages: z.array(anthropicMessage).min(1),
  stream: z.literal(true),
  system: z.union([z.string(), z.array(anthropicText)]).optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  stop_sequences: z.array(z.string().regex(/\S/)).optional(),
  metadata: z.strictObject({ user_id: z.string().max(256).nullish() }).optional(),
  service_tier: z.enum(["auto", "standard_only"]).optional(),
  ...cached,
  thinking: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("enabled"), budget_tokens: z.int().min(1024), ...display }),
      z.strictObject({ type: z.literal("adaptive"), ...display }),
      z.strictObject({ type: z.literal("between_tools") }),
      z.strictObject({ type: z.literal("disabled") }),
    ])
    .optional(),
  output_config: z
    .strictObject({
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
      format: z.strictObject({ type: z.literal("json_schema"), schema: jsonObject }).nullish(),
    })
    .optional(),
  tools: z
    .array(
      z.strictObject({
        type: z.literal("custom").nullish(),
        name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
        description: z.string().optional(),
        input_schema: z.looseObject({ type: z.literal("object") }),
        strict: z.boolean().optional(),
        ...cached,
      }),
    )
    .optional(),
  tool_choice: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("auto"), ...parallel }),
      z.strictObject({ type: z.literal("any"), ...parallel }),
      z.strictObject({ type: z.literal("tool"), name: z.string(), ...parallel }),
      z.strictObject({ type: z.literal("none") }),
    ])
    .optional(),
});

/** Anthropic's `POST /v1/messages`. */
export const validateAnthropic: Validate = (body) => {
  const parsed = anthropicBody.safeParse(body);
  if (!parsed.success) return describeIssues(parsed.error);
  const { messages, thinking, max_tokens, tools, tool_choice } = parsed.data;
  const turns = messages.map(({ content }) => {
    const blocks = typeof content === "string" ? [] : content;
    return {
      calls: blocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])),
      results: blocks.flatMap((block) => (block.type === "tool_result" ? [block.tool_use_id] : [])),
    };
  });
  return [
    ...(messages[0]?.role === "user" ? [] : ["messages: the first message must be the user's"]),
    ...(thinking?.type === "enabled" && thinking.budget_tokens >= max_tokens
      ? ["thinking.budget_tokens must be less than max_tokens"]
      : []),
    ...(tool_choice && !tools?.length ? ["tool_choice may only be given with tools"] : []),
    ...(tool_choice?.type === "tool" && !tools?.some((tool) => tool.name === tool_choice.name)
      ? [`tool_choice: no tool is named ${tool_choice.name}`]
      : []),
    ...checkToolTurns(turns),
  ];
};

// --- Google ---------------------------------------------------------------------------------------------------------

const googleThought = { thought: z.boolean().optional(), thoughtSignature: z.string().min(1).optional() };
const googlePart = z.union([
  z.strictObject({ text: z.string(), ...googleThought }),
  z.strictObject({ inlineData: z.strictObject({ mimeType: z.string().min(1), data: base64 }), ...googleThought }),
  z.strictObject({
    fileData: z.strictObject({ mimeType: z.string().optional(), fileUri: z.string().min(1) }),
    ...googleThought,
  }),
  z.strictObject({
    functionCall: z.strictObject({ id: z.string().optional(), name: z.string().min(1), args: jsonObject.optional() }),
    ...googleThought,
  }),
  z.strictObject({
    functionResponse: z.strictObject({
      id: z.string().optional(),
      name: z.string().min(1),
      response: jsonObject,
      parts: z
        .array(z.strictObject({ inlineData: z.strictObject({ mimeType: z.string().min(1), data: base64 }) }))
        .optional(),
    }),
    ...googleThought,
  }),
]);

const googleBody = z.strictObject({
  contents: z
    .array(z.strictObject({ role: z.enum(["user", "model"]).optional(), parts: z.array(googlePart).min(1) }))
    .min(1),
  systemInstruction: z
    .strictObject({ role: z.string().optional(), parts: z.array(z.strictObject({ text: z.string() })).min(1) })
    .optional(),
  tools: z
    .array(
      z.strictObject({
        functionDeclarations: z
          .array(
            z
              .strictObject({
                name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/),
                description: z.string().optional(),
                parameters: jsonObject.optional(),
                parametersJsonSchema: jsonObject.optional(),
                behavior: z.enum(["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"]).optional(),
              })
              .refine(
                (tool) => tool.parameters === undefined || tool.parametersJsonSchema === undefined,
                "parameters and parametersJsonSchema exclude one another",
              ),
          )
          .min(1),
      }),
    )
    .optional(),
  toolConfig: z
    .strictObject({
      functionCallingConfig: z
        .strictObject({
          mode: z.enum(["AUTO", "ANY", "NONE", "VALIDATED"]).optional(),
          allowedFunctionNames: z.array(z.string()).optional(),
        })
        .refine(
          (config) => config.allowedFunctionNames === undefined || ["ANY", "VALIDATED"].includes(config.mode ?? "AUTO"),
          "allowedFunctionNames needs mode ANY or VALIDATED",
        ),
    })
    .optional(),
  /** Whether Google may keep the request; on by default for projects made since 2026-10-26. */
  store: z.boolean().optional(),
  safetySettings: z.array(z.strictObject({ category: z.string(), threshold: z.string() })).optional(),
  cachedContent: z.string().optional(),
  serviceTier: z.string().optional(),
  generationConfig: z
    .strictObject({
      candidateCount: z.int().min(1).max(8).optional(),
      maxOutputTokens: z.int().min(1).optional(),
      stopSequences: z.array(z.string().min(1)).max(5).optional(),
      temperature: z.number().min(0).max(2).optional(),
      topP: z.number().min(0).max(1).optional(),
      topK: z.int().min(1).optional(),
      seed: z.int32().optional(),
      presencePenalty: z.number().min(-2).max(2).optional(),
      frequencyPenalty: z.number().min(-2).max(2).optional(),
      responseMimeType: z.enum(["text/plain", "application/json", "text/x.enum"]).optional(),
      responseSchema: jsonObject.optional(),
      responseJsonSchema: jsonObject.optional(),
      responseModalities: z.array(z.enum(["TEXT", "IMAGE", "AUDIO"])).optional(),
      thinkingConfig: z
        .strictObject({
          includeThoughts: z.boolean().optional(),
          thinkingBudget: z.int().min(-1).optional(),
          thinkingLevel: z.enum(["MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high"]).optional(),
        })
        .refine(
          (thinking) => thinking.thinkingBudget === undefined || thinking.thinkingLevel === undefined,
          "thinkingBudget and thinkingLevel exclude one another",
        )
        .optional(),
    })
    .refine(
      (config) =>
        (config.responseSchema === undefined && config.responseJsonSchema === undefined) ||
        config.responseMimeType === "application/json",
      "a response schema needs responseMimeType application/json",
    )
    .optional(),
});

/** Google's `POST /v1/models/{model}:streamGenerateContent`. */
export const validateGoogle: Validate = (body) => {
  const parsed = googleBody.safeParse(body);
  if (!parsed.success) return describeIssues(parsed.error);
  const { contents } = parsed.data;
  // A response names its function; ids are optional, so the names are what must match.
  const turns = contents.map(({ parts }) => ({
    calls: parts.flatMap((part) => ("functionCall" in part ? [part.functionCall.name] : [])),
    results: parts.flatMap((part) => ("functionResponse" in part ? [part.functionResponse.name] : [])),
  }));
  return [
    ...(contents[0]?.role === "model" ? ["contents: the first turn must be the user's"] : []),
    ...checkToolTurns(turns),
  ];
};

// --- All ------------------------------------------------------------------------------------------------------------

type Turn = { readonly calls: readonly string[]; readonly results: readonly string[] };

/** Every call is answered in the turn after it, and nothing else is. */
const checkToolTurns = (turns: readonly Turn[]): readonly string[] =>
  turns.flatMap((turn, index) => {
    const called = turns[index - 1]?.calls ?? [];
    const strangers = turn.results.filter((result) => !called.includes(result));
    const unanswered = called.filter((call) => !turn.results.includes(call));
    return [
      ...strangers.map((id) => `turn ${index}: result ${id} answers no call of the turn before`),
      ...unanswered.map((id) => `turn ${index}: call ${id} of the turn before is not answered`),
    ];
  });

const describeIssues = (error: z.ZodError): readonly string[] => z.prettifyError(error).split("\n✖ ");
