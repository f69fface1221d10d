import * as z from "zod";
import type { ShoalError } from "../../../shared/errors.ts";
import { toDollars } from "../../../shared/pricing.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { writeCsv } from "../../encode/csv.ts";
import { baseHeaders } from "../../encode/headers.ts";
import type { CallRow, LedgerRow } from "../../objects/records.ts";
import type { Context } from "../../runtime/context.ts";
import { readQuery } from "../read-query.ts";
import { csvResponse, wantsCsv } from "../usage.ts";

const dayMs = 86_400_000;
const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true })], "a day or a moment, as ISO 8601 writes it");

/** A day as `to` is included, a moment is not. */
export const ledgerQuery = z.strictObject({
  from: moment.optional(),
  to: moment.optional(),
  /** The `next` of the page before. */
  after: z
    .string()
    .regex(/^\d{1,16}\.[A-Za-z0-9]{1,64}$/, "is not the `next` of a page")
    .optional(),
  limit: z.coerce.number().int().min(1).max(5000).default(1000),
  format: z.enum(["json", "csv"]).optional(),
  /** In CSV: a row for each request, or for each call to a worker. */
  rows: z.enum(["requests", "calls"]).default("requests"),
});

/** A tenant's requests from the oldest on, with every call that was made for them and what it cost. */
export const tellLedger = async (
  tenant: string,
  request: Request,
  context: Context,
): Promise<Result<Response, ShoalError>> => {
  const query = readQuery(ledgerQuery, request.url);
  if (!query.ok) return query;
  const { limit, format } = query.value;
  const from = query.value.from === undefined ? 0 : Date.parse(query.value.from);
  const to = query.value.to === undefined ? Number.MAX_SAFE_INTEGER : readEnd(query.value.to);
  if (from >= to) return err({ kind: "invalid_request", param: "from", message: "'from' is after 'to'" });
  await context.outbox.send(tenant, 0);

  const after = readCursor(query.value.after);
  const found = await context.objects.tenant(tenant).listLedger({ from, to, after, limit: limit + 1 });
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
  const next = last ? `${last.at}.${last.requestId}` : null;
  if (wantsCsv(format, request.headers)) {
    return ok(csvResponse(query.value.rows === "calls" ? writeCalls(rows) : writeRequests(rows), next, context));
  }
  const body = { object: "list", data: rows.map(writeLedgerRow), has_more: next !== null, next };
  return ok(Response.json(body, { headers: baseHeaders(context) }));
};

const readEnd = (to: string): number => Date.parse(to) + (to.includes("T") ? 0 : dayMs);

const readCursor = (after: string | undefined) => {
  if (after === undefined) return null;
  const [at = "0", requestId = ""] = after.split(".");
  return { at: Number(at), requestId };
};

export const writeLedgerRow = (row: LedgerRow) => ({
  request_id: row.requestId,
  at: new Date(row.at).toISOString(),
  key_id: row.keyId,
  model: row.model,
  worker: row.worker,
  status: row.status,
  input_tokens: row.inputTokens,
  cached_input_tokens: row.cachedInputTokens,
  cache_write_tokens: row.cacheWriteTokens,
  output_tokens: row.outputTokens,
  reasoning_tokens: row.reasoningTokens,
  cost_usd: toDollars(row.cost),
  usage_source: row.usageSource,
  calls: row.calls.map(writeCall),
});

const writeCall = ({ step, worker, provider, ownKey, usage, cost }: CallRow) => ({
  step,
  worker,
  provider: provider ?? null,
  billed_to: ownKey ? "tenant" : "operator",
  input_tokens: usage.inputTokens,
  cached_input_tokens: usage.cachedInputTokens,
  cache_write_tokens: usage.cacheWriteTokens,
  output_tokens: usage.outputTokens,
  reasoning_tokens: usage.reasoningTokens,
  cost_usd: cost === null ? null : toDollars(cost),
  usage_source: usage.source,
});

const counts = [
  "input_tokens",
  "cached_input_tokens",
  "cache_write_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cost_usd",
  "usage_source",
] as const;

const writeRequests = (rows: readonly LedgerRow[]): string =>
  writeCsv(
    ["request_id", "at", "key_id", "model", "worker", "status", ...counts],
    rows.map((row) => {
      const { calls: _, ...request } = writeLedgerRow(row);
      return request;
    }),
  );

const writeCalls = (rows: readonly LedgerRow[]): string =>
  writeCsv(
    ["request_id", "at", "key_id", "model", "step", "worker", "provider", "billed_to", ...counts],
    rows.flatMap((row) => {
      const { request_id, at, key_id, model, calls } = writeLedgerRow(row);
      return calls.map((call) => ({ request_id, at, key_id, model, ...call }));
    }),
  );
