import * as z from "zod";
import { secretsOf } from "./secrets.ts";
import { dataRegionOf, dataRegions, type DataRegion } from "../providers/provider.ts";

const milliseconds = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** https://developers.cloudflare.com/durable-objects/reference/data-location/ */
const locationHints = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;

const list = (text: string): readonly string[] =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");

const settingsSchema = z.object({
  SHOAL_REGION: z.string().regex(/^[a-z0-9]+$/, "lower-case letters and digits"),
  /** Durable Object jurisdiction of the region's storage; unset where the platform has none. */
  SHOAL_JURISDICTION: z.enum(["eu", "us", "fedramp"]).optional(),
  /** Where objects are first made, as near as the platform can; no promise. For regions without a jurisdiction. */
  SHOAL_LOCATION_HINT: z.enum(locationHints).optional(),
  /** `eu` or `us,eu`: where prompts may be processed; `global`: anywhere. */
  SHOAL_DATA_REGIONS: z
    .string()
    .default("")
    .transform(list)
    .pipe(z.array(z.enum(dataRegions))),
  /** `us=host,eu=host`: where a key of another region is sent. */
  PUBLIC_HOSTS: z.string().default(""),
  INFERENCE_URL: z.string().default(""),
  INFERENCE_SECRET: z.string().default(""),
  /** `on` puts the inference service's own chat model into the pool. */
  SHOAL_LOCAL_CHAT: z.enum(["on", "off"]).default("off"),
  /** Who has one of a region's keys could guess a short one at home, by the key's check. */
  KEY_SECRET: z
    .string()
    .refine((secrets) => secretsOf(secrets).every(({ length }) => length >= 16), "needs 16 characters at least")
    .default(""),
  /** Not in the form of a tenant's key, so that neither is ever taken for the other. */
  ADMIN_KEY: z
    .string()
    .regex(/^(?!(.*,)?sk-shoal-)/, "must not begin as a tenant's key does")
    .default(""),
  SHOAL_ADMIN_PER_MINUTE: z.coerce.number().int().positive().default(600),
  SHOAL_DEV_KEY: z.string().default(""),
  SHOAL_PLAN_MINI_MS: milliseconds(150),
  SHOAL_PLAN_ULTRA_MS: milliseconds(1_500),
  /** `none`, `conductor` (the inference service's own model), or a worker's id, with or without an effort. */
  SHOAL_PLANNER: z
    .string()
    .regex(/^(none|conductor|[a-z0-9-]+\/.+)?$/, "is not none, conductor or <provider>/<model>")
    .default("none"),
  SHOAL_PLANNER_MS: milliseconds(20_000),
  SHOAL_CACHE_READ_MS: milliseconds(20),
  SHOAL_HEADERS_MS: milliseconds(120_000),
  SHOAL_FIRST_TOKEN_MS: milliseconds(300_000),
  SHOAL_GAP_MS: milliseconds(120_000),
  SHOAL_TOTAL_MS: milliseconds(900_000),
  SHOAL_SETTLE_MS: milliseconds(60_000),
  SHOAL_MAX_BODY_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(4 * 1024 * 1024),
  SHOAL_MAX_OUTPUT_TOKENS: z.coerce.number().int().positive().default(32_768),
});

/** `worker`: a hosted model's id; null: the inference service's own model. */
export type PlannerSetting = { readonly worker: string | null; readonly ms: number };

