import type { ShoalError } from "../shared/errors.ts";
import type { MicroDollars } from "../shared/pricing.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Identity } from "./authenticate/authenticate.ts";
import type { Clock } from "./runtime/clock.ts";
import { createMemory } from "./runtime/memory.ts";
import type { KeyRecord, Lease, Scope } from "./objects/records.ts";
import type { Objects } from "./objects/objects.ts";

/** A record is used for five seconds, used while it is refreshed behind for five more, and then asked for anew. */
const freshMs = 5_000;
const staleMs = 10_000;
/** An isolate stops drawing this long before a lease expires, so that its opening arrives in time. */
const leaseMarginMs = 2_000;

/** `scope`: what the request needs the key to be good for; null: any live key will do. */
export type Admittance = {
  readonly scope: Scope | null;
  /** Conversation whose worker is looked up on the way, should an object be asked; null for a first turn. */
  readonly affinity: string | null;
};

export type Grant = { readonly identity: Identity; readonly record: KeyRecord };

/** Dollars that this isolate may hand to requests of one key. */
type Purse = { readonly id: string; amount: MicroDollars | null; readonly expiresAt: number };
type Entry = {
  readonly record: KeyRecord;
  readonly readAt: number;
  readonly purses: readonly Purse[];
  /** What the last request drew: the next lease is asked for as much before it is needed. */
  lastNeed: MicroDollars;
  refreshing: boolean;
};

export type AdmitDeps = {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly waitUntil: (work: Promise<unknown>) => void;
};

const entries = createMemory<Entry>(10_000);

/**
 * Whether the key is alive, and what it may do. Warm: no object is awaited. Cold: one call to the tenant's object, which
 * also looks up the conversation's worker. Fails with `invalid_key`, `insufficient_budget`, or `forbidden` naming the
 * scope that the key lacks.
 */
export const admit = async (
  identity: Identity,
  { scope, affinity }: Admittance,
  deps: AdmitDeps,
): Promise<Result<Admitted, ShoalError>> => {
  const admitted = await recall(identity, affinity, deps);
  if (!admitted.ok || scope === null || admitted.value.grant.record.scopes.includes(scope)) return admitted;
  return err({ kind: "forbidden", message: `the key lacks the scope '${scope}'` });
};

export type Admitted = { readonly grant: Grant; readonly affinityWorker: string | null };

const recall = async (
  identity: Identity,
  affinity: string | null,
  deps: AdmitDeps,
): Promise<Result<Admitted, ShoalError>> => {
  const entry = entries.get(identity.keyHash);
  const age = entry ? deps.clock.now() - entry.readAt : Number.POSITIVE_INFINITY;
  if (entry && age < staleMs) {
    if (age >= freshMs && !entry.refreshing) {
      entry.refreshing = true;
      deps.waitUntil(refresh(identity, entry, deps));
    }
    return ok({ grant: { identity, record: entry.record }, affinityWorker: null });
  }
  const asked = await ask(identity, { need: 0, draw: 0, affinity }, deps);
  if (!asked.ok) return asked;
  const { record, affinityWorker } = asked.value;
  return ok({ grant: { identity, record }, affinityWorker });
};

/** Renews record and lease behind a request. What cannot be afforded or reached now is for the next request to find. */
const refresh = async (identity: Identity, entry: Entry, deps: AdmitDeps): Promise<void> => {
  try {
    const asked = await ask(identity, { need: entry.lastNeed, draw: 0, affinity: null }, deps);
    if (!asked.ok && asked.error.kind === "insufficient_budget")
      await ask(identity, { need: 0, draw: 0, affinity: null }, deps);
  } catch {
    entry.refreshing = false;
  }
};

/**
 * Draws an amount from the key's lease, asking the tenant's object for another when it does not cover it. Gives the
 * lease's id, under which the opening is recorded.
 */
export const draw = async (
  { identity }: Grant,
  amount: MicroDollars,
  deps: AdmitDeps,
): Promise<Result<{ leaseId: string }, ShoalError>> => {
  const entry = entries.get(identity.keyHash);
  if (entry) entry.lastNeed = amount;
  const held = takeHeld(identity, amount, deps.clock.now());
  if (held !== null) return ok({ leaseId: held });
  const asked = await ask(identity, { need: amount, draw: amount, affinity: null }, deps);
  if (asked.ok) return ok({ leaseId: asked.value.leaseId });
  // What another request has brought in meanwhile may cover this one too.
  const late = takeHeld(identity, amount, deps.clock.now());
  return late === null ? asked : ok({ leaseId: late });
};

/** Takes the amount from the first purse that covers it; null when none does. */
const takeHeld = ({ keyHash }: Identity, amount: MicroDollars, now: number): string | null =>
  entries.get(keyHash)?.purses.find((purse) => take(purse, amount, now))?.id ?? null;

const take = (purse: Purse, amount: MicroDollars, now: number): boolean => {
  if (purse.amount === null) return true;
  if (purse.expiresAt - leaseMarginMs <= now || purse.amount < amount) return false;
  purse.amount -= amount;
  return true;
};

/** `need`: what the lease must cover; `draw`: what of it is taken for the request that asks. */
type Ask = { readonly need: MicroDollars; readonly draw: MicroDollars; readonly affinity: string | null };

const ask = async (identity: Identity, { need, draw: drawn, affinity }: Ask, deps: AdmitDeps) => {
  const { keyId, keyHash, tenant, dev } = identity;
  const answer = await deps.objects.tenant(tenant).admit({ keyId, keyHash, need, dev, affinity });
  if (!answer.ok) {
    // A key without money keeps what its purses still hold.
    if (answer.error.kind === "invalid_key") entries.delete(keyHash);
    return err(answer.error);
  }
  const { record, lease, affinityWorker } = answer.value;
  const now = deps.clock.now();
  const kept = (entries.get(keyHash)?.purses ?? []).filter((purse) => isWorthKeeping(purse, now));
  entries.set(keyHash, {
    record,
    readAt: now,
    purses: [...kept, toPurse(lease, drawn)],
    lastNeed: need,
    refreshing: false,
  });
  return ok({ record, leaseId: lease.id, affinityWorker });
};

const isWorthKeeping = ({ amount, expiresAt }: Purse, now: number): boolean =>
  amount !== null && amount > 0 && expiresAt - leaseMarginMs > now;

/** The lease, less what is drawn at once. */
const toPurse = ({ id, amount, expiresAt }: Lease, drawn: MicroDollars): Purse => ({
  id,
  amount: amount === null ? null : amount - drawn,
  expiresAt,
});
