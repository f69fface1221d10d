import type { MicroDollars } from "../../../shared/pricing.ts";
import { addUsage, noUsage } from "../../../shared/usage.ts";
import { changeAccount, type Change } from "./accounts.ts";
import { addDaily, takeBackDaily } from "./daily.ts";
import { holdersOf, type Holder } from "./holders.ts";
import { changeOf, drawOnLease } from "./leases.ts";
import { packCalls, unpackCalls } from "./ledger-calls.ts";
import { noAmounts, type Amounts, type LedgerRow, type Opening, type Settlement } from "../records.ts";
import { selectNumber } from "../select-number.ts";
import { addSpending, raiseAlarms, type Alarm } from "./spending.ts";

/** What each request draws when it begins. */
const begun: Amounts = { ...noAmounts, requests: 1, slots: 1 };

/** Charges the reservation unless the request settles in time. Idempotent by request id and part. */
export const openRequest = (sql: SqlStorage, opening: Opening, now: number): void => {
  if (selectNumber(sql, "SELECT 1 AS n FROM ledger WHERE request_id = ?", opening.requestId) !== null) return;
  const { tokens, amount } = opening;
  const begins = opening.part === 0 ? begun : noAmounts;
  const { rowsWritten } = sql.exec(
    `INSERT INTO reservations (request_id, part, key_id, slots, tokens, amount, opened_at, expires_at, model, worker)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request_id, part) DO NOTHING`,
    opening.requestId,
    opening.part,
    opening.keyId,
    begins.slots,
    tokens,
    amount,
    opening.at,
    opening.expiresAt,
    opening.model,
    opening.worker,
  );
  if (rowsWritten === 0) return;
  // A request is lost as a whole: its parts wait for the last.
  if (opening.part > 0) {
    sql.exec(
      "UPDATE reservations SET expires_at = max(expires_at, ?) WHERE request_id = ?",
      opening.expiresAt,
      opening.requestId,
    );
  }
  const uncovered = addAmounts(
    drawOnLease(sql, opening.leaseId, { ...noAmounts, tokens, amount }),
    drawOnLease(sql, opening.permit ?? opening.leaseId, begins),
  );
  // What leases cover the accounts know already.
  if (Object.values(uncovered).every((left) => left === 0)) return;
  for (const holder of holdersOf(sql, opening.keyId)) changeAccount(sql, holder, changeOf(uncovered, 1), now);
};

