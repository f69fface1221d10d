import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Identity } from "./authenticate/authenticate.ts";
import { isDead } from "./authenticate/dead-keys.ts";
import { createMemory } from "./runtime/memory.ts";
import type { Timing } from "./runtime/timing.ts";
import { noAmounts, type Amounts, type KeyRecord, type Scope, type Wish } from "./objects/records.ts";
import {
  ask,
  findKey,
  isDue,
  noteNeed,
  putBack,
  readRates,
  takeHeld,
  type Ask,
  type AskDeps,
  type Asked,
  type KnownKey,
  type Refused,
} from "./objects/known-keys.ts";
import { gatherMs, type Outbox } from "./objects/outbox.ts";
import { pause } from "./runtime/clock.ts";

/** After nothing could be had ahead. */
const pauseMs = 1_000;

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

export type AdmitDeps = AskDeps & {
  readonly outbox: Pick<Outbox, "hasEnded" | "send">;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly timing: Pick<Timing, "waited">;
};

/** Longer than another isolate gathers before it tells of a request that has ended. */
const elsewhereMs = gatherMs.settlements + 50;
/** When a key was last refused although it had waited for requests to end; milliseconds since the epoch. */
const inVain = createMemory<number>(10_000);

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
  putBack(identity, permit, one);
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
  const key = findKey(identity, deps.clock.now());
  if (!key) return firstAsk(identity, { need, draw: need, affinity, ...(foresee && { wish: foresee() }) }, deps);
  const now = deps.clock.now();
  if (isDue(key, identity, now)) refresh(identity, key, deps);
  return ok({ record: key.record, leaseId: null, affinityWorker: null });
};

const firstAsk = async (identity: Identity, asks: Ask, deps: AdmitDeps): Promise<Result<Known, ShoalError>> => {
  if (isDead(identity.keyHash, deps.clock.now())) return err({ kind: "invalid_key" });
  deps.timing.waited();
  const asked = await ask(identity, asks, deps);
  if (asked.ok) return asked;
  // What another request has brought in meanwhile may do for this one too.
  const late = findKey(identity, deps.clock.now());
  const leaseId = late && takeHeld(identity, asks.draw, deps.clock.now());
  if (late && leaseId !== null) return ok({ record: late.record, leaseId, affinityWorker: null });
  return askAgain(identity, asks, asked.error, deps);
};

/** Renews record and lease behind a request. What cannot be had or reached now is for the next request to find. */
const refresh = (identity: Identity, key: KnownKey, deps: AdmitDeps): void => {
  if (key.refreshing) return;
  key.refreshing = true;
  const renew = async () => {
    const need = { ...key.lastNeed, requests: 1, slots: 1 };
    const asked = await ask(identity, { need, draw: noAmounts, affinity: null }, deps);
    if (asked.ok || asked.error.error.kind === "invalid_key") return;
    key.aheadFrom = deps.clock.now() + pauseMs;
    await ask(identity, { need: noAmounts, draw: noAmounts, affinity: null }, deps);
  };
  deps.waitUntil(
    renew().catch(() => {
      key.refreshing = false;
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
  noteNeed(identity, whole);
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
  const asks = { need, draw: need, affinity: null };
  const asked = await ask(identity, asks, deps);
  if (asked.ok) return ok({ leaseId: asked.value.leaseId });
  // What another request has brought in meanwhile may cover this one too.
  const late = takeHeld(identity, need, deps.clock.now());
  if (late !== null) return ok({ leaseId: late });
  const again = await askAgain(identity, asks, asked.error, deps);
  return again.ok ? ok({ leaseId: again.value.leaseId }) : again;
};

/**
 * Requests that have ended give back what they held as soon as the tenant's object hears of it. Of those that ended here
 * it hears now; of those that another isolate answered it does within a moment, which is waited for unless that was in
 * vain just now. Gives the refusal where nothing has come of it.
 */
const askAgain = async (
  identity: Identity,
  asks: Ask,
  { error, held }: Refused,
  deps: AdmitDeps,
): Promise<Result<Asked, ShoalError>> => {
  const { outbox, waitUntil, clock } = deps;
  const { tenant, keyHash } = identity;
  if (outbox.hasEnded(tenant)) {
    const told = outbox.send(tenant, 0).catch(() => undefined);
    waitUntil(told);
    await told;
  } else if (held && clock.now() >= (inVain.get(keyHash) ?? 0) + pauseMs) {
    await pause(clock, elsewhereMs);
  } else return err(error);
  const again = await ask(identity, asks, deps);
  if (again.ok) return again;
  inVain.set(keyHash, clock.now());
  return err(again.error.error);
};
