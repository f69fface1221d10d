import * as z from "zod";
import { abilities } from "../../shared/workers.ts";
import { reasoningEfforts } from "../../shared/chat.ts";
import { dataRegions } from "../providers/provider.ts";

/** What the routes answer, for the reference: what a client may rely on, not every field. */

/** OpenAI's error. */
export const error = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.nullable(z.string()),
    code: z.nullable(z.string()),
  }),
});

/** Anthropic's error, on its own routes. */
export const messagesError = z.looseObject({
  type: z.literal("error"),
  error: z.looseObject({ type: z.string(), message: z.string() }),
});

const count = z.int().min(0);
const dollars = z.nullable(z.number().min(0));

const usage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.looseObject({
    cached_tokens: count,
    orchestration_input_tokens: count,
    orchestration_input_cached_tokens: count,
  }),
  completion_tokens_details: z.looseObject({ reasoning_tokens: count, orchestration_output_tokens: count }),
  cost: dollars.describe("Dollars, those of inner steps included; null when a price is unknown."),
});

const likely = { token: z.string(), logprob: z.number(), bytes: z.nullable(z.array(z.int())) };
const logprobs = z.object({
  content: z.array(z.object({ ...likely, top_logprobs: z.array(z.object(likely)) })),
  refusal: z.null(),
});

const toolCall = z.looseObject({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

export const chatCompletion = z.looseObject({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.looseObject({
        role: z.literal("assistant"),
        content: z.nullable(z.string()),
        refusal: z.nullable(z.string()),
        reasoning_content: z.string().optional(),
        tool_calls: z.array(toolCall).optional(),
      }),
      logprobs: z.nullable(logprobs),
      finish_reason: z.enum(["stop", "length", "tool_calls", "content_filter"]),
    }),
  ),
  usage,
  shoal: z.looseObject({}).describe('The plan and its steps, where `metadata.shoal_plan` is "true".').optional(),
});

export const response = z.looseObject({
  id: z.string(),
  object: z.literal("response"),
  created_at: z.int(),
  status: z.enum(["completed", "incomplete", "failed", "in_progress"]),
  model: z.string(),
  output: z.array(z.looseObject({ type: z.string() })),
  usage: z.nullable(z.looseObject({ input_tokens: count, output_tokens: count, total_tokens: count })),
});

export const deletedResponse = z.object({ id: z.string(), object: z.literal("response"), deleted: z.literal(true) });

export const inputItems = z.object({
  object: z.literal("list"),
  data: z.array(z.looseObject({ type: z.string() })),
  first_id: z.string(),
  last_id: z.string(),
  has_more: z.boolean(),
});

export const message = z.looseObject({
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  content: z.array(z.looseObject({ type: z.string() })),
  stop_reason: z.nullable(z.string()),
  stop_sequence: z.nullable(z.string()),
  usage: z.looseObject({ input_tokens: count, output_tokens: count }),
});

export const tokenCount = z.object({ input_tokens: count });

export const model = z.looseObject({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
  context_window: z.nullable(z.int()).optional(),
  max_output_tokens: z.nullable(z.int()).optional(),
  abilities: z.array(z.enum([...abilities, "embeddings"])),
  reasoning_efforts: z.array(z.enum(reasoningEfforts)).optional(),
  price: z
    .nullable(z.looseObject({ input: z.number(), output: z.number() }))
    .describe("Dollars per million tokens; null when unknown.")
    .optional(),
  strengths: z.enum(["measured", "prior", "none"]).optional(),
  data_region: z
    .nullable(z.enum(dataRegions))
    .describe("Where prompts are processed, `global` for anywhere; null when unknown.")
    .optional(),
});

export const models = z.object({ object: z.literal("list"), data: z.array(model) });

export const plan = z.looseObject({
  object: z.literal("plan"),
  model: z.string(),
  source: z.string(),
  fallback: z.nullable(z.string()),
  plan: z.looseObject({ kind: z.enum(["workflow", "ballot"]) }),
  reason: z.string(),
  scores: z.array(z.looseObject({ worker: z.string(), quality: z.number(), utility: z.number() })),
  max_cost_usd: z.number().min(0),
});

export const trace = z.looseObject({
  id: z.string(),
  object: z.literal("trace"),
  model: z.string(),
  status: z.enum(["complete", "aborted", "failed"]),
  worker: z.nullable(z.string()),
  plan: z.looseObject({ kind: z.enum(["workflow", "ballot"]), workers: z.array(z.string()) }),
  steps: z.array(z.looseObject({ step: z.string(), worker: z.string() })),
  cost_usd: dollars,
});

export const tenant = z.looseObject({ id: z.string(), object: z.literal("tenant").optional() });
export const tenants = z.object({ object: z.literal("list"), data: z.array(z.looseObject({ id: z.string() })) });
export const newKey = z.object({
  object: z.literal("key"),
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  key: z.string().describe("Shown once: only its hash is kept."),
});
export const workers = z.object({
  object: z.literal("list"),
  data: z.array(z.looseObject({ id: z.string(), provider: z.string() })),
  unconfigured: z.array(z.looseObject({ provider: z.string(), needs: z.string() })),
});

export const health = z.object({ status: z.literal("ok") });

export const reference = z.looseObject({ openapi: z.string(), info: z.looseObject({}), paths: z.looseObject({}) });
