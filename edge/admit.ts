import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Identity } from "./authenticate/authenticate.ts";
import { isDead, noteRefusal } from "./authenticate/dead-keys.ts";
import type { Clock } from "./runtime/clock.ts";
import { createMemory } from "./runtime/memory.ts";
import type { RateNote } from "./runtime/rates.ts";
import type { Timing } from "./runtime/timing.ts";
import {
  noAmounts,
  type Amounts,
  type KeyRecord,
  type Rate,
  type Rates,
  type Scope,
  type Wish,
} from "./objects/records.ts";
import type { Objects } from "./objects/objects.ts";
import { covers, isLive, isWorthKeeping, resources, spend, sumLeft, toPurse, type Purse } from "./objects/purse.ts";
import type { Outbox } from "./objects/outbox.ts";

/** A record is used for five seconds, used while it is refreshed behind for five more, and then asked for anew. */
const freshMs = 5_000;
const staleMs = 10_000;
/** With fewer needs left than this the next lease is asked for behind, where the last one was ample. */
const fewNeeds = 5;
const ampleNeeds = 10;
/** After nothing could be had ahead. */
const pauseMs = 1_000;
const minuteMs = 60_000;

/** `scope`: what the request needs the key to be good for; null: any live key will do. */
export type Admittance = {
  readonly scope: Scope | null;
  /** Conversation whose worker is looked up on the way, should an object be asked; null for a first turn. */
  readonly affinity: string | null;
  /** What the request is likely to draw later, asked should an object be asked; absent where it draws nothing. */
  readonly foresee?: () => Wish;
};

/** `permit`: the lease that lets this one request begin; absent for who asks no worker. */
export type Grant = { readonly identity: Identity; readonly record: KeyRecord; readonly permit?: string };

export type Admitted = { readonly grant: Grant; readonly affinityWorker: string | null };

type Entry = {
  readonly record: KeyRecord;
  readonly version: number;
  readonly readAt: number;
  readonly purses: readonly Purse[];
  /** As the tenant's object saw them when it was last asked. */
  readonly rates: Rates;
  /** The dollars and tokens of the last request: the next lease is asked for as much before it is needed. */
  lastNeed: Amounts;
  refreshing: boolean;
  /** Before then no lease is asked for ahead: there was none. */
  aheadFrom: number;
};

export type AdmitDeps = {
  readonly objects: Objects;
  readonly outbox: Pick<Outbox, "hasEnded" | "send">;
  readonly clock: Clock;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly timing: Pick<Timing, "waited">;
  readonly rates: Pick<RateNote, "tell">;
};

const entries = createMemory<Entry>(10_000);
/** The newest version heard of each tenant's keys and policy. */
const versions = createMemory<number>(10_000);

const one: Amounts = { ...noAmounts, requests: 1, slots: 1 };

/**
 * Whether the key is alive, what it may do, and whether its limits let one more request begin. Warm: no object is
 * awaited. Cold: one call to the tenant's object, which also looks up the conversation's worker. Fails with
 * `invalid_key`, `rate_limited`, or `forbidden` naming the scope that the key lacks.
 */
export const admit = async (
  identity: Identity,
  admittance: Admittance,
  deps: AdmitDeps,
): Promise<Result<Admitted, ShoalError>> => {
  const entry = await known(identity, admittance, one, deps);
  if (!entry.ok) return entry;
  const { record, leaseId, affinityWorker } = entry.value;
  const grant: Grant = { identity, record, ...(leaseId !== null && { permit: leaseId }) };
  const refusal = lacking(record, admittance);
  if (refusal) {
    giveBack(grant);
    return err(refusal);
  }
  if (leaseId !== null) return ok({ grant, affinityWorker });
  const drawn = await take(identity, one, deps);
  return drawn.ok ? ok({ grant: { ...grant, permit: drawn.value.leaseId }, affinityWorker }) : drawn;
};

/** Whose key it is, where no worker is asked: limits of requests do not count. Fails with `invalid_key` or `forbidden`. */
export const recognize = async (
  identity: Identity,
  scope: Scope | null,
  deps: AdmitDeps,
): Promise<Result<Grant, ShoalError>> => {
  const entry = await known(identity, { scope, affinity: null }, noAmounts, deps);
  if (!entry.ok) return entry;
  const { record } = entry.value;
  const refusal = lacking(record, { scope });
  return refusal ? err(refusal) : ok({ identity, record });
};

