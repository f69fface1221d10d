import type { MicroDollars } from "../../../shared/pricing.ts";
import { addUsage, noUsage, type Usage } from "../../../shared/usage.ts";
import type { LedgerRow, Settlement } from "../records.ts";
import { packCalls, unpackCalls } from "./ledger-calls.ts";

/** How the requests ended that have a row; `ids`: as JSON. */
export const readStatuses = (sql: SqlStorage, ids: string): Map<string, LedgerRow["status"]> =>
  new Map(
    sql
      .exec<{ id: string; status: LedgerRow["status"] }>(
        "SELECT request_id AS id, status FROM ledger WHERE request_id IN (SELECT value FROM json_each(?))",
        ids,
      )
      .toArray()
      .map(({ id, status }) => [id, status]),
  );

/** The row of a request that has ended, in place of one that it may have; gives its sums. */
export const writeRow = (
  sql: SqlStorage,
  settlement: Settlement,
): { readonly usage: Usage; readonly cost: MicroDollars } => {
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
  return { usage, cost };
};

/** What a row charges, and to whom. */
export type Charged = Pick<LedgerRow, "requestId" | "keyId" | "at" | "model" | "cost"> & { readonly worker: string };

/** The row of a request that was opened and never settled: what it had reserved. */
export const writeLost = (sql: SqlStorage, { requestId, keyId, at, model, worker, cost }: Charged): void => {
  sql.exec(
    `INSERT INTO ledger (request_id, key_id, at, model, worker, status, input_tokens, cached_input_tokens,
       cache_write_tokens, output_tokens, reasoning_tokens, cost, usage_source)
     VALUES (?, ?, ?, ?, ?, 'lost', 0, 0, 0, 0, 0, ?, 'unknown')`,
    requestId,
    keyId,
    at,
    model,
    worker,
    cost,
  );
};

export const readCharged = (sql: SqlStorage, requestId: string): Charged | null =>
  sql
    .exec<Charged>(
      "SELECT request_id AS requestId, key_id AS keyId, at, model, worker, cost FROM ledger WHERE request_id = ?",
      requestId,
    )
    .toArray()[0] ?? null;

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
