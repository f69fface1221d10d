import { resolve } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { err, ok, type Result } from "../../../shared/result.ts";

/** What `npm run calibrate` was asked for. Paths are absolute. */
export type Options = {
  readonly recordings: readonly string[];
  /** Null: every worker in the recordings that the weights were not trained on. */
  readonly workers: readonly string[] | null;
  /** Prompts to choose, and where they go; null: calibrate. */
  readonly choose: { readonly count: number; readonly out: string } | null;
  /** Day of the calibration; null: today. */
  readonly date: string | null;
};

export const usage =
  "npm run calibrate -- --recordings FILE... [--workers a,b] [--date YYYY-MM-DD]\n" +
  "npm run calibrate -- --choose N --out FILE [--recordings FILE... --workers a]";

const flags = {
  recordings: { type: "string", multiple: true, default: [] as string[] },
  workers: { type: "string" },
  choose: { type: "string" },
  out: { type: "string" },
  date: { type: "string" },
} as const;

const valuesSchema = z.object({
  recordings: z.array(z.string().min(1)),
  workers: z
    .string()
    .transform((list) => list.split(",").map((name) => name.trim()))
    .refine((names) => !names.includes(""), "is a list of names with commas between")
    .optional(),
  choose: z.coerce.number("is a whole number").int("is a whole number").min(1).max(10_000).optional(),
  out: z.string().min(1).optional(),
  date: z.iso.date("is a day such as 2026-12-01").optional(),
});

/** Reads the command line; relative paths start at `from`, and files may follow `--recordings` without repeating it. */
export const parseOptions = (argv: readonly string[], from: string): Result<Options, string> => {
  const parsed = parseFlags(argv);
  if (!parsed.ok) return parsed;
  const { values, positionals } = parsed.value;
  const read = valuesSchema.safeParse(values);
  if (!read.success)
    return err(read.error.issues.map(({ path, message }) => `--${path.join(".")} ${message}`).join("\n"));
  const { workers = null, choose, out, date = null } = read.data;
  const recordings = [...read.data.recordings, ...positionals].map((file) => resolve(from, file));
  if (choose !== undefined && out === undefined) return err("--choose needs --out FILE");
  if (choose === undefined && recordings.length === 0) return err(`--recordings FILE... is missing\n${usage}`);
  return ok({
    recordings,
    workers,
    choose: choose === undefined ? null : { count: choose, out: resolve(from, out ?? "") },
    date,
  });
};

const parseFlags = (argv: readonly string[]) => {
  try {
    return ok(parseArgs({ args: [...argv], options: flags, allowPositionals: true }));
  } catch (error) {
    return err(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
};
