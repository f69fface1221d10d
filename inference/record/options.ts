import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

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

const count = (most: number) => {
  const problem = `is a whole number from 1 to ${most}`;
  return z.coerce.number(problem).int(problem).min(1, problem).max(most, problem);
};

const needed = (what: string) => z.string(`is missing: ${what}`);

const valuesSchema = z.object({
  workers: needed("names from GET /v1/models with commas between")
    .transform((list) => [...new Set(list.split(",").map((name) => name.trim()))])
    .refine((names) => !names.includes(""), "is a list of names with commas between"),
  prompts: z.string().min(1),
  budget: needed("dollars that the recording may cost in all")
    .transform(Number)
    .refine((dollars) => dollars > 0 && dollars < Infinity, "is an amount of dollars above 0"),
  out: z.string().regex(/\.jsonl$/, "is a file that ends in .jsonl"),
  repeats: count(100),
  // The edge holds no more calls than these at once; further ones would wait there on the clock.
  concurrency: count(5),
  limit: count(1_000_000).optional(),
  "max-tokens": count(1_000_000),
  seed: z.coerce.number("is a whole number").int("is a whole number"),
  "dry-run": z.boolean(),
  url: z.url({ protocol: /^https?$/, error: "is an http or https URL" }).optional(),
});

/** Reads the command line; relative paths start at `from`. The error names every problem, one a line. */
export const parseOptions = (argv: readonly string[], from: string): Result<Options, string> => {
  const raw = readFlags(argv);
  if (!raw.ok) return raw;
  const parsed = valuesSchema.safeParse(raw.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: [name], message }) => `--${String(name)} ${message}`);
    return err(`${problems.join("\n")}\nusage: ${usage}`);
  }
  const { prompts, out, limit, url, "max-tokens": maxTokens, "dry-run": dryRun, ...rest } = parsed.data;
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

const readFlags = (argv: readonly string[]): Result<unknown, string> => {
  try {
    return ok(parseArgs({ args: [...argv], options: flags }).values);
  } catch (error) {
    return err(`${error instanceof Error ? error.message : String(error)}\nusage: ${usage}`);
  }
};
