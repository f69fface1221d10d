import * as z from "zod";

/** What of a trace a measurement reads. */
export const tracedSchema = z.object({
  upstream_model: z.string().nullish(),
  cost_usd: z.number().nullable(),
  worker: z.string().nullish(),
  plan: z.object({
    kind: z.enum(["workflow", "ballot"]),
    workers: z.array(z.string()),
    source: z.string(),
    fallback: z.string().nullable(),
    planner: z.object({ outcome: z.string() }).optional(),
    revision: z.object({ outcome: z.string() }).optional(),
  }),
  steps: z.array(
    z.object({
      worker: z.string(),
      role: z.string(),
      outcome: z.string().nullable(),
      cost_usd: z.number().nullable(),
    }),
  ),
});
export type Traced = z.infer<typeof tracedSchema>;

export const families = ["direct", "ballot", "workflow"] as const;
export type Family = (typeof families)[number];

/** How a tier worked on a prompt, as its trace says. */
export const runSchema = z.object({
  family: z.enum(families),
  /** The worker whose words were the answer. */
  worker: z.string().nullable(),
  /** Who decided; and why not the conductor, or why its planner's workflow was not used. */
  source: z.string(),
  fallback: z.string().nullable(),
  /** What came of asking a planner for the workflow; null where none was asked. */
  planner: z.string().nullable(),
  /** What came of asking it for one more round; null where it was not asked, and in journals that knew of none. */
  revision: z.string().nullable().default(null),
  /** Every call that was made, in order. Dollars; null when unknown. */
  calls: z.array(z.object({ worker: z.string(), role: z.string(), cost_usd: z.number().nullable() })),
});
export type Run = z.infer<typeof runSchema>;

export const readRun = ({ plan, steps, worker }: Traced): Run => ({
  family: familyOf(plan),
  worker: worker ?? null,
  source: plan.source,
  fallback: plan.fallback,
  planner: plan.planner?.outcome ?? null,
  revision: plan.revision?.outcome ?? null,
  calls: steps
    .filter(({ outcome }) => outcome !== "skipped")
    .map((step) => ({ worker: step.worker, role: step.role, cost_usd: step.cost_usd })),
});

const familyOf = ({ kind, workers }: Traced["plan"]): Family => {
  if (kind === "ballot") return "ballot";
  return workers.length > 1 ? "workflow" : "direct";
};
