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

const milliseconds = z.nullable(z.number().min(0));

export const plan = z.looseObject({
  object: z.literal("plan"),
  model: z.string(),
  source: z.string(),
  fallback: z.nullable(z.string()),
  plan: z.looseObject({ kind: z.enum(["workflow", "ballot"]) }),
  reason: z.string(),
  scores: z.array(z.looseObject({ worker: z.string(), quality: z.number(), utility: z.number() })),
  steps: z
    .array(
      z.looseObject({
        id: z.string(),
        worker: z.string(),
        role: z.string(),
        waits_for: z.array(z.string()).describe("Steps whose results it reads; of a vote, the wave before."),
        begins_ms: milliseconds,
        ends_ms: milliseconds,
        expected_cost_usd: dollars,
      }),
    )
    .describe("As they are expected to run. Milliseconds from the first call; null where a worker's speed is unknown."),
  min_cost_usd: dollars.describe(
    "Expected, should the plan end with the fewest calls that it can; null where a price is unknown.",
  ),
  expected_cost_usd: dollars.describe("Expected of all calls; null where a price is unknown."),
  expected_ms: z
    .object({ least: milliseconds, most: milliseconds })
    .describe("Along the longest chain of calls: should the plan end as early as it can, and with all calls."),
  max_cost_usd: z.number().min(0).describe("Reserved before the first call: the calls of the plan cost no more."),
});

export const trace = z.looseObject({
  id: z.string(),
  object: z.literal("trace"),
  model: z.string(),
  status: z.enum(["complete", "aborted", "failed"]),
  worker: z.nullable(z.string()),
  plan: z.looseObject({ kind: z.enum(["workflow", "ballot"]), workers: z.array(z.string()) }),
  steps: z.array(
    z.looseObject({
      step: z.string(),
      worker: z.string(),
      outcome: z.nullable(z.enum(["done", "failed", "skipped", "canceled"])),
      skipped: z
        .enum(["nothing_to_see", "accepted", "too_long", "client_left"])
        .describe(
          "Why it never started: all that it was to see had failed, a verifier had accepted an answer, no worker's context takes what it was to see, or the client had left.",
        )
        .optional(),
    }),
  ),
  cost_usd: dollars,
});

/** A policy's fields stand beside these. */
export const tenant = z.looseObject({
  object: z.literal("tenant"),
  id: z.string(),
  name: z.string(),
  status: z.enum(["active", "inactive", "deleted"]),
  created_at: z.string(),
  spend: z
    .looseObject({ today_usd: z.number(), month_usd: z.number(), reserved_usd: z.number() })
    .describe("Dollars of this day and month, and what running requests may still cost.")
    .optional(),
});

export const exportedLine = z.looseObject({ type: z.string() });
export const deletedTenant = z.object({
  object: z.literal("tenant"),
  id: z.string(),
  status: z.literal("deleted"),
  deleted_at: z.string(),
});

const pageOf = <Entry extends z.ZodType>(entry: Entry) =>
  z.object({
    object: z.literal("list"),
    data: z.array(entry),
    has_more: z.boolean(),
    next: z.nullable(z.union([z.string(), z.int()])).describe("Where the next page begins."),
  });

export const tenants = pageOf(tenant);

const time = z.nullable(z.string());
const keyFields = {
  object: z.literal("key"),
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  status: z.enum(["active", "expired", "revoked"]),
  created_at: z.string(),
  expires_at: time,
  revoked_at: time,
};
export const key = z.looseObject(keyFields);
export const keys = pageOf(key);
export const newKey = z.looseObject({
  ...keyFields,
  key: z.string().describe("Shown once: only its hash is kept."),
  replaces: key.optional(),
});

export const vendorKey = z.object({
  object: z.literal("vendor_key"),
  provider: z.string(),
  ending: z.string().describe("The last four characters; empty for a short key."),
  created_at: z.string(),
});
export const vendorKeys = z.object({
  object: z.literal("list"),
  data: z.array(vendorKey),
  rewrap_due: z.boolean().describe("The data key is wrapped under an older secret than the newest."),
});
const rates = z.looseObject({ input: z.number(), output: z.number() });
export const prices = z.object({
  object: z.literal("list"),
  data: z.array(
    z.looseObject({
      worker: z.string(),
      price: z.nullable(rates),
      set_at: time.describe("When the operator set it; null: it is the card's."),
      listed: z.nullable(rates),
    }),
  ),
});
export const setPrice = z.object({ object: z.literal("price"), worker: z.string(), price: rates });
export const ownWorker = z.looseObject({ object: z.literal("worker"), id: z.string(), provider: z.string() });
export const ownWorkers = z.object({ object: z.literal("list"), data: z.array(ownWorker) });

