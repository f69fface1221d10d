import * as z from "zod";
import { dayOfDate, type BilledLine, type ReadFormat } from "../report.ts";
import { dayAfter, secondsOf, type ReportApi } from "../report-api.ts";
import { parseText } from "./text.ts";

const provider = "openai";

const costs = z.object({
  object: z.literal("organization.costs.result"),
  amount: z.object({ value: z.coerce.number(), currency: z.string() }),
  line_item: z.string().nullish(),
});
const completions = z.object({
  object: z.literal("organization.usage.completions.result"),
  input_tokens: z.number(),
  output_tokens: z.number(),
  model: z.string().nullish(),
});
const page = z.object({
  object: z.literal("page"),
  data: z.array(
    z.object({
      object: z.literal("bucket"),
      start_time: z.number(),
      results: z.array(z.union([costs, completions, z.object({ object: z.string() })])),
    }),
  ),
});
const pages = z.union([page.transform((one) => [one]), z.array(page).min(1)]);
type Result = z.infer<typeof page>["data"][number]["results"][number];

/**
 * Pages of the Costs API (grouped by line item) and of the Usage API for completions (grouped by model), one or a list
 * of them. https://platform.openai.com/docs/api-reference/usage
 */
export const readOpenai: ReadFormat = (text) => {
  const parsed = parseText(text);
  if (parsed.kind !== "json") return null;
  const read = pages.safeParse(parsed.value);
  if (!read.success) return null;
  const buckets = read.data.flatMap(({ data }) => data);
  return {
    format: "OpenAI Costs and Usage API",
    providers: [provider],
    days: buckets.map(({ start_time }) => dayOf(start_time)),
    lines: buckets.flatMap(({ start_time, results }) => results.flatMap((result) => toLine(result, dayOf(start_time)))),
  };
};

const dayOf = (seconds: number): string => dayOfDate(new Date(seconds * 1000));

const toLine = (result: Result, day: string): readonly BilledLine[] => {
  if ("amount" in result) {
    const { amount, line_item: item } = result;
    assertDollars(amount.currency);
    return [
      { day, provider, model: modelOf(item), what: item ?? "all line items", dollars: amount.value, tokens: null },
    ];
  }
  if ("input_tokens" in result) {
    const tokens = { input: result.input_tokens, output: result.output_tokens };
    return [{ day, provider, model: result.model ?? null, what: result.model ?? "all models", dollars: null, tokens }];
  }
  return [];
};

/** Line items of tokens are `<model>, input`, `<model>, cached input`, `<model>, output`; of other things, their names. */
const modelOf = (item: string | null | undefined): string | null =>
  item === null || item === undefined ? null : (item.split(",")[0]?.trim() ?? null);

const assertDollars = (currency: string): void => {
  if (currency.toLowerCase() !== "usd") throw new SyntaxError(`amounts are in ${currency}, not in US dollars`);
};

/** https://platform.openai.com/docs/api-reference/usage */
export const openaiApi: ReportApi = {
  key: "OPENAI_ADMIN_KEY",
  base: ["OPENAI_BASE_URL", "https://api.openai.com/v1"],
  headers: (key) => ({ authorization: `Bearer ${key}` }),
  reports: ({ from, to }) => {
    const span = [
      ["start_time", String(secondsOf(from))],
      ["end_time", String(secondsOf(dayAfter(to)))],
      ["bucket_width", "1d"],
    ] as const;
    return [
      { path: "/organization/costs", query: [...span, ["group_by", "line_item"], ["limit", "180"]] },
      { path: "/organization/usage/completions", query: [...span, ["group_by", "model"], ["limit", "31"]] },
    ];
  },
};
