import { DurableObject } from "cloudflare:workers";
import { addUsage, noUsage } from "../../shared/usage.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { MicroDollars } from "../../shared/pricing.ts";
import type { Admission, AdmitRequest, KeyRecord, LedgerRow, Opening, Refusal, Settlement } from "./records.ts";
import { migrate } from "./migrate.ts";

/** Milliseconds for which an isolate may draw on what it was granted. */
const leaseMs = 10_000;
/**
 * A lease is at most this many times the request's need, and at most a quarter of what remains, in whole needs: no
 * crumbs are held back from others until it expires.
 */
const leaseNeeds = 20;
const leaseShare = 4;
const affinityMs = 24 * 3_600_000;

const migrations: readonly string[] = [
  `CREATE TABLE keys (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, created_at INTEGER NOT NULL,
     expires_at INTEGER, revoked_at INTEGER, allowed_workers TEXT, preference TEXT, output_cap INTEGER);
   CREATE TABLE budget (id INTEGER PRIMARY KEY CHECK (id = 1), monthly INTEGER NOT NULL);
   CREATE TABLE leases (id TEXT PRIMARY KEY, remaining INTEGER NOT NULL, expires_at INTEGER NOT NULL);
   CREATE TABLE reservations (request_id TEXT NOT NULL, part INTEGER NOT NULL, key_id TEXT NOT NULL,
     amount INTEGER NOT NULL, opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, model TEXT NOT NULL,
     worker TEXT NOT NULL, PRIMARY KEY (request_id, part));
   CREATE TABLE ledger (request_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, at INTEGER NOT NULL, model TEXT NOT NULL,
     worker TEXT, status TEXT NOT NULL, input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
     cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
     cost INTEGER NOT NULL, usage_source TEXT NOT NULL);
   CREATE INDEX ledger_at ON ledger (at);
   CREATE TABLE spent (month TEXT PRIMARY KEY, cost INTEGER NOT NULL);
   CREATE TABLE daily (day TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL, worker TEXT NOT NULL,
     calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
     PRIMARY KEY (day, key_id, model, worker));
   CREATE TABLE affinity (key TEXT PRIMARY KEY, worker TEXT NOT NULL, at INTEGER NOT NULL);
   CREATE INDEX affinity_at ON affinity (at);`,
];

export type NewKey = {
  readonly id: string;
  readonly hash: string;
  readonly name: string;
  readonly expiresAt: number | null;
  readonly allowedWorkers: readonly string[] | null;
  readonly preference: string | null;
  readonly outputCap: number | null;
};

type KeyRow = {
  id: string;
  name: string;
  expires_at: number | null;
  revoked_at: number | null;
  allowed_workers: string | null;
  preference: string | null;
  output_cap: number | null;
};

/**
 * One tenant's keys and money, in its region. Dollars go out as leases, are reserved by requests as they open and
 * charged when they settle; what an isolate took and never opened comes back when its lease expires, what it opened
 * and never settled is charged as reserved. Amounts are integer micro-dollars.
 */
