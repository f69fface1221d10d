import * as z from "zod";
import { type BilledLine, type ReadFormat } from "../report.ts";
import { dayAfter, type ReportApi } from "../report-api.ts";
import { parseText } from "./text.ts";

const provider = "anthropic";
const centsPerDollar = 100;

/** `amount` is in cents, as decimal text. */
const cost = z.object({
  amount: z.coerce.number(),
  currency: z.literal("USD"),
  model: z.string().nullish(),
  description: z.string().nullish(),
});
const usage = z.object({
  uncached_input_tokens: z.number(),
  cache_read_input_tokens: z.number(),
  cache_creation: z.object({ ephemeral_5m_input_tokens: z.number(), ephemeral_1h_input_tokens: z.number() }),
  output_tokens: z.number(),
  model: z.string().nullish(),
});
const page = z.object({
  data: z.array(z.object({ starting_at: z.iso.datetime({ offset: true }), results: z.array(z.union([cost, usage])) })),
  has_more: z.boolean(),
});
const pages = z.union([page.transform((one) => [one]), z.array(page).min(1)]);
type Result = z.infer<typeof page>["data"][number]["results"][number];

/**
 * Pages of the Cost Report (grouped by description) and of the Messages Usage Report (grouped by model), one or a list
 * of them. https://platform.claude.com/docs/en/api/admin/cost_report
 */
export const readAnthropic: ReadFormat = (text) => {
  const parsed = parseText(text);
  if (parsed.kind !== "json") return null;
  const read = pages.safeParse(parsed.value);
  if (!read.success) return null;
  const buckets = read.data
    .flatMap(({ data }) => data)
    .map(({ starting_at, results }) => ({ day: new Date(starting_at).toISOString().slice(0, 10), results }));
  return {
    format: "Anthropic Cost and Usage Report",
    providers: [provider],
    days: buckets.map(({ day }) => day),
    lines: buckets.flatMap(({ day, results }) => results.map((result) => toLine(result, day))),
  };
};

const toLine = (result: Result, day: string): BilledLine => {
  const model = result.model ?? null;
  if ("amount" in result) {
    const what = result.description ?? model ?? "all costs";
    return { day, provider, model, what, dollars: result.amount / centsPerDollar, tokens: null };
  }
  const { cache_creation: written } = result;
  const input =
    result.uncached_input_tokens +
    result.cache_read_input_tokens +
    written.ephemeral_5m_input_tokens +
    written.ephemeral_1h_input_tokens;
  return {
    day,
    provider,
    model,
    what: model ?? "all models",
    dollars: null,
    tokens: { input, output: result.output_tokens },
  };
};

/** https://platform.claude.com/docs/en/api/admin/cost_report */
export const anthropicApi: ReportApi = {
  key: "ANTHROPIC_ADMIN_KEY",
  base: ["ANTHROPIC_BASE_URL", "https://api.anthropic.com"],
  headers: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }),
  reports: ({ from, to }) => {
    const span = [
      ["starting_at", `${from}T00:00:00Z`],
      ["ending_at", `${dayAfter(to)}T00:00:00Z`],
      ["bucket_width", "1d"],
      ["limit", "31"],
    ] as const;
    return [
      { path: "/v1/organizations/cost_report", query: [...span, ["group_by[]", "description"]] },
      { path: "/v1/organizations/usage_report/messages", query: [...span, ["group_by[]", "model"]] },
    ];
  },
};