/** Writes the request's row and charges it; a second settlement of the same request does nothing. Gives new alarms. */
export const settleRequest = (sql: SqlStorage, settlement: Settlement, now: number): readonly Alarm[] => {
  const [known] = sql
    .exec<{ status: string }>("SELECT status FROM ledger WHERE request_id = ?", settlement.requestId)
    .toArray();
  // A request given up as lost may still report: its own count then replaces the reservation that was charged.
  if (known && known.status !== "lost") return [];
  const holders = holdersOf(sql, settlement.keyId);
  if (known) takeBack(sql, settlement.requestId, holders);

  const usage = settlement.calls.reduce((sum, call) => addUsage(sum, call.usage), noUsage);
  const cost = settlement.calls.reduce((sum, call) => sum + (call.cost ?? 0), 0);
  sql.exec(
    `INSERT OR REPLACE INTO ledger (request_id, key_id, at, model, worker, status, input_tokens, cached_input_tokens,
       cache_write_tokens, output_tokens, reasoning_tokens, cost, usage_source, calls)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    settlement.requestId,
    settlement.keyId,
    settlement.at,
    settlement.model,
    settlement.worker,
    settlement.status,
    usage.inputTokens,
    usage.cachedInputTokens,
    usage.cacheWriteTokens,
    usage.outputTokens,
    usage.reasoningTokens,
    cost,
    usage.source,
    packCalls(settlement.calls),
  );
  const { at, keyId, model } = settlement;
  settlement.calls.forEach(({ worker, usage: tokens, cost: dollars }, index) => {
    addDaily(sql, { at, keyId, model, worker, usage: tokens, cost: dollars, isFirst: index === 0 });
  });
  const reserved = closeReservation(sql, settlement.requestId);
  // One that never opened, since the answer was at hand, counts as a request and is over.
  const permit = known || reserved.slots > 0 ? undefined : settlement.permit;
  const begins = permit === undefined ? noAmounts : drawOnLease(sql, permit, begun);
  const change: Change = {
    held: -reserved.amount,
    requests: begins.requests,
    slots: permit === undefined ? -reserved.slots : begins.slots - begun.slots,
    tokens: usage.inputTokens + usage.outputTokens - reserved.tokens,
    dollars: cost - reserved.amount,
  };
  return holders.flatMap((holder) => charge(sql, { holder, at, cost, change }, now));
};

/** What the request had set aside, from now on no more. */
const closeReservation = (sql: SqlStorage, requestId: string): Amounts =>
  sql
    .exec<Amounts>(
      "DELETE FROM reservations WHERE request_id = ? RETURNING 0 AS requests, slots, tokens, amount",
      requestId,
    )
    .toArray()
    .reduce(addAmounts, noAmounts);

const addAmounts = (one: Amounts, other: Amounts): Amounts => ({
  requests: one.requests + other.requests,
  slots: one.slots + other.slots,
  tokens: one.tokens + other.tokens,
  amount: one.amount + other.amount,
});

type Charge = { readonly holder: Holder; readonly at: number; readonly cost: MicroDollars; readonly change: Change };

const charge = (sql: SqlStorage, { holder, at, cost, change }: Charge, now: number): readonly Alarm[] => {
  const account = changeAccount(sql, holder, change, now);
  addSpending(sql, holder, at, cost);
  return raiseAlarms(sql, holder, account, now);
};

export const readLedgerRow = (sql: SqlStorage, requestId: string): LedgerRow | null => {
  const [row] = sql
    .exec<StoredRow>(`SELECT ${columns} FROM ledger WHERE request_id = ?`, requestId)
    .toArray()
    .map(toRow);
  return row ?? null;
};

/** Milliseconds since the epoch, `to` excluded. `after`: the last row of the page before. */
export type LedgerQuery = {
  readonly from: number;
  readonly to: number;
  readonly after: { readonly at: number; readonly requestId: string } | null;
  readonly limit: number;
};

/** Rows from the oldest on. */
export const listLedger = (sql: SqlStorage, { from, to, after, limit }: LedgerQuery): readonly LedgerRow[] =>
  sql
    .exec<StoredRow>(
      `SELECT ${columns} FROM ledger WHERE at >= ? AND at < ? AND (at, request_id) > (?, ?)
       ORDER BY at, request_id LIMIT ?`,
      from,
      to,
      after?.at ?? from,
      after?.requestId ?? "",
      limit,
    )
    .toArray()
    .map(toRow);

const columns = `request_id AS requestId, key_id AS keyId, at, model, worker, status, input_tokens AS inputTokens,
  cached_input_tokens AS cachedInputTokens, cache_write_tokens AS cacheWriteTokens, output_tokens AS outputTokens,
  reasoning_tokens AS reasoningTokens, cost, usage_source AS usageSource, calls`;

type StoredRow = Omit<LedgerRow, "calls"> & { readonly calls: string };

const toRow = ({ calls, ...row }: StoredRow): LedgerRow => ({ ...row, calls: unpackCalls(calls) });

type Lost = Pick<Opening, "requestId" | "keyId" | "model" | "worker"> & { readonly at: number };

/** Charges what was opened and never settled, as it was reserved. Gives new alarms. */
export const sweepReservations = (sql: SqlStorage, now: number): readonly Alarm[] => {
  const parts = sql
    .exec<Lost>(
      `SELECT request_id AS requestId, key_id AS keyId, opened_at AS at, model, worker FROM reservations
       WHERE expires_at <= ?`,
      now,
    )
    .toArray();
  const requests = new Map(parts.map((part) => [part.requestId, part]));
  return [...requests.values()].flatMap((lost) => giveUp(sql, lost, now));
};

const giveUp = (sql: SqlStorage, { requestId, keyId, at, model, worker }: Lost, now: number) => {
  const { slots, amount } = closeReservation(sql, requestId);
  sql.exec(
    `INSERT INTO ledger (request_id, key_id, at, model, worker, status, input_tokens, cached_input_tokens,
       cache_write_tokens, output_tokens, reasoning_tokens, cost, usage_source)
     VALUES (?, ?, ?, ?, ?, 'lost', 0, 0, 0, 0, 0, ?, 'unknown')`,
    requestId,
    keyId,
    at,
    model,
    worker,
    amount,
  );
  addDaily(sql, { at, keyId, model, worker, usage: noUsage, cost: amount, isFirst: true });
  const change: Change = { held: -amount, slots: -slots };
  return holdersOf(sql, keyId).flatMap((holder) => charge(sql, { holder, at, cost: amount, change }, now));
};

/** When the next reservation runs out; null when there is none. */
export const nextExpiry = (sql: SqlStorage): number | null =>
  selectNumber(sql, "SELECT min(expires_at) AS n FROM reservations");

/** Undoes what a request was charged when it was given up. */
const takeBack = (sql: SqlStorage, requestId: string, holders: readonly Holder[]): void => {
  const [row] = sql
    .exec<{ at: number; key_id: string; model: string; worker: string; cost: number }>(
      "SELECT at, key_id, model, worker, cost FROM ledger WHERE request_id = ?",
      requestId,
    )
    .toArray();
  if (!row) return;
  for (const holder of holders) addSpending(sql, holder, row.at, -row.cost);
  takeBackDaily(sql, { at: row.at, keyId: row.key_id, model: row.model, worker: row.worker, cost: row.cost });
};
