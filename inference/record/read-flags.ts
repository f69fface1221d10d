import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

/** A whole number from 1. */
export const count = (most: number) => {
  const problem = `is a whole number from 1 to ${most}`;
  return z.coerce.number(problem).int(problem).min(1, problem).max(most, problem);
};

/** Of workers or the like, each once. `missing`: what is said where there is none. */
export const names = (missing?: string) =>
  z
    .string(missing)
    .transform((list) => [...new Set(list.split(",").map((name) => name.trim()))])
    .refine((list) => !list.includes(""), "is a list of names with commas between");

/** What commands that ask live workers have in common. */
export const commonFlags = {
  // Each may itself be several calls, and the edge makes no more than these at once.
  concurrency: count(5),
  limit: count(1_000_000).optional(),
  "max-tokens": count(1_000_000),
  seed: z.coerce.number("is a whole number").int("is a whole number"),
  "dry-run": z.boolean(),
  url: z.url({ protocol: /^https?$/, error: "is an http or https URL" }).optional(),
};

/** Dollars. `missing`: what is said where there are none. */
export const budget = (missing: string) =>
  z
    .string(missing)
    .transform(Number)
    .refine((dollars) => dollars > 0 && dollars < Infinity, "is an amount of dollars above 0");

/** A command line by its flags and what their values must be. The error names every problem, one a line, and the usage. */
export const readFlags = <Values>(
  argv: readonly string[],
  command: { readonly flags: ParseArgsOptionsConfig; readonly schema: z.ZodType<Values>; readonly usage: string },
): Result<Values, string> => {
  const raw = splitFlags(argv, command.flags);
  if (!raw.ok) return err(`${raw.error}\nusage: ${command.usage}`);
  const parsed = command.schema.safeParse(raw.value);
  if (parsed.success) return ok(parsed.data);
  const problems = parsed.error.issues.map(({ path: [name], message }) => `--${String(name)} ${message}`);
  return err(`${problems.join("\n")}\nusage: ${command.usage}`);
};

const splitFlags = (argv: readonly string[], options: ParseArgsOptionsConfig): Result<unknown, string> => {
  try {
    return ok(parseArgs({ args: [...argv], options }).values);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
};
