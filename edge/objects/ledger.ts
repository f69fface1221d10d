import type { MicroDollars } from "../../shared/pricing.ts";
import { addUsage, noUsage } from "../../shared/usage.ts";
import { packCalls, unpackCalls } from "./ledger-calls.ts";
import { addDaily, takeBackDaily } from "./daily.ts";
import type { LedgerRow, Opening, Settlement } from "./records.ts";
import { selectNumber } from "./select-number.ts";

/** Charges the reservation unless the request settles in time. Idempotent by request id and part. */
export const openRequest = (sql: SqlStorage, opening: Opening): void => {
  if (selectNumber(sql, "SELECT 1 AS n FROM ledger WHERE request_id = ?", opening.requestId) !== null) return;
  const { rowsWritten } = sql.exec(
    `INSERT INTO reservations (request_id, part, key_id, amount, opened_at, expires_at, model, worker)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request_id, part) DO NOTHING`,
    opening.requestId,
    opening.part,
    opening.keyId,
    opening.amount,
    opening.at,
    opening.expiresAt,
    opening.model,
    opening.worker,
  );
  if (rowsWritten === 0) return;
  sql.exec("UPDATE leases SET remaining = max(0, remaining - ?) WHERE id = ?", opening.amount, opening.leaseId);
};

/** Writes the request's row and charges it; a second settlement of the same request does nothing. */
export const settleRequest = (sql: SqlStorage, settlement: Settlement): void => {
  const [known] = sql
    .exec<{ status: string }>("SELECT status FROM ledger WHERE request_id = ?", settlement.requestId)
    .toArray();
  // A request given up as lost may still report: its own count then replaces the reservation that was charged.
  if (known && known.status !== "lost") return;
  if (known) takeBack(sql, settlement.requestId);

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
  sql.exec("DELETE FROM reservations WHERE request_id = ?", settlement.requestId);
  addSpent(sql, settlement.at, cost);
  const { at, keyId, model } = settlement;
  settlement.calls.forEach(({ worker, usage: tokens, cost: dollars }, index) => {
    addDaily(sql, { at, keyId, model, worker, usage: tokens, cost: dollars, isFirst: index === 0 });
  });
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

/** Charges what was opened and never settled, as it was reserved. */
export const sweepReservations = (sql: SqlStorage, now: number): void => {
  const lost = sql
    .exec<{ request_id: string; key_id: string; amount: number; opened_at: number; model: string; worker: string }>(
      `SELECT request_id, key_id, sum(amount) AS amount, opened_at, model, worker FROM reservations
       GROUP BY request_id HAVING max(expires_at) <= ?`,
      now,
    )
    .toArray();
  for (const row of lost) {
    sql.exec(
      `INSERT INTO ledger (request_id, key_id, at, model, worker, status, input_tokens, cached_input_tokens,
         cache_write_tokens, output_tokens, reasoning_tokens, cost, usage_source)
       VALUES (?, ?, ?, ?, ?, 'lost', 0, 0, 0, 0, 0, ?, 'unknown')`,
      row.request_id,
      row.key_id,
      row.opened_at,
      row.model,
      row.worker,
      row.amount,
    );
    sql.exec("DELETE FROM reservations WHERE request_id = ?", row.request_id);
    addSpent(sql, row.opened_at, row.amount);
    const { opened_at: at, key_id: keyId, model, worker, amount } = row;
    addDaily(sql, { at, keyId, model, worker, usage: noUsage, cost: amount, isFirst: true });
  }
};

/** When the next reservation runs out; null when there is none. */
export const nextExpiry = (sql: SqlStorage): number | null =>
  selectNumber(sql, "SELECT min(expires_at) AS n FROM reservations");

/** Undoes what a request was charged when it was given up. */
const takeBack = (sql: SqlStorage, requestId: string): void => {
  const [row] = sql
    .exec<{ at: number; key_id: string; model: string; worker: string; cost: number }>(
      "SELECT at, key_id, model, worker, cost FROM ledger WHERE request_id = ?",
      requestId,
    )
    .toArray();
  if (!row) return;
  addSpent(sql, row.at, -row.cost);
  takeBackDaily(sql, { at: row.at, keyId: row.key_id, model: row.model, worker: row.worker, cost: row.cost });
};

const addSpent = (sql: SqlStorage, at: number, cost: MicroDollars): void => {
  sql.exec(
    "INSERT INTO spent (month, cost) VALUES (?, ?) ON CONFLICT (month) DO UPDATE SET cost = cost + excluded.cost",
    monthOf(at),
    cost,
  );
};

const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);
