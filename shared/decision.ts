import * as z from "zod";
import { extractors } from "./answers.ts";
import { priceSchema } from "./card-schema.ts";
import { planSchema } from "./plan.ts";

/** The two tiers: one call in the time of one call, or more calls to be right. */
export const tiers = ["mini", "ultra"] as const;
export type Tier = (typeof tiers)[number];

/** A worker as the conductor sees it: not by name but by the profile that its weights know. */
export const candidateSchema = z.strictObject({
  worker: z.string().min(1).max(128),
  profile: z.string().max(128).nullable(),
  /** Whether the profile was trained on this very model, on a relative, or on nothing like it. */
  strengths: z.enum(["measured", "prior", "none"]),
  price: priceSchema.nullable(),
  /** Mean milliseconds of a whole answer as observed by the edge; null before any. */
  latencyMs: z.number().min(0).nullable(),
  /** Dollars of settled calls over those foreseen, as observed by the edge; absent before any. */
  costFactor: z.number().positive().optional(),
  /** The tenant's own correction of quality, from feedback; in quality (0 to 1). */
  bias: z.number().min(-1).max(1),
  /** What comes to it on prompts of a task type, by the type's name. */
  typeBias: z.record(z.string().max(64), z.number().min(-1).max(1)).optional(),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** What a planner asks for a workflow; present where there is one, and the turn may get a workflow. */
const plannerSchema = z.strictObject({
  /** The inference service's own model, of which the service knows best how long it takes; or a worker. */
  by: z.enum(["conductor", "worker"]),
  /** Expected dollars of the planner's own call; null when its price is unknown. */
  costDollars: z.number().min(0).nullable(),
  /** Expected milliseconds of it. */
  waitMs: z.number().min(0),
});

/** Body of `POST /v1/plan` at the inference service; also what the edge head decides on. */
export const planRequestSchema = z.strictObject({
  /** The parts of the prompt that are read, by characters: see `prompt-view.ts`. */
  view: z.strictObject({ system: z.string().max(4096), head: z.string().max(4096), tail: z.string().max(4096) }),
  /** How the answers to this prompt can be compared; null when they cannot. */
  extractor: z.enum(extractors).nullable(),
  /** Upper bound of the request's input in tokens. */
  inputTokens: z.number().int().min(0),
  /** Whether the turn offers, calls or answers tools: it then goes to one worker. */
  tools: z.boolean(),
  tier: z.enum(tiers),
  /** Quality (0 to 1) that a dollar is worth. */
  lambda: z.number().min(0),
  /** Quality (0 to 1) that a second is worth. */
  mu: z.number().min(0),
  /** Milliseconds after which the edge no longer waits. */
  deadlineMs: z.number().positive(),
  /** Version of the weights whose errors the candidates' biases are; absent: of any. */
  biasWeights: z.string().max(64).optional(),
  candidates: z.array(candidateSchema).min(1).max(64),
  planner: plannerSchema.optional(),
});
export type PlanRequest = z.infer<typeof planRequestSchema>;

export const scoreSchema = z.strictObject({
  worker: z.string(),
  /** Expected quality, 0 to 1. */
  quality: z.number(),
  /** Expected dollars of the call; null when its price is unknown. */
  costDollars: z.number().nullable(),
  /** Expected milliseconds of the whole answer; null when nothing is known. */
  latencyMs: z.number().nullable(),
  /** The tenant's own correction of that quality on this prompt; absent where there is none. */
  bias: z.number().optional(),
  /** quality − λ·cost − μ·latency + bias */
  utility: z.number(),
});
export type Score = z.infer<typeof scoreSchema>;

/** The conductor's answer: the plan and why. The plan in it is untrusted at the edge until `parsePlan` has read it. */
export const decisionSchema = z.strictObject({
  plan: planSchema,
  /** All candidates, best utility first. */
  scores: z.array(scoreSchema).max(64),
  /** In plain words, without any of the prompt's. */
  reason: z.string().max(2000),
  /** Likeliest learnt task type, and how likely (0 to 1); null when the prompt is far from every training prompt. */
  taskType: z.strictObject({ name: z.string().max(128), probability: z.number() }).nullable(),
  /** How near the prompt is to the training prompts, 0 (far) to 1. */
  support: z.number(),
  /** Version of the weights. */
  weights: z.string().max(128),
});
export type Decision = z.infer<typeof decisionSchema>;
