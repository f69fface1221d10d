import { DurableObject } from "cloudflare:workers";
import { err, ok, type Result } from "../../../shared/result.ts";
import type { WorkerCard } from "../../../shared/workers.ts";
import { bury, isBuried } from "../bury.ts";
import { writeBias, type RevisedBias } from "./bias.ts";
import { findConversation, findWorker, forgetWorkers, keepWorker } from "./conversation-workers.ts";
import {
  findKey,
  insertKey,
  learnDevKey,
  raiseCacheEpoch,
  readPolicy,
  readVersion,
  revokeKey,
  writePolicy,
  type NewKey,
} from "./keys.ts";
import { changeKey, listKeys, readKey, rotateKey, type KeyChange, type KeyEntry, type Successor } from "./key-list.ts";
import { grantLease, sweepLeases } from "./leases.ts";
import { readUsage, type UsageQuery, type UsageRow } from "./daily.ts";
import { sweepReservations } from "./give-up.ts";
import { listLedger, readLedgerRow, type LedgerQuery } from "./ledger.ts";
import { migrate } from "../migrate.ts";
import {
  deleteOwnWorker,
  deleteVendorKey,
  keepDataKey,
  listOwnWorkers,
  listVendorKeys,
  readDataKey,
  replaceDataKey,
  writeOwnWorker,
  writeVendorKey,
  type VendorKeyEntry,
} from "./own-means.ts";
import type { Policy } from "./policy.ts";
import { patchPolicy, type PolicyPatch } from "./policy-patch.ts";
import { recordRequests, type Requests } from "./record-requests.ts";
import { nextExpiry } from "./reservations.ts";
import { readSpend, readState, writeState, type Spend } from "./standing.ts";
import type { Admission, AdmitRequest, LateForecast, LedgerRow, Refusal, Settlement } from "../records.ts";
import { countForecast, countScore, countSettled, forgetRequests } from "./rollout-figures.ts";
import { readRollout, type RolloutStage } from "./rollout-reading.ts";
import { inheritStage, reviewStops, withStage, type StageQuery } from "./rollout-stages.ts";
import { listAlarms, type Alarm } from "./spending.ts";
import { tenantSchema } from "./tenant-schema.ts";
import { wakeBy } from "../wake-by.ts";

/** What is kept for days is looked through once a minute, not with every admission. */
const forgetEveryMs = 60_000;

/**
 * One tenant's keys and money, in its region. Dollars go out as leases, are reserved by requests as they open and
 * charged when they settle; what an isolate took and never opened comes back when its lease expires, what it opened
 * and never settled is charged as reserved. Amounts are integer micro-dollars.
 */
