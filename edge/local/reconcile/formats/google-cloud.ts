import * as z from "zod";
import { daysOfLines, type BilledLine, type ReadFormat } from "../report.ts";
import { parseText, type Parsed } from "./text.ts";

const row = z.object({
  service: z.object({ description: z.string() }),
  sku: z.object({ description: z.string() }),
  usage_start_time: z.string(),
  usage: z.object({ amount: z.coerce.number() }).nullish(),
  cost: z.coerce.number(),
  currency: z.literal("USD", "amounts are not in US dollars").default("USD"),
  credits: z.array(z.object({ amount: z.coerce.number() })).nullish(),
});
type Row = z.infer<typeof row>;

const flat = z
  .object({
    "service.description": z.string(),
    "sku.description": z.string(),
    usage_start_time: z.string(),
    "usage.amount": z.string().optional(),
    cost: z.string(),
    currency: z.string().optional(),
  })
  .transform((fields) => ({
    service: { description: fields["service.description"] },
    sku: { description: fields["sku.description"] },
    usage_start_time: fields.usage_start_time,
    usage: fields["usage.amount"] === undefined ? null : { amount: fields["usage.amount"] },
    cost: fields.cost,
    ...(fields.currency !== undefined && { currency: fields.currency }),
  }));

/**
 * Rows of the billing export's usage table as BigQuery gives them: a JSON list, JSON lines, or a table whose columns
 * are `service.description`, `sku.description`, `usage_start_time`, `usage.amount`, `cost`, `currency`. Lines of other
 * services than models' are left out, credits are not counted: they are no change of price.
 * https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage
 */
export const readGoogleCloud: ReadFormat = (text) => {
  const rows = rowsOf(parseText(text));
  if (rows === null || rows.length === 0) return null;
  const lines = z.array(row).parse(rows).flatMap(toLine);
  return {
    format: "Google Cloud billing export",
    providers: [...new Set(lines.map(({ provider }) => provider))],
    days: daysOfLines(lines),
    lines,
  };
};

const rowsOf = (parsed: Parsed): readonly unknown[] | null => {
  if (parsed.kind === "table") {
    const read = z.array(flat).safeParse(parsed.rows);
    return read.success ? read.data : null;
  }
  const values = parsed.kind === "lines" ? parsed.values : [parsed.value].flat();
  const isExport = z.array(z.object({ sku: z.object({}), usage_start_time: z.string() }));
  return isExport.safeParse(values).success ? values : null;
};

const isOfModels = /gemini|vertex|generative|claude/i;

const toLine = ({ service, sku, usage_start_time: start, usage, cost }: Row): readonly BilledLine[] => {
  if (!isOfModels.test(`${service.description} ${sku.description}`)) return [];
  const day = new Date(start.replace(/ UTC$/, "Z").replace(" ", "T")).toISOString().slice(0, 10);
  const provider = /^gemini api$/i.test(service.description) ? "google" : "vertex";
  const { description } = sku;
  return [
    {
      day,
      provider,
      model: description,
      what: description,
      dollars: cost,
      tokens: tokensOf(description, usage?.amount),
    },
  ];
};

const tokensOf = (description: string, amount: number | undefined) => {
  if (amount === undefined || !/token|text|image|predictions/i.test(description)) return null;
  return /output/i.test(description) ? { input: 0, output: amount } : { input: amount, output: 0 };
};