const lacking = ({ scopes }: KeyRecord, { scope }: Pick<Admittance, "scope">): ShoalError | null =>
  scope === null || scopes.includes(scope)
    ? null
    : { kind: "forbidden", message: `the key lacks the scope '${scope}'` };

/** A request that was let in and then refused, before a worker was asked, is as if it had not come. */
export const giveBack = ({ identity, permit }: Grant): void => {
  const purse = entries.get(identity.keyHash)?.purses.find(({ id }) => id === permit);
  if (purse) spend(purse, { ...noAmounts, requests: -1, slots: -1 });
};

type Known = {
  readonly record: KeyRecord;
  /** Null: nothing was drawn yet. */
  readonly leaseId: string | null;
  readonly affinityWorker: string | null;
};

/** The key's record; a cold isolate asks for what the request needs on the same way. */
const known = async (
  identity: Identity,
  { affinity, foresee }: Admittance,
  need: Amounts,
  deps: AdmitDeps,
): Promise<Result<Known, ShoalError>> => {
  deps.rates.tell(() => readRates(identity, deps.clock.now()));
  const entry = freshEntry(identity, deps.clock.now());
  if (!entry) return firstAsk(identity, { need, draw: need, affinity, ...(foresee && { wish: foresee() }) }, deps);
  const now = deps.clock.now();
  const isBehind = entry.version < (versions.get(identity.tenant) ?? 0);
  if (isBehind || now - entry.readAt >= freshMs || isLow(entry, now)) refresh(identity, entry, deps);
  return ok({ record: entry.record, leaseId: null, affinityWorker: null });
};

const freshEntry = ({ keyHash }: Identity, now: number): Entry | null => {
  const entry = entries.get(keyHash);
  return entry && now - entry.readAt < staleMs ? entry : null;
};

const firstAsk = async (identity: Identity, asks: Ask, deps: AdmitDeps): Promise<Result<Known, ShoalError>> => {
  if (isDead(identity.keyHash, deps.clock.now())) return err({ kind: "invalid_key" });
  deps.timing.waited();
  const asked = await ask(identity, asks, deps);
  if (asked.ok) return asked;
  // What another request has brought in meanwhile may do for this one too.
  const late = freshEntry(identity, deps.clock.now());
  const leaseId = late && takeHeld(identity, asks.draw, deps.clock.now());
  return late && leaseId !== null ? ok({ record: late.record, leaseId, affinityWorker: null }) : asked;
};

/** Renews record and lease behind a request. What cannot be had or reached now is for the next request to find. */
const refresh = (identity: Identity, entry: Entry, deps: AdmitDeps): void => {
  if (entry.refreshing) return;
  entry.refreshing = true;
  const renew = async () => {
    const need = { ...entry.lastNeed, requests: 1, slots: 1 };
    const asked = await ask(identity, { need, draw: noAmounts, affinity: null }, deps);
    if (asked.ok || asked.error.kind === "invalid_key") return;
    entry.aheadFrom = deps.clock.now() + pauseMs;
    await ask(identity, { need: noAmounts, draw: noAmounts, affinity: null }, deps);
  };
  deps.waitUntil(
    renew().catch(() => {
      entry.refreshing = false;
    }),
  );
};

/**
 * Draws from the key's leases, asking the tenant's object for another when none covers the need. Gives the lease's id,
 * under which the opening is recorded. Fails with `rate_limited` or `insufficient_budget`.
 */
export const draw = async (
  { identity }: Grant,
  need: Pick<Amounts, "tokens" | "amount">,
  deps: AdmitDeps,
): Promise<Result<{ readonly leaseId: string }, ShoalError>> => {
  const whole = { ...noAmounts, ...need };
  const entry = entries.get(identity.keyHash);
  if (entry) entry.lastNeed = whole;
  return take(identity, whole, deps);
};

const take = async (
  identity: Identity,
  need: Amounts,
  deps: AdmitDeps,
): Promise<Result<{ readonly leaseId: string }, ShoalError>> => {
  const held = takeHeld(identity, need, deps.clock.now());
  if (held !== null) return ok({ leaseId: held });
  deps.timing.waited();
  const asked = await ask(identity, { need, draw: need, affinity: null }, deps);
  if (asked.ok) return ok({ leaseId: asked.value.leaseId });
  // What another request has brought in meanwhile may cover this one too.
  const late = takeHeld(identity, need, deps.clock.now());
  if (late !== null) return ok({ leaseId: late });
  const again = await askAgain(identity, need, deps);
  return again?.ok ? ok({ leaseId: again.value.leaseId }) : asked;
};

