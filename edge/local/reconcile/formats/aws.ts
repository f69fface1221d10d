import * as z from "zod";
import { daysOfLines, type BilledLine, type ReadFormat } from "../report.ts";
import { parseText } from "./text.ts";

const provider = "bedrock";
/** Usage amounts of token lines are in thousands. */
const tokensPerUnit = 1000;

const row = z.object({
  line_item_usage_start_date: z.string(),
  line_item_line_item_type: z.string(),
  line_item_product_code: z.string(),
  line_item_usage_type: z.string(),
  line_item_usage_amount: z.coerce.number(),
  line_item_unblended_cost: z.coerce.number(),
  line_item_currency_code: z.literal("USD", "amounts are not in US dollars").default("USD"),
});
type Row = z.infer<typeof row>;

/**
 * A Cost and Usage Report as a table, with columns as in version 2 (`line_item_usage_type`) or before
 * (`lineItem/UsageType`). Lines of other products are left out.
 * https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html
 */
export const readAws: ReadFormat = (text) => {
  const parsed = parseText(text);
  if (parsed.kind !== "table" || parsed.rows.length === 0) return null;
  const rows = parsed.rows.map((fields) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [columnOf(name), value])),
  );
  if (!Object.hasOwn(rows[0] ?? {}, "line_item_usage_type")) return null;
  const lines = z.array(row).parse(rows).filter(isOfModels).map(toLine);
  return { format: "AWS Cost and Usage Report", providers: [provider], days: daysOfLines(lines), lines };
};

/** `lineItem/UsageType` → `line_item_usage_type`. */
const columnOf = (name: string): string =>
  name
    .replace("/", "_")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();

/** Marketplace models have product codes of their own; their usage types count tokens all the same. */
const isOfModels = (line: Row): boolean =>
  line.line_item_line_item_type === "Usage" &&
  (/bedrock/i.test(line.line_item_product_code) || /token/i.test(line.line_item_usage_type));

const toLine = (line: Row): BilledLine => {
  const { line_item_usage_type: what, line_item_usage_amount: amount } = line;
  const count = amount * tokensPerUnit;
  return {
    day: line.line_item_usage_start_date.slice(0, 10),
    provider,
    model: what,
    what,
    dollars: line.line_item_unblended_cost,
    tokens: !/token/i.test(what)
      ? null
      : /output/i.test(what)
        ? { input: 0, output: count }
        : { input: count, output: 0 },
  };
};