export class Tenant extends DurableObject {
  private readonly sql: SqlStorage;
  /** When the alarm goes off, as far as this instance knows. */
  private wakesAt: number | null = null;
  /** When this instance last looked for what has been kept for days. */
  private forgotAt = Number.NEGATIVE_INFINITY;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.sql = state.storage.sql;
    void state.blockConcurrencyWhile(async () => migrate(state.storage, tenantSchema));
  }

  /** Checks the key, and grants a lease of what its limits and the tenant's leave. */
  async admit(request: AdmitRequest): Promise<Result<Admission, Refusal>> {
    const now = Date.now();
    if (readState(this.sql) !== "active") return err({ kind: "invalid_key" });
    if (request.dev) learnDevKey(this.sql, request, now);
    const record = findKey(this.sql, request, now);
    if (record === null) return err({ kind: "invalid_key" });
    this.sweep(now);

    const granted = grantLease(this.sql, request, now);
    if (!granted.ok) return granted;
    const affinityWorker = request.affinity === null ? null : findWorker(this.sql, request.affinity, now);
    const { lease, rates } = granted.value;
    const version = readVersion(this.sql);
    return ok({ record: withStage(this.sql, record, now), version, lease, rates, affinityWorker });
  }

  /** Opens and settles in the order given. Each is idempotent by request id. */
  async record(batch: Requests & { readonly forecasts?: readonly LateForecast[] }): Promise<void> {
    if (isBuried(this.sql)) return;
    const now = Date.now();
    const { nextExpiry: next } = this.ctx.storage.transactionSync(() => {
      const recorded = recordRequests(this.sql, batch, now);
      this.tellAlarms(recorded.alarms);
      for (const settlement of batch.settlements) {
        if (settlement.affinity) keepWorker(this.sql, settlement.affinity, settlement.at);
        if (settlement.rollout) tellStop(settlement, countSettled(this.sql, settlement, readPolicy(this.sql), now));
      }
      for (const forecast of batch.forecasts ?? []) countForecast(this.sql, forecast);
      return recorded;
    });
    if (next !== null && (this.wakesAt === null || this.wakesAt > next)) await this.wakeForExpiry();
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

  /** How far keys have moved from their baselines, the latest stages first. */
  async readRollout(query: StageQuery): Promise<readonly RolloutStage[]> {
    return readRollout(this.sql, query);
  }

  /** Reaches isolates with their keys' records. */
  async keepBias(revised: RevisedBias): Promise<void> {
    writeBias(this.sql, revised);
  }

  async raiseCacheEpoch(): Promise<void> {
    raiseCacheEpoch(this.sql);
  }

  /** The policy as it is then. */
  async patchPolicy(patch: PolicyPatch): Promise<Policy> {
    const policy = patchPolicy(readPolicy(this.sql), patch);
    await this.writePolicy(policy);
    return policy;
  }

  /** Keys of an inactive tenant are refused as soon as isolates ask again: within ten seconds. */
  async mark(state: "active" | "inactive"): Promise<void> {
    writeState(this.sql, state, Date.now());
  }

  /** Empties it for good: its keys are none any more. */
  async bury(): Promise<void> {
    const now = Date.now();
    this.wakesAt = null;
    await bury(this.ctx, tenantSchema, now);
    writeState(this.sql, "deleted", now);
  }

  async readSpend(): Promise<Spend> {
    const now = Date.now();
    this.sweep(now);
    return readSpend(this.sql, now);
  }

  async readKey(id: string): Promise<KeyEntry | null> {
    return readKey(this.sql, id);
  }

  /** By id, after the one named. */
  async listKeys(page: { readonly after: string; readonly limit: number }): Promise<readonly KeyEntry[]> {
    return listKeys(this.sql, page);
  }

  /** Null when there is no such key that is not revoked. */
  async changeKey(id: string, change: KeyChange): Promise<KeyEntry | null> {
    const changed = changeKey(this.sql, id, change);
    reviewStops(this.sql, readPolicy(this.sql), Date.now());
    return changed;
  }

  /** Null when there is no such live key. */
  async rotateKey(
    id: string,
    successor: Successor,
  ): Promise<{ readonly old: KeyEntry; readonly made: KeyEntry } | null> {
    return this.ctx.storage.transactionSync(() => {
      const now = Date.now();
      const rotated = rotateKey(this.sql, id, successor, now);
      if (rotated) inheritStage(this.sql, id, rotated.made.id, now);
      return rotated;
    });
  }

  async readDataKey(): Promise<string | null> {
    return readDataKey(this.sql);
  }

  /** Gives the one that is kept: the first. */
  async keepDataKey(wrapped: string): Promise<string> {
    return keepDataKey(this.sql, wrapped);
  }

  async replaceDataKey(old: string, wrapped: string): Promise<void> {
    replaceDataKey(this.sql, old, wrapped);
  }

  async writeVendorKey(key: {
    readonly provider: string;
    readonly sealed: string;
    readonly ending: string;
  }): Promise<void> {
    writeVendorKey(this.sql, key, Date.now());
  }

  /** False when there was none. */
  async deleteVendorKey(provider: string): Promise<boolean> {
    return deleteVendorKey(this.sql, provider);
  }

  async listVendorKeys(): Promise<readonly VendorKeyEntry[]> {
    return listVendorKeys(this.sql);
  }

  /** False when there are as many as there may be. */
  async writeOwnWorker(card: WorkerCard): Promise<boolean> {
    return writeOwnWorker(this.sql, card, Date.now());
  }

  /** False when there was none. */
  async deleteOwnWorker(id: string): Promise<boolean> {
    return deleteOwnWorker(this.sql, id);
  }

  async listOwnWorkers(): Promise<readonly WorkerCard[]> {
    return listOwnWorkers(this.sql);
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

  /** Shares of limits in dollars that were reached, the newest first. */
  async listAlarms(limit: number): Promise<readonly Alarm[]> {
    return listAlarms(this.sql, limit);
  }

  override async alarm(): Promise<void> {
    this.wakesAt = null;
    this.sweep(Date.now());
    await this.wakeForExpiry();
  }

  private sweep(now: number): void {
    sweepLeases(this.sql, now);
    this.tellAlarms(sweepReservations(this.sql, now));
    if (now - this.forgotAt < forgetEveryMs) return;
    this.forgotAt = now;
    forgetWorkers(this.sql, now);
    forgetRequests(this.sql, now);
  }

  /** For the operator's log. */
  private tellAlarms(alarms: readonly Alarm[]): void {
    for (const alarm of alarms) console.warn({ event: "spending_alarm", tenant: this.ctx.id.name ?? null, ...alarm });
  }

  private async wakeForExpiry(): Promise<void> {
    const next = nextExpiry(this.sql);
    if (next === null) return;
    this.wakesAt = await wakeBy(this.ctx.storage, next);
  }
}

/** For the operator's log: a canary that has gone back to its baseline. */
const tellStop = ({ keyId }: Settlement, stop: ReturnType<typeof countSettled>): void => {
  if (stop !== null) console.warn({ event: "rollout_went_back", key_id: keyId, ...stop });
};