/** What has ended here gives back what it held as soon as the tenant's object hears of it; null when nothing has. */
const askAgain = async (identity: Identity, need: Amounts, deps: AdmitDeps) => {
  const { outbox, waitUntil } = deps;
  if (!outbox.hasEnded(identity.tenant)) return null;
  const told = outbox.send(identity.tenant, 0).catch(() => undefined);
  waitUntil(told);
  await told;
  return ask(identity, { need, draw: need, affinity: null }, deps);
};

/** Takes the need from the first purse that covers it; null when none does. */
const takeHeld = ({ keyHash }: Identity, need: Amounts, now: number): string | null => {
  const purse = entries.get(keyHash)?.purses.find((candidate) => covers(candidate, need, now));
  if (!purse) return null;
  spend(purse, need);
  return purse.id;
};

/** `need`: what the lease must cover; `draw`: what of it is taken for the request that asks. */
type Ask = {
  readonly need: Amounts;
  readonly draw: Amounts;
  readonly affinity: string | null;
  readonly wish?: Wish;
};

type Asked = Known & { readonly leaseId: string };

const ask = async (
  identity: Identity,
  { need, draw: drawn, affinity, wish }: Ask,
  deps: AdmitDeps,
): Promise<Result<Asked, ShoalError>> => {
  const { keyId, keyHash, tenant, dev } = identity;
  const answer = await deps.objects
    .tenant(tenant)
    .admit({ keyId, keyHash, need, dev, affinity, ...(wish && { wish }) });
  if (!answer.ok) {
    // A key that has reached a limit keeps what its purses still hold.
    if (answer.error.kind === "invalid_key") {
      entries.delete(keyHash);
      noteRefusal(keyHash, deps.clock.now());
      return err(answer.error);
    }
    const { rates, ...refusal } = answer.error;
    deps.rates.tell(() => rates);
    return err(refusal);
  }
  const { record, version, lease, rates, affinityWorker } = answer.value;
  const now = deps.clock.now();
  const before = entries.get(keyHash);
  const purse = toPurse(lease);
  spend(purse, drawn);
  versions.set(tenant, Math.max(version, versions.get(tenant) ?? 0));
  entries.set(keyHash, {
    record,
    version,
    readAt: now,
    purses: [...(before?.purses ?? []).filter((held) => isWorthKeeping(held, purse, now)), purse],
    rates,
    lastNeed: before?.lastNeed ?? { ...noAmounts, tokens: need.tokens, amount: need.amount },
    refreshing: false,
    aheadFrom: before?.aheadFrom ?? 0,
  });
  return ok({ record, leaseId: lease.id, affinityWorker });
};

/** Whether the next lease is to be asked for ahead: the last one was ample, and few needs are left. */
const isLow = ({ purses, lastNeed, aheadFrom }: Entry, now: number): boolean => {
  if (now < aheadFrom) return false;
  const need = { ...lastNeed, requests: 1, slots: 1 };
  const live = purses.filter((purse) => isLive(purse, now));
  return resources.some((resource) => {
    const last = live.findLast(({ granted }) => (granted[resource] ?? 0) > 0);
    if (!last || (last.granted[resource] ?? 0) < ampleNeeds * need[resource]) return false;
    return sumLeft(live, resource) < fewNeeds * need[resource];
  });
};

/** What is left of the rates as far as this isolate knows; null while it knows nothing of the key. */
const readRates = ({ keyHash }: Identity, now: number): Rates | null => {
  const entry = entries.get(keyHash);
  if (!entry) return null;
  const live = entry.purses.filter(({ expiresAt }) => expiresAt > now);
  const refilled = (rate: Rate | null, resource: "requests" | "tokens"): Rate | null => {
    if (rate === null) return null;
    const since = Math.max(0, now - entry.readAt) / minuteMs;
    return { limit: rate.limit, left: Math.min(rate.limit, rate.left + rate.limit * since + sumLeft(live, resource)) };
  };
  return { requests: refilled(entry.rates.requests, "requests"), tokens: refilled(entry.rates.tokens, "tokens") };
};
