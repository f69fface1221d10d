import * as z from "zod";
import { scopes, type KeyRecord } from "../records.ts";

const names = (most: number) => z.array(z.string().min(1).max(128)).min(1).max(most);
const dollars = z.number().min(0).max(10_000_000);
const count = z.number().int().min(1).max(1_000_000_000);

/** Of a minute, a day and a month (UTC) each; `concurrency`: requests at once. What is absent is not limited. */
export const limitsSchema = z.strictObject({
  requests_per_minute: count.optional(),
  tokens_per_minute: count.optional(),
  usd_per_minute: dollars.optional(),
  concurrency: count.optional(),
  usd_per_day: dollars.optional(),
  usd_per_month: dollars.optional(),
  /** Share of a minute's, day's or month's dollars from which on the alarm is raised; nothing is refused. */
  alarm_share: z.number().min(0).max(1).optional(),
});

export const modeSchema = z.union([
  z.enum(["off", "shadow", "on"]),
  z.string().regex(/^canary:(100|[1-9]?[0-9])$/, "'canary:' and a whole percentage"),
]);

/**
 * When a canary goes back to its baseline by itself: once it is as good as sure that one of these is passed. Ratios and
 * differences are Shoal's against the baseline's, a request each. What is absent is as `defaultBounds` has it.
 */
export const rolloutBoundsSchema = z.strictObject({
  max_cost_ratio: z.number().positive().max(1_000).optional(),
  /** Difference of the shares of requests that fail. */
  max_error_rate_delta: z.number().min(0).max(1).optional(),
  /** Of the whole answer. */
  max_latency_ratio: z.number().positive().max(1_000).optional(),
  /** Of each arm, before anything is judged. */
  min_requests: z.number().int().min(10).max(1_000_000).optional(),
});

export const defaultBounds = {
  max_cost_ratio: 1.25,
  max_error_rate_delta: 0.02,
  max_latency_ratio: 1.5,
  min_requests: 50,
} as const;

/**
 * What a tenant's keys, or one key, may do, and how they are served. Both have the same fields: lists and limits of a key
 * narrow the tenant's, its other fields go before the tenant's; only a tenant's mode `off` goes before its keys' modes.
 */
export const policySchema = z.strictObject({
  scopes: z.array(z.enum(scopes)).min(1).optional(),
  allowed_models: names(100).optional(),
  allowed_workers: names(500).optional(),
  allowed_vendors: names(50).optional(),
  allowed_data_regions: names(20).optional(),
  preference: z.enum(["quality", "balanced", "economy"]).optional(),
  max_output_tokens: z.number().int().positive().optional(),
  limits: limitsSchema.optional(),
  mode: modeSchema.optional(),
  /** A worker id: what is served in modes `off` and `shadow` and beside a canary. */
  baseline: z.string().min(1).max(128).optional(),
  rollout_bounds: rolloutBoundsSchema.optional(),
  cache: z.strictObject({ ttl_seconds: z.number().int().min(1).max(604_800) }).optional(),
  /** Share of requests whose worker is drawn at random among those worth it. */
  exploration: z.number().min(0).max(0.1).optional(),
});

export type Policy = z.infer<typeof policySchema>;
export type Limits = z.infer<typeof limitsSchema>;
export type RolloutBounds = Readonly<Record<keyof typeof defaultBounds, number>>;

/** What the key may do within what its tenant may. `hasBudget`: a limit in dollars applies to it. */
export const recordOf = (
  key: { readonly id: string; readonly name: string; readonly policy: Policy },
  tenant: Policy,
): Omit<KeyRecord, "cacheEpoch"> => {
  const { policy } = key;
  // One switch returns a whole tenant to its baselines.
  const mode = readMode(tenant.mode === "off" ? "off" : (policy.mode ?? tenant.mode ?? "on"));
  return {
    keyId: key.id,
    name: key.name,
    scopes: narrow(tenant.scopes, policy.scopes) ?? scopes,
    allowedModels: narrow(tenant.allowed_models, policy.allowed_models),
    allowedWorkers: narrow(tenant.allowed_workers, policy.allowed_workers),
    allowedVendors: narrow(tenant.allowed_vendors, policy.allowed_vendors),
    allowedDataRegions: narrow(tenant.allowed_data_regions, policy.allowed_data_regions),
    preference: policy.preference ?? tenant.preference ?? null,
    outputCap: least(tenant.max_output_tokens, policy.max_output_tokens),
    tokensPerMinute: least(tenant.limits?.tokens_per_minute, policy.limits?.tokens_per_minute),
    hasBudget: hasDollars(tenant.limits) || hasDollars(policy.limits),
    rollout: { ...mode, baseline: policy.baseline ?? tenant.baseline ?? null },
    cacheSeconds: (policy.cache ?? tenant.cache)?.ttl_seconds ?? null,
    exploration: policy.exploration ?? tenant.exploration ?? 0,
  };
};

/** Null when neither lists any: then all are allowed. */
const narrow = <Name extends string>(
  tenant: readonly Name[] | undefined,
  key: readonly Name[] | undefined,
): readonly Name[] | null => {
  if (!tenant || !key) return key ?? tenant ?? null;
  return key.filter((name) => tenant.includes(name));
};

const least = (...caps: readonly (number | undefined)[]): number | null => {
  const set = caps.filter((cap) => cap !== undefined);
  return set.length === 0 ? null : Math.min(...set);
};

const hasDollars = (limits: Limits | undefined): boolean =>
  [limits?.usd_per_minute, limits?.usd_per_day, limits?.usd_per_month].some((limit) => limit !== undefined);

const readMode = (mode: string): Pick<KeyRecord["rollout"], "mode" | "canaryPercent"> => {
  const [name, percent] = mode.split(":");
  if (name === "canary") return { mode: "canary", canaryPercent: Number(percent) };
  return { mode: name === "off" || name === "shadow" ? name : "on", canaryPercent: 0 };
};
