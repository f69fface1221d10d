import { join, resolve } from "node:path";
import * as z from "zod";
import { preferences, type PreferenceName } from "../../shared/preference.ts";
import { ok, type Result } from "../../shared/result.ts";
import { budget, commonFlags, names, readFlags } from "../record/read-flags.ts";

/** What `npm run eval:live` was asked for. Paths are absolute. */
export type Options = {
  /** `bundled`, or a file of prompts. */
  readonly tasks: string;
  /** Dollars that the evaluation may cost in all, what earlier runs into the same folder paid included. */
  readonly budget: number;
  /** The single worker that the tiers are compared with; null: the one that the weights hold best. */
  readonly baseline: string | null;
  /** Further workers that are asked alone. */
  readonly workers: readonly string[];
  /** The tiers' pool; null: all workers that there are. */
  readonly pool: readonly string[] | null;
  /** The tiers are asked at each of these. */
  readonly preferences: readonly PreferenceName[];
  /** A folder. */
  readonly out: string;
  /** At most so many tasks, drawn evenly over domains. */
  readonly limit: number | null;
  readonly concurrency: number;
  /** Output tokens of one call, reasoning included. */
  readonly maxTokens: number;
  readonly seed: number;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** A Shoal that runs already; null: one is started for the run. */
  readonly url: string | null;
};

export const usage =
  "npm run eval:live -- --tasks bundled|FILE --budget DOLLARS [--baseline WORKER] [--workers a,b] [--pool a,b] " +
  "[--preferences quality,balanced,economy] [--out DIR] [--limit N] [--concurrency N] [--max-tokens N] [--seed N] " +
  "[--dry-run] [--json] [--url URL]";

const flags = {
  tasks: { type: "string", default: "bundled" },
  budget: { type: "string" },
  baseline: { type: "string" },
  workers: { type: "string" },
  pool: { type: "string" },
  preferences: { type: "string", default: preferences.join(",") },
  out: { type: "string", default: join(".shoal", "live") },
  limit: { type: "string" },
  concurrency: { type: "string", default: "2" },
  "max-tokens": { type: "string", default: "8192" },
  seed: { type: "string", default: "1" },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  url: { type: "string" },
} as const;

const schema = z
  .object({
    ...commonFlags,
    tasks: z.string().min(1),
    budget: budget("is missing: dollars that the evaluation may cost in all"),
    baseline: z.string().regex(/\//, "is a worker's name").optional(),
    workers: names().optional(),
    pool: names().optional(),
    preferences: names().pipe(z.array(z.enum(preferences, `is some of ${preferences.join(", ")}`)).min(1)),
    out: z.string().min(1),
    json: z.boolean(),
  })
  .refine(({ pool, url }) => pool === undefined || url === undefined, {
    path: ["pool"],
    error: "goes without --url: there the key says who is in the pool",
  });

/** Reads the command line; relative paths start at `from`. The error names every problem, one a line. */
export const parseOptions = (argv: readonly string[], from: string): Result<Options, string> => {
  const read = readFlags(argv, { flags, schema, usage });
  if (!read.ok) return read;
  const { "max-tokens": maxTokens, "dry-run": dryRun, ...rest } = read.value;
  return ok({
    ...rest,
    tasks: rest.tasks === "bundled" ? rest.tasks : resolve(from, rest.tasks),
    out: resolve(from, rest.out),
    baseline: rest.baseline ?? null,
    workers: rest.workers ?? [],
    pool: rest.pool ?? null,
    limit: rest.limit ?? null,
    url: rest.url?.replace(/\/+$/, "") ?? null,
    maxTokens,
    dryRun,
  });
};