/** The Worker's variables and secrets, read once per isolate. Times in milliseconds. */
export type Settings = {
  readonly region: string;
  readonly jurisdiction: "eu" | "us" | "fedramp" | null;
  readonly locationHint: (typeof locationHints)[number] | null;
  /** Where prompts may be processed. */
  readonly dataRegions: readonly DataRegion[];
  readonly publicHosts: ReadonlyMap<string, string>;
  readonly inference: { readonly url: string; readonly secret: string } | null;
  readonly localChat: boolean;
  readonly keySecret: string;
  /** The operator's credentials, newest first, commas between. */
  readonly adminKey: string;
  /** Requests that one of the operator's credentials may make in a minute. */
  readonly adminPerMinute: number;
  readonly devKey: string;
  readonly planMs: { readonly mini: number; readonly ultra: number };
  /** Who writes the workflows of tier ultra, and how long that is waited for; null: they have a fixed shape. */
  readonly planner: PlannerSetting | null;
  /** How long a request that wants a cache waits for it. */
  readonly cacheReadMs: number;
  readonly deadlines: {
    readonly headersMs: number;
    readonly firstTokenMs: number;
    readonly gapMs: number;
    readonly totalMs: number;
    /** How long after its last moment a request may still say what it used, before its reservation is charged. */
    readonly settleMs: number;
  };
  readonly maxBodyBytes: number;
  /** Output tokens of a call when neither client, key nor card set a lower cap. */
  readonly maxOutputTokens: number;
};

/** Throws an error that names every wrong value: a Worker with a wrong configuration must not start. */
export const readSettings = (env: unknown): Settings => {
  const parsed = settingsSchema.safeParse(env);
  if (!parsed.success) throw new Error(`configuration: ${z.prettifyError(parsed.error)}`);
  const value = parsed.data;
  if (secretsOf(value.ADMIN_KEY).includes(value.SHOAL_DEV_KEY))
    throw new Error("configuration: ADMIN_KEY and SHOAL_DEV_KEY must not be the same");
  return {
    region: value.SHOAL_REGION,
    jurisdiction: value.SHOAL_JURISDICTION ?? null,
    locationHint: value.SHOAL_LOCATION_HINT ?? null,
    dataRegions: value.SHOAL_DATA_REGIONS.length > 0 ? value.SHOAL_DATA_REGIONS : dataRegionsOf(value.SHOAL_REGION),
    publicHosts: readHosts(value.PUBLIC_HOSTS),
    inference:
      value.INFERENCE_URL === ""
        ? null
        : { url: value.INFERENCE_URL.replace(/\/+$/, ""), secret: value.INFERENCE_SECRET },
    localChat: value.SHOAL_LOCAL_CHAT === "on",
    keySecret: value.KEY_SECRET,
    adminKey: value.ADMIN_KEY,
    adminPerMinute: value.SHOAL_ADMIN_PER_MINUTE,
    devKey: value.SHOAL_DEV_KEY,
    planMs: { mini: value.SHOAL_PLAN_MINI_MS, ultra: value.SHOAL_PLAN_ULTRA_MS },
    planner: plannerOf(value),
    cacheReadMs: value.SHOAL_CACHE_READ_MS,
    deadlines: {
      headersMs: value.SHOAL_HEADERS_MS,
      firstTokenMs: value.SHOAL_FIRST_TOKEN_MS,
      gapMs: value.SHOAL_GAP_MS,
      totalMs: value.SHOAL_TOTAL_MS,
      settleMs: value.SHOAL_SETTLE_MS,
    },
    maxBodyBytes: value.SHOAL_MAX_BODY_BYTES,
    maxOutputTokens: value.SHOAL_MAX_OUTPUT_TOKENS,
  };
};

/**
 * Unless the operator says: within the region, as its name promises. In `us`, whose vendors mostly offer no endpoint for
 * the United States alone, and in regions of other names: anywhere.
 */
const dataRegionsOf = (region: string): readonly DataRegion[] => {
  const own = dataRegionOf(region);
  return [own === undefined || own === "us" ? "global" : own];
};

const plannerOf = ({
  SHOAL_PLANNER: planner,
  SHOAL_PLANNER_MS: ms,
}: z.infer<typeof settingsSchema>): PlannerSetting | null =>
  planner === "none" || planner === "" ? null : { worker: planner === "conductor" ? null : planner, ms };

const readHosts = (hosts: string): ReadonlyMap<string, string> =>
  new Map(
    list(hosts)
      .map((entry) => entry.split("="))
      .filter((pair): pair is [string, string] => pair.length === 2 && pair.every((field) => field !== "")),
  );
