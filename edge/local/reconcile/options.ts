import { parseArgs } from "node:util";
import * as z from "zod";
import { err, ok, type Result } from "../../../shared/result.ts";
import { apiNames, type ApiName } from "./formats/index.ts";

/** What `npm run reconcile` was asked for. */
export type Options = {
  /** Files, or addresses that begin with http. */
  readonly ledgers: readonly string[];
  readonly reports: readonly string[];
  readonly apis: readonly ApiName[];
  /** UTC days, both included; null: as far as the reports reach. */
  readonly from: string | null;
  readonly to: string | null;
  /** Share of the vendor's amount, 0.01 for 1 %. */
  readonly tolerance: number;
  readonly json: boolean;
};

export const usage =
  "npm run reconcile -- --ledger FILE|URL [--ledger …] --report FILE [--report …] " +
  `[--api ${apiNames.join("|")} …] ` +
  "[--from DAY] [--to DAY] [--tolerance 1%] [--json]";

const flags = {
  ledger: { type: "string", multiple: true },
  report: { type: "string", multiple: true },
  api: { type: "string", multiple: true },
  from: { type: "string" },
  to: { type: "string" },
  tolerance: { type: "string", default: "1%" },
  json: { type: "boolean", default: false },
} as const;

const day = z.iso.date("is a day, as 2026-11-22").optional();

const values = z
  .object({
    ledger: z.array(z.string().min(1), "is missing: a file or the address of a Shoal"),
    report: z.array(z.string().min(1)).default([]),
    api: z.array(z.enum(apiNames, `is one of ${apiNames.join(", ")}`)).default([]),
    from: day,
    to: day,
    tolerance: z
      .string()
      .regex(/^\d+(\.\d+)?%$/, "is a percentage, as 1%")
      .transform((text) => Number(text.slice(0, -1)) / 100),
    json: z.boolean(),
  })
  .refine(({ report, api }) => report.length + api.length > 0, {
    path: ["report"],
    error: "is missing: a vendor's report, or --api",
  })
  .refine(({ api, from, to }) => api.length === 0 || (from !== undefined && to !== undefined), {
    path: ["api"],
    error: "needs --from and --to",
  });

/** Reads the command line. The error names every problem, one a line. */
export const parseOptions = (argv: readonly string[]): Result<Options, string> => {
  const raw = readFlags(argv);
  if (!raw.ok) return raw;
  const parsed = values.safeParse(raw.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: [name], message }) => `--${String(name)} ${message}`);
    return err(`${problems.join("\n")}\nusage: ${usage}`);
  }
  const { ledger, report, api, from, to, tolerance, json } = parsed.data;
  return ok({
    ledgers: ledger,
    reports: report,
    apis: api,
    from: from ?? null,
    to: to ?? null,
    tolerance,
    json,
  });
};

const readFlags = (argv: readonly string[]): Result<unknown, string> => {
  try {
    return ok(parseArgs({ args: [...argv], options: flags }).values);
  } catch (error) {
    return err(`${error instanceof Error ? error.message : String(error)}\nusage: ${usage}`);
  }
};
