import * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { toDollars } from "../../shared/pricing.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { writeCsv } from "../encode/csv.ts";
import { baseHeaders } from "../encode/headers.ts";
import { dayOf, sumColumns, usageGroups, type UsageRow } from "../objects/tenant/daily.ts";
import type { Context } from "../runtime/context.ts";
import { readQuery } from "./read-query.ts";

const dayMs = 86_400_000;
const mostDays = 732;

const isGroup = (name: string) => usageGroups.some((group) => group === name);

/** Days are UTC's, both included: by default those of this month until now. */
export const usageQuery = z.strictObject({
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
  /** Some of `day,key,model,worker`; empty: one sum. */
  group_by: z
    .string()
    .regex(/^[a-z,]*$/)
    .default("day")
    .refine((text) => text === "" || text.split(",").every(isGroup), `some of ${usageGroups.join(",")}`),
  format: z.enum(["json", "csv"]).optional(),
  /** The `next` of the page before. */
  after: z.coerce.number().int().min(0).max(1_000_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(20_000).default(1000),
});

const sums = sumColumns.map((name) => (name === "cost" ? "cost_usd" : name));

/**
 * What a tenant has used, as JSON or, where `accept` or `format` says so, as CSV. Reads roll-ups only. A request is one
 * of the client's, a call one to a worker: a request counts with the first of its calls.
 */
export const tellUsage = async (
  tenant: string,
  request: Request,
  context: Context,
): Promise<Result<Response, ShoalError>> => {
  const query = readQuery(usageQuery, request.url);
  if (!query.ok) return query;
  const days = readDays(query.value, context.arrivedAt);
  if (!days.ok) return days;
  // What this isolate has not told the tenant's object yet goes first.
  await context.outbox.send(tenant, 0);

  const { after, limit } = query.value;
  const groupBy = usageGroups.filter((group) => query.value.group_by.split(",").includes(group));
  const object = context.objects.tenant(tenant);
  const [found, total] = await Promise.all([
    object.readUsage({ ...days.value, groupBy, after, limit: limit + 1 }),
    object.readUsage({ ...days.value, groupBy: [], after: 0, limit: 1 }),
  ]);
  const rows = found.slice(0, limit).map(writeRow);
  const next = found.length > limit ? after + limit : null;
  if (wantsCsv(query.value.format, request.headers)) {
    const groups = groupBy.flatMap((group) => (group === "key" ? ["key_id", "key_name"] : [group]));
    return ok(csvResponse(writeCsv([...groups, ...sums], rows), next, context));
  }
  const body = {
    object: "usage",
    tenant,
    ...days.value,
    group_by: groupBy,
    data: rows,
    total: total.map(writeRow)[0] ?? null,
    has_more: next !== null,
    next,
  };
  return ok(Response.json(body, { headers: baseHeaders(context) }));
};

const writeRow = ({ cost, ...row }: UsageRow) => ({ ...row, cost_usd: toDollars(cost) });

const wrong = (message: string): Result<never, ShoalError> => err({ kind: "invalid_request", param: "from", message });

const readDays = (
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: number,
): Result<{ readonly from: string; readonly to: string }, ShoalError> => {
  const last = to ?? dayOf(now);
  const first = from ?? `${last.slice(0, 7)}-01`;
  if (first > last) return wrong("'from' is after 'to'");
  if (Date.parse(last) - Date.parse(first) >= mostDays * dayMs)
    return wrong(`'from': at most ${mostDays} days at once`);
  return ok({ from: first, to: last });
};

/** Whether a table is wanted: the parameter goes before the header. */
export const wantsCsv = (format: "json" | "csv" | undefined, headers: Headers): boolean =>
  (format ?? (/\btext\/csv\b/.test(headers.get("accept") ?? "") ? "csv" : "json")) === "csv";

/** A table has no place for where the next page begins: a header has. */
export const csvResponse = (
  text: string,
  next: string | number | null,
  context: Parameters<typeof baseHeaders>[0],
): Response =>
  new Response(text, {
    headers: {
      ...baseHeaders(context),
      "content-type": "text/csv; charset=utf-8",
      ...(next !== null && { "x-shoal-next": String(next) }),
    },
  });