export class Tenant extends DurableObject {
  private readonly sql: SqlStorage;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.sql = state.storage.sql;
    void state.blockConcurrencyWhile(async () => migrate(state.storage, migrations));
  }

  /** Checks the key and grants a lease. */
  async admit(request: AdmitRequest): Promise<Result<Admission, Refusal>> {
    const now = Date.now();
    if (request.dev) this.learnDevKey(request, now);
    const key = this.findKey(request, now);
    if (key === null) return err({ kind: "invalid_key" });
    this.sweep(now);

    const budget = this.monthlyBudget();
    const lease = this.grant(budget, request.need, now);
    if (!lease.ok) return lease;
    return ok({
      record: toRecord(key, budget !== null),
      lease: lease.value,
      affinityWorker: request.affinity === null ? null : this.findAffinity(request.affinity, now),
    });
  }

  /** Opens and settles in the order given. Each is idempotent by request id. */
  async record(batch: {
    readonly openings: readonly Opening[];
    readonly settlements: readonly Settlement[];
  }): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const opening of batch.openings) this.open(opening);
      for (const settlement of batch.settlements) this.settle(settlement);
    });
    if (batch.openings.length > 0) await this.wakeForExpiry();
  }

  async createKey(key: NewKey): Promise<void> {
    this.sql.exec(
      `INSERT INTO keys (id, hash, name, created_at, expires_at, allowed_workers, preference, output_cap)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      key.id,
      key.hash,
      key.name,
      Date.now(),
      key.expiresAt,
      key.allowedWorkers === null ? null : JSON.stringify(key.allowedWorkers),
      key.preference,
      key.outputCap,
    );
  }

  /** False when there is no such key. */
  async revokeKey(id: string): Promise<boolean> {
    return (
      this.sql.exec("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", Date.now(), id).rowsWritten >
      0
    );
  }

  /** Dollars a calendar month (UTC) may cost, in micro-dollars; null: no limit. */
  async setMonthlyBudget(amount: MicroDollars | null): Promise<void> {
    if (amount === null) this.sql.exec("DELETE FROM budget");
    else
      this.sql.exec(
        "INSERT INTO budget (id, monthly) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET monthly = excluded.monthly",
        amount,
      );
  }

  async ledgerRow(requestId: string): Promise<LedgerRow | null> {
    this.sweep(Date.now());
    const [row] = this.sql
      .exec<LedgerRow>(
        `SELECT request_id AS requestId, key_id AS keyId, at, model, worker, status, input_tokens AS inputTokens,
           cached_input_tokens AS cachedInputTokens, cache_write_tokens AS cacheWriteTokens,
           output_tokens AS outputTokens, reasoning_tokens AS reasoningTokens, cost, usage_source AS usageSource
         FROM ledger WHERE request_id = ?`,
        requestId,
      )
      .toArray();
    return row ?? null;
  }

  override async alarm(): Promise<void> {
    this.sweep(Date.now());
    await this.wakeForExpiry();
  }

  private learnDevKey({ keyId, keyHash }: AdmitRequest, now: number): void {
    this.sql.exec(
      `INSERT INTO keys (id, hash, name, created_at) VALUES (?, ?, 'local start', ?)
       ON CONFLICT (id) DO UPDATE SET hash = excluded.hash`,
      keyId,
      keyHash,
      now,
    );
  }

  private findKey({ keyId, keyHash }: AdmitRequest, now: number): KeyRow | null {
    const [row] = this.sql
      .exec<KeyRow>(
        "SELECT id, name, expires_at, revoked_at, allowed_workers, preference, output_cap FROM keys WHERE id = ? AND hash = ?",
        keyId,
        keyHash,
      )
      .toArray();
    if (!row || row.revoked_at !== null) return null;
    return row.expires_at !== null && row.expires_at <= now ? null : row;
  }

  private findAffinity(key: string, now: number): string | null {
    const [row] = this.sql
      .exec<{ worker: string }>("SELECT worker FROM affinity WHERE key = ? AND at > ?", key, now - affinityMs)
      .toArray();
    return row?.worker ?? null;
  }

  private monthlyBudget(): MicroDollars | null {
    return this.number("SELECT monthly AS n FROM budget");
  }

  private number(query: string, ...values: SqlStorageValue[]): number | null {
    return this.sql.exec<{ n: number | null }>(query, ...values).toArray()[0]?.n ?? null;
  }

  private grant(budget: MicroDollars | null, need: MicroDollars, now: number): Result<Admission["lease"], Refusal> {
    const id = crypto.randomUUID();
    const expiresAt = now + leaseMs;
    if (budget === null) return ok({ id, amount: null, expiresAt });

    const remaining = budget - this.committed(now);
    if (need > 0 && need > remaining) {
      return err({
        kind: "insufficient_budget",
        limit: "dollars per month",
        retryAfterSeconds: secondsToNextMonth(now),
      });
    }
    const needs = need === 0 ? 0 : Math.floor(remaining / leaseShare / need);
    const amount = need * Math.max(1, Math.min(needs, leaseNeeds));
    this.sql.exec("INSERT INTO leases (id, remaining, expires_at) VALUES (?, ?, ?)", id, amount, expiresAt);
    return ok({ id, amount, expiresAt });
  }

  /** What this month has cost, what running requests may still cost, and what isolates hold. */
  private committed(now: number): MicroDollars {
    return (
      (this.number("SELECT cost AS n FROM spent WHERE month = ?", monthOf(now)) ?? 0) +
      (this.number("SELECT sum(amount) AS n FROM reservations") ?? 0) +
      (this.number("SELECT sum(remaining) AS n FROM leases") ?? 0)
    );
  }

  private open(opening: Opening): void {
    if (this.number("SELECT 1 AS n FROM ledger WHERE request_id = ?", opening.requestId) !== null) return;
    const { rowsWritten } = this.sql.exec(
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
    this.sql.exec("UPDATE leases SET remaining = max(0, remaining - ?) WHERE id = ?", opening.amount, opening.leaseId);
  }

  private settle(settlement: Settlement): void {
    const [known] = this.sql
      .exec<{ status: string }>("SELECT status FROM ledger WHERE request_id = ?", settlement.requestId)
      .toArray();
    // A request given up as lost may still report: its own count then replaces the reservation that was charged.
    if (known && known.status !== "lost") return;
    if (known) this.takeBack(settlement.requestId);

    const usage = settlement.calls.reduce((sum, call) => addUsage(sum, call.usage), noUsage);
    const cost = settlement.calls.reduce((sum, call) => sum + (call.cost ?? 0), 0);
    this.sql.exec(
      `INSERT OR REPLACE INTO ledger (request_id, key_id, at, model, worker, status, input_tokens, cached_input_tokens,
         cache_write_tokens, output_tokens, reasoning_tokens, cost, usage_source)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    );
    this.sql.exec("DELETE FROM reservations WHERE request_id = ?", settlement.requestId);
    this.addSpent(settlement.at, cost);
    for (const call of settlement.calls) this.addDaily(settlement, call);
    if (settlement.affinity) this.keepAffinity(settlement.affinity, settlement.at);
  }

  /** Undoes what a request was charged when it was given up. */
  private takeBack(requestId: string): void {
    const [row] = this.sql
      .exec<{ at: number; key_id: string; model: string; worker: string; cost: number }>(
        "SELECT at, key_id, model, worker, cost FROM ledger WHERE request_id = ?",
        requestId,
      )
      .toArray();
    if (!row) return;
    this.addSpent(row.at, -row.cost);
    this.sql.exec(
      "UPDATE daily SET calls = calls - 1, cost = cost - ? WHERE day = ? AND key_id = ? AND model = ? AND worker = ?",
      row.cost,
      dayOf(row.at),
      row.key_id,
      row.model,
      row.worker,
    );
  }

  private addSpent(at: number, cost: MicroDollars): void {
    this.sql.exec(
      "INSERT INTO spent (month, cost) VALUES (?, ?) ON CONFLICT (month) DO UPDATE SET cost = cost + excluded.cost",
      monthOf(at),
      cost,
    );
  }

  private addDaily(
    settlement: Pick<Settlement, "at" | "keyId" | "model">,
    call: Pick<Settlement["calls"][number], "worker" | "usage" | "cost">,
  ): void {
    this.sql.exec(
      `INSERT INTO daily (day, key_id, model, worker, calls, input_tokens, output_tokens, cost) VALUES (?, ?, ?, ?, 1, ?, ?, ?)
       ON CONFLICT (day, key_id, model, worker) DO UPDATE SET calls = calls + 1,
         input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
         cost = cost + excluded.cost`,
      dayOf(settlement.at),
      settlement.keyId,
      settlement.model,
      call.worker,
      call.usage.inputTokens,
      call.usage.outputTokens,
      call.cost ?? 0,
    );
  }

  private keepAffinity({ key, worker }: { key: string; worker: string }, at: number): void {
    this.sql.exec(
      "INSERT INTO affinity (key, worker, at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET worker = excluded.worker, at = excluded.at",
      key,
      worker,
      at,
    );
  }

  /** Takes back what was leased and never opened; charges what was opened and never settled; forgets old conversations. */
  private sweep(now: number): void {
    this.sql.exec("DELETE FROM leases WHERE expires_at <= ?", now);
    const lost = this.sql
      .exec<{ request_id: string; key_id: string; amount: number; opened_at: number; model: string; worker: string }>(
        `SELECT request_id, key_id, sum(amount) AS amount, opened_at, model, worker FROM reservations
         GROUP BY request_id HAVING max(expires_at) <= ?`,
        now,
      )
      .toArray();
    for (const row of lost) {
      this.sql.exec(
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
      this.sql.exec("DELETE FROM reservations WHERE request_id = ?", row.request_id);
      this.addSpent(row.opened_at, row.amount);
      this.addDaily(
        { at: row.opened_at, keyId: row.key_id, model: row.model },
        { worker: row.worker, usage: noUsage, cost: row.amount },
      );
    }
    this.sql.exec("DELETE FROM affinity WHERE at <= ?", now - affinityMs);
  }

  private async wakeForExpiry(): Promise<void> {
    const next = this.number("SELECT min(expires_at) AS n FROM reservations");
    if (next === null) return;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > next) await this.ctx.storage.setAlarm(next);
  }
}

const toRecord = (row: KeyRow, hasBudget: boolean): KeyRecord => ({
  keyId: row.id,
  name: row.name,
  allowedWorkers: row.allowed_workers === null ? null : parseList(row.allowed_workers),
  preference: row.preference,
  outputCap: row.output_cap,
  hasBudget,
});

const parseList = (json: string): readonly string[] => {
  const list: readonly string[] = JSON.parse(json);
  return list;
};

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);

const secondsToNextMonth = (now: number): number => {
  const date = new Date(now);
  return Math.ceil((Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) - now) / 1000);
};