const sums = {
  requests: count,
  calls: count,
  input_tokens: count,
  cached_input_tokens: count,
  cache_write_tokens: count,
  output_tokens: count,
  reasoning_tokens: count,
  cost_usd: z.number(),
};
export const tenantUsage = z.object({
  object: z.literal("usage"),
  tenant: z.string(),
  from: z.string(),
  to: z.string(),
  group_by: z.array(z.string()),
  data: z.array(z.looseObject(sums)),
  total: z.nullable(z.looseObject(sums)),
  has_more: z.boolean(),
  next: z.nullable(z.int()),
});
const rolloutArm = z.looseObject({
  conversations: count,
  requests: count,
  errors: count,
  cost_usd: z.number(),
  other_arm: z
    .looseObject({ requests: count, cost_usd: z.number(), foreseen_usd: z.number() })
    .describe("What these requests cost, and what the other arm would have cost by prediction."),
});
export const rollout = z.object({
  object: z.literal("rollout"),
  tenant: z.string(),
  data: z.array(
    z.looseObject({
      object: z.literal("rollout_stage"),
      key_id: z.string(),
      mode: z.string(),
      baseline: z.nullable(z.string()),
      decision: z.string(),
      went_back_at: z.nullable(z.string()),
      arms: z.object({ baseline: rolloutArm, shoal: rolloutArm }),
      differences: z
        .looseObject({})
        .describe("Shoal's less the baseline's, or as its multiple, with intervals of 95 % that hold at every look."),
    }),
  ),
});
export const ledger = pageOf(
  z.looseObject({
    request_id: z.string(),
    at: z.string(),
    key_id: z.string(),
    status: z.enum(["complete", "aborted", "failed", "lost"]),
    cost_usd: z.number(),
    usage_source: z.enum(["reported", "estimated", "unknown"]),
    calls: z.array(z.looseObject({ worker: z.string(), cost_usd: dollars })),
  }),
);
const share = z.number().min(0).max(1);

export const feedback = z.object({
  object: z.literal("feedback"),
  request_id: z.string(),
  score: share,
  worker: z.string().describe("Whose answer, or part of one, was scored."),
  learned: z.boolean().describe("Whether the score corrects what is expected of that worker."),
  reason: z.nullable(z.string()).describe("Why it does not."),
});

const interval = { score: z.number(), low: z.number(), high: z.number(), standard_error: z.number() };
const policy = z.looseObject({
  ...interval,
  effective_sample_size: z.number().describe("Evenly weighted answers of its own that would say as much."),
});

export const evaluation = z.looseObject({
  object: z.literal("evaluation"),
  baseline: z.nullable(z.string()),
  identified: z.boolean(),
  reason: z.string().describe("Why there is no number.").optional(),
  scored_answers: count.optional(),
  used_answers: count.optional(),
  policies: z.object({ conductor: policy, baseline: policy }).optional(),
  difference: z.looseObject(interval).optional(),
});

export const scoredAnswer = z.looseObject({
  id: z.string(),
  domain: z.string(),
  prompt: z.null(),
  models: z.record(z.string(), z.looseObject({ correct: share })),
  feedback: z.looseObject({ scores: z.array(z.looseObject({ key_id: z.string(), score: share })) }),
});

export const audit = pageOf(
  z.looseObject({
    id: z.int(),
    at: z.string(),
    credential: z.string().describe("The first characters of its SHA-256."),
    action: z.string(),
    path: z.string(),
    tenant: z.nullable(z.string()),
    status: z.nullable(z.int()).describe("Null when nothing is known of how it ended."),
  }),
);
export const workers = z.object({
  object: z.literal("list"),
  data: z.array(z.looseObject({ id: z.string(), provider: z.string() })),
  unconfigured: z.array(z.looseObject({ provider: z.string(), needs: z.string() })),
});

export const health = z.object({ status: z.literal("ok") });

export const reference = z.looseObject({ openapi: z.string(), info: z.looseObject({}), paths: z.looseObject({}) });
