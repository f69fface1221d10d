/** Near-equal workers on agentic tasks: the head must serve the best one. */
import * as z from "zod";
import { embedPrompts } from "../fit/embed-prompts.ts";
import { headOptions } from "../fit/head-options.ts";
import { measureRepeated } from "./measure-mcpmark.ts";
import { readOtherSet } from "../recordings/other-sets.ts";
import { defineTable, interval, percent } from "./table.ts";

const rowSchema = z.strictObject({
  workers: z.number().int(),
  rule: z.string(),
  score: z.number(),
  difference: z.number(),
  low: z.number(),
  high: z.number(),
  served: z.number().nullable(),
});

const rules = {
  "best single": "best single worker by the choosing runs",
  head: "head, quality alone",
  "domain table": "table of domains",
  oracle: "oracle over single runs, which overstates",
} as const;

export const mcpmarkTable = defineTable({
  name: "mcpmark",
  row: rowSchema,
  compute: async () => {
    const prompts = await readOtherSet("mcpmark");
    if (!prompts) return null;
    const embeddings = await embedPrompts(prompts.flatMap(({ texts }) => texts));
    const rows = measureRepeated(prompts, headOptions("encoder", [], embeddings));
    return rows.map(({ workers, rule, score, difference, served }) => ({
      workers,
      rule: rules[rule],
      score,
      difference: difference.mean,
      low: difference.low,
      high: difference.high,
      served,
    }));
  },
  columns: [
    { title: "pool", cell: ({ workers }) => `${workers} workers` },
    { title: "rule", cell: ({ rule }) => rule },
    { title: "score", cell: ({ score }) => percent(score) },
    { title: "against the best single worker, points [95 %]", cell: (row) => interval(row) },
    { title: "decisions for that worker, %", cell: ({ served }) => (served === null ? "" : percent(served)) },
  ],
});
