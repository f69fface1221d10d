import { join, resolve } from "node:path";
import * as z from "zod";
import { ok, type Result } from "../../shared/result.ts";
import { budget, commonFlags, count, names, readFlags } from "./read-flags.ts";

/** What `npm run record` was asked for. Paths are absolute. */
export type Options = {
  readonly workers: readonly string[];
  /** `bundled`, or a file of prompts. */
  readonly prompts: string;
  /** Dollars that the recording may cost in all, what earlier runs paid included. */
  readonly budget: number;
  readonly out: string;
  readonly repeats: number;
  readonly concurrency: number;
  /** At most so many prompts, drawn evenly over domains. */
  readonly limit: number | null;
  /** Output tokens of one answer, reasoning included. */
  readonly maxTokens: number;
  readonly seed: number;
  readonly dryRun: boolean;
  /** A Shoal that runs already; null: one is started for the run. */
  readonly url: string | null;
};

export const usage =
  "npm run record -- --workers a,b --prompts bundled|FILE --budget DOLLARS [--out FILE] [--repeats N] [--limit N] " +
  "[--concurrency N] [--max-tokens N] [--seed N] [--dry-run] [--url URL]";

const flags = {
  workers: { type: "string" },
  prompts: { type: "string", default: "bundled" },
  budget: { type: "string" },
  out: { type: "string", default: join(".shoal", "recordings", "recorded.jsonl") },
  repeats: { type: "string", default: "1" },
  concurrency: { type: "string", default: "4" },
  limit: { type: "string" },
  "max-tokens": { type: "string", default: "8192" },
  seed: { type: "string", default: "1" },
  "dry-run": { type: "boolean", default: false },
  url: { type: "string" },
} as const;

const schema = z.object({
  ...commonFlags,
  workers: names("is missing: names from GET /v1/models with commas between"),
  prompts: z.string().min(1),
  budget: budget("is missing: dollars that the recording may cost in all"),
  out: z.string().regex(/\.jsonl$/, "is a file that ends in .jsonl"),
  repeats: count(100),
});

/** Reads the command line; relative paths start at `from`. The error names every problem, one a line. */
export const parseOptions = (argv: readonly string[], from: string): Result<Options, string> => {
  const read = readFlags(argv, { flags, schema, usage });
  if (!read.ok) return read;
  const { prompts, out, limit, url, "max-tokens": maxTokens, "dry-run": dryRun, ...rest } = read.value;
  return ok({
    ...rest,
    prompts: prompts === "bundled" ? prompts : resolve(from, prompts),
    out: resolve(from, out),
    limit: limit ?? null,
    url: url?.replace(/\/+$/, "") ?? null,
    maxTokens,
    dryRun,
  });
};
