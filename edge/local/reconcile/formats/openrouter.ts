import * as z from "zod";
import { daysOfLines, type BilledLine, type ReadFormat } from "../report.ts";
import type { ReportApi } from "../report-api.ts";
import { parseText } from "./text.ts";

const provider = "openrouter";

const activity = z.object({
  data: z.array(
    z.object({
      date: z.string().transform((date) => date.slice(0, 10)),
      model: z.string(),
      usage: z.number(),
      byok_usage_inference: z.number(),
      prompt_tokens: z.number(),
      completion_tokens: z.number(),
    }),
  ),
});

const exported = z.array(
  z.object({
    created_at: z.string(),
    model_permaslug: z.string(),
    cost_total: z.coerce.number(),
    tokens_prompt: z.coerce.number(),
    tokens_completion: z.coerce.number(),
  }),
);

/**
 * The Activity API's answer, in UTC days, or the table that the Activity page exports, a line a generation.
 * https://openrouter.ai/docs/api-reference/analytics/get-user-activity
 */
export const readOpenrouter: ReadFormat = (text) => {
  const parsed = parseText(text);
  const lines =
    parsed.kind === "json" ? readActivity(parsed.value) : parsed.kind === "table" ? readExport(parsed.rows) : null;
  return lines && { format: "OpenRouter activity", providers: [provider], days: daysOfLines(lines), lines };
};

const readActivity = (value: unknown): readonly BilledLine[] | null => {
  const read = activity.safeParse(value);
  if (!read.success || read.data.data.length === 0) return null;
  return read.data.data.map((item) => ({
    day: item.date,
    provider,
    model: item.model,
    what: item.model,
    dollars: item.usage + item.byok_usage_inference,
    tokens: { input: item.prompt_tokens, output: item.completion_tokens },
  }));
};

const readExport = (rows: readonly object[]): readonly BilledLine[] | null => {
  const read = exported.safeParse(rows);
  if (!read.success || read.data.length === 0) return null;
  return read.data.map((row) => ({
    day: new Date(row.created_at).toISOString().slice(0, 10),
    provider,
    model: row.model_permaslug,
    what: row.model_permaslug,
    dollars: row.cost_total,
    tokens: { input: row.tokens_prompt, output: row.tokens_completion },
  }));
};

/** The last 30 days. https://openrouter.ai/docs/api-reference/analytics/get-user-activity */
export const openrouterApi: ReportApi = {
  key: "OPENROUTER_MANAGEMENT_KEY",
  base: ["OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1"],
  headers: (key) => ({ authorization: `Bearer ${key}` }),
  reports: () => [{ path: "/activity", query: [] }],
};
