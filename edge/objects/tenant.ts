import { DurableObject } from "cloudflare:workers";
import { err, ok, type Result } from "../../shared/result.ts";
import { findConversation, findWorker, forgetWorkers, keepWorker } from "./conversation-workers.ts";
import {
  findKey,
  insertKey,
  learnDevKey,
  raiseCacheEpoch,
  readPolicy,
  revokeKey,
  writePolicy,
  type NewKey,
} from "./keys.ts";
import { grantLease, sweepLeases } from "./leases.ts";
import { readUsage, type UsageQuery, type UsageRow } from "./daily.ts";
import {
  listLedger,
  nextExpiry,
  openRequest,
  readLedgerRow,
  settleRequest,
  sweepReservations,
  type LedgerQuery,
} from "./ledger.ts";
import { migrate } from "./migrate.ts";
import type { Policy } from "./policy.ts";
import type { Admission, AdmitRequest, LateForecast, LedgerRow, Opening, Refusal, Settlement } from "./records.ts";
import { countForecast, countScore, countSettled, forgetRequests } from "./rollout-figures.ts";
import { readRollout, type RolloutStage } from "./rollout-reading.ts";
import { inheritStage, reviewStops, withStage } from "./rollout-stages.ts";
import { tenantSchema } from "./tenant-schema.ts";

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
    void state.blockConcurrencyWhile(async () => migrate(state.storage, tenantSchema));
  }

  /** Checks the key and grants a lease. */
  async admit(request: AdmitRequest): Promise<Result<Admission, Refusal>> {
    const now = Date.now();
    if (request.dev) learnDevKey(this.sql, request, now);
    const record = findKey(this.sql, request, now);
    if (record === null) return err({ kind: "invalid_key" });
    this.sweep(now);

    const lease = grantLease(this.sql, readPolicy(this.sql), request.need, now);
    if (!lease.ok) return lease;
    const affinityWorker = request.affinity === null ? null : findWorker(this.sql, request.affinity, now);
    return ok({ record: withStage(this.sql, record, now), lease: lease.value, affinityWorker });
  }

  /** Opens and settles in the order given. Each is idempotent by request id. */
  async record(batch: {
    readonly openings: readonly Opening[];
    readonly settlements: readonly Settlement[];
    readonly forecasts?: readonly LateForecast[];
  }): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const opening of batch.openings) openRequest(this.sql, opening);
      for (const settlement of batch.settlements) {
        settleRequest(this.sql, settlement);
        if (settlement.affinity) keepWorker(this.sql, settlement.affinity, settlement.at);
        if (settlement.rollout) countSettled(this.sql, settlement, readPolicy(this.sql), Date.now());
      }
      for (const forecast of batch.forecasts ?? []) countForecast(this.sql, forecast);
    });
    if (batch.openings.length > 0) await this.wakeForExpiry();
  }

  async createKey(key: NewKey): Promise<void> {
    insertKey(this.sql, key, Date.now());
  }

  /** False when there is no such live key. */
  async revokeKey(id: string): Promise<boolean> {
    return revokeKey(this.sql, id, Date.now());
  }

  async readPolicy(): Promise<Policy> {
    return readPolicy(this.sql);
  }

  async writePolicy(policy: Policy): Promise<void> {
    writePolicy(this.sql, policy);
    reviewStops(this.sql, policy, Date.now());
  }

  /** The worker and the arm with which a conversation is, by its affinity key. */
  async findConversation(key: string): Promise<ReturnType<typeof findConversation>> {
    return findConversation(this.sql, key, Date.now());
  }

  /** Counts a request's score, 0 to 1, for the arm that served it; a later one takes its place. */
  async scoreArm(requestId: string, score: number): Promise<void> {
    this.ctx.storage.transactionSync(() => countScore(this.sql, requestId, score));
  }

  /** How far keys have moved from their baselines, the latest stages first. `keyId` null: all keys. */
  async readRollout(keyId: string | null, limit: number): Promise<readonly RolloutStage[]> {
    return readRollout(this.sql, { keyId, limit });
  }

  async raiseCacheEpoch(): Promise<void> {
    raiseCacheEpoch(this.sql);
  }

  async ledgerRow(requestId: string): Promise<LedgerRow | null> {
    this.sweep(Date.now());
    return readLedgerRow(this.sql, requestId);
  }

  /** From the oldest on. */
  async listLedger(query: LedgerQuery): Promise<readonly LedgerRow[]> {
    this.sweep(Date.now());
    return listLedger(this.sql, query);
  }

  /** What all keys have used, or each, from the roll-ups. */
  async readUsage(query: UsageQuery): Promise<readonly UsageRow[]> {
    this.sweep(Date.now());
    return readUsage(this.sql, query);
  }

  override async alarm(): Promise<void> {
    this.sweep(Date.now());
    await this.wakeForExpiry();
  }

  private sweep(now: number): void {
    sweepLeases(this.sql, now);
    sweepReservations(this.sql, now);
    forgetWorkers(this.sql, now);
    forgetRequests(this.sql, now);
  }

  private async wakeForExpiry(): Promise<void> {
    const next = nextExpiry(this.sql);
    if (next === null) return;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > next) await this.ctx.storage.setAlarm(next);
  }
}
