import { toDollars } from "../../../shared/pricing.ts";
import { createKeptTurns } from "../../conversation/kept-turns.ts";
import { baseHeaders } from "../../encode/headers.ts";
import type { TenantEntry } from "../../objects/region/directory.ts";
import type { Context } from "../../runtime/context.ts";
import { writeLedgerRow } from "./ledger.ts";

/** Rows asked for at once. */
const page = 200;
/** Turns hold whole conversations: few are asked for at once. */
const turnsPage = 20;
/** Stages have the sums of up to ninety days each. */
const stagesPage = 20;
const [firstDay, lastDay] = ["0000-01-01", "9999-12-31"];
/** Of a century. */
const mostDays = 36_525;

type Line = Readonly<Record<string, unknown>> & { readonly type: string };

/**
 * All that a tenant has, a line of JSON each: `tenant`, `key` (without hashes), `vendor_key` (the provider's name),
 * `worker`, `usage` by day, `request`, `alarm`, `rollout`, `trace`, `feedback`, and `turn`: the conversations that its
 * clients left with us, opened, since they are the tenant's own words. Left out are what only we can use (vendors'
 * signatures of a day, cached answers) and secrets. `end` is the last line and counts the others: without it the export
 * is cut.
 */
export const exportTenant = (entry: TenantEntry, context: Context): Response => {
  const encoder = new TextEncoder();
  const lines = linesOf(entry, context);
  let count = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await lines.next();
      if (next.done) {
        controller.enqueue(encoder.encode(`${JSON.stringify({ type: "end", lines: count })}\n`));
        return controller.close();
      }
      count += next.value.length;
      controller.enqueue(encoder.encode(next.value.map((line) => `${JSON.stringify(line)}\n`).join("")));
    },
    cancel: () => void lines.return(),
  });
  return new Response(body, { headers: { ...baseHeaders(context), "content-type": "application/x-ndjson" } });
};

/** In batches, none of them empty. */
async function* linesOf(entry: TenantEntry, context: Context): AsyncGenerator<readonly Line[], void> {
  await context.outbox.send(entry.id, 0);
  const tenant = context.objects.tenant(entry.id);
  const log = context.objects.tenantLog(entry.id);
  const { id, name, status, createdAt } = entry;
  yield [{ type: "tenant", id, name, status, created_at: toDate(createdAt), policy: await tenant.readPolicy() }];

  yield* batches(async (after: string) => {
    const keys = await tenant.listKeys({ after, limit: page });
    const lines = keys.map(({ createdAt: made, expiresAt, revokedAt, ...key }) => ({
      type: "key",
      ...key,
      created_at: toDate(made),
      expires_at: toDate(expiresAt),
      revoked_at: toDate(revokedAt),
    }));
    return { lines, next: keys.length < page ? null : (keys.at(-1)?.id ?? null) };
  }, "");

  const means: readonly Line[] = [
    ...(await tenant.listVendorKeys()).map(({ provider, at }) => ({
      type: "vendor_key",
      provider,
      created_at: toDate(at),
    })),
    ...(await tenant.listOwnWorkers()).map((worker) => ({ type: "worker", ...worker })),
    ...(await tenant.listAlarms(1000)).map((alarm) => ({ type: "alarm", ...alarm })),
  ];
  if (means.length > 0) yield means;

  yield* batches(async (before: number | "latest") => {
    const place = before === "latest" ? null : before;
    const stages = await tenant.readRollout({ keyId: null, before: place, limit: stagesPage });
    const lines = stages.map((stage) => ({ type: "rollout", ...stage }));
    return { lines, next: stages.length < stagesPage ? null : (stages.at(-1)?.id ?? null) };
  }, "latest");

  const days = await tenant.readUsage({ from: firstDay, to: lastDay, groupBy: ["day"], after: 0, limit: mostDays });
  // Day by day: a page of all days at once would read again whatever lies before it.
  for (const { day = firstDay } of days) {
    yield* batches(async (after: number) => {
      const groupBy = ["day", "key", "model", "worker"] as const;
      const rows = await tenant.readUsage({ from: day, to: day, groupBy, after, limit: page });
      const lines = rows.map(({ cost, ...row }) => ({ type: "usage", ...row, cost_usd: toDollars(cost) }));
      return { lines, next: rows.length < page ? null : after + page };
    }, 0);
  }

  yield* batches(async (after: { readonly at: number; readonly requestId: string } | "start") => {
    const place = after === "start" ? null : after;
    const rows = await tenant.listLedger({ from: 0, to: Number.MAX_SAFE_INTEGER, after: place, limit: page });
    const last = rows.at(-1);
    const lines = rows.map((row) => ({ type: "request", ...writeLedgerRow(row) }));
    return { lines, next: rows.length < page || !last ? null : { at: last.at, requestId: last.requestId } };
  }, "start");

  yield* batches(async (after: number) => {
    const rows = await log.listTraces({ after, limit: page });
    const lines = rows.map(({ trace }) => ({ type: "trace", trace: parse(trace) }));
    return { lines, next: rows.length < page ? null : (rows.at(-1)?.seq ?? null) };
  }, 0);

  yield* batches(async (after: string) => {
    const rows = await log.listScored({ after, limit: page });
    const lines = rows.map((row) => ({ type: "feedback", feedback: row }));
    return { lines, next: rows.length < page ? null : (rows.at(-1)?.id ?? null) };
  }, "");

  const turns = createKeptTurns(entry.id, context);
  yield* batches(async (after: number) => {
    const places = await log.listTurns({ after, limit: turnsPage });
    const lines: Line[] = [];
    for (const place of places) lines.push({ type: "turn", id: place.id, turn: await turns.read(place.id) });
    return { lines, next: places.length < turnsPage ? null : (places.at(-1)?.seq ?? null) };
  }, 0);
}

type Batch<Place> = { readonly lines: readonly Line[]; readonly next: Place | null };

/** Page after page from the first place on. */
async function* batches<Place>(
  read: (place: Place) => Promise<Batch<Place>>,
  first: Place,
): AsyncGenerator<readonly Line[], void> {
  for (let place: Place | null = first; place !== null;) {
    const batch: Batch<Place> = await read(place);
    if (batch.lines.length > 0) yield batch.lines;
    place = batch.next;
  }
}

const parse = (text: string): unknown => JSON.parse(text);
const toDate = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
