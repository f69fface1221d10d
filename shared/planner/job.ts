import * as z from "zod";
import { cutMiddle, plannerTaskSchema } from "./task.ts";

/** More workers than this only dilute a planner's list. */
export const maxPlannerWorkers = 8;

/** A worker as a planner sees it: an ordinal and figures, no name, so that none is chosen for its name. */
const figuresSchema = z.strictObject({
  /** Expected quality, 0 to 1. */
  quality: z.number(),
  costDollars: z.number().nullable(),
  latencyMs: z.number().nullable(),
});
export type Figures = z.infer<typeof figuresSchema>;

/** Characters of the first round that a planner gets to read again. */
const limits = { plan: 16_000, answer: 8_000 } as const;

/** What the first workflow was, in the planner's own words, and the answer that it gave. */
const firstRoundSchema = z.strictObject({
  plan: z.string().max(limits.plan),
  /** Without its middle where it is too long. */
  answer: z.string().max(limits.answer),
});
export type FirstRound = z.infer<typeof firstRoundSchema>;

/** What a planner writes a workflow of; with `first`, one that may revise an answer. */
const plannerJobSchema = z.strictObject({
  task: plannerTaskSchema,
  /** By ordinal. */
  workers: z.array(figuresSchema).min(1).max(maxPlannerWorkers),
  first: firstRoundSchema.optional(),
});
export type PlannerJob = z.infer<typeof plannerJobSchema>;

/** The first round as a planner reads it again; null where its plan is too long to be shown. */
export const toFirstRound = (plan: string, answer: string, characters: number = limits.answer): FirstRound | null =>
  plan.length > limits.plan ? null : { plan, answer: cutMiddle(answer, Math.min(characters, limits.answer)) };

/** Body of `POST /v1/workflow` at the inference service. */
export const writeRequestSchema = z.strictObject({
  ...plannerJobSchema.shape,
  /** Milliseconds after which the edge no longer waits. */
  deadlineMs: z.number().positive(),
});
export type WriteRequest = z.infer<typeof writeRequestSchema>;

/** Its answer: a workflow in the planner's words, untrusted at the edge until `readWrittenPlan` has read it. */
export const writtenTextSchema = z.strictObject({
  text: z.string().max(64 * 1024),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
});
export type WrittenText = z.infer<typeof writtenTextSchema>;
