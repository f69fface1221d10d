import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Identity } from "../authenticate/authenticate.ts";
import { noteRefusal } from "../authenticate/dead-keys.ts";
import type { Clock } from "../runtime/clock.ts";
import { createMemory } from "../runtime/memory.ts";
import type { RateNote } from "../runtime/rates.ts";
import { noAmounts, type Amounts, type KeyRecord, type Rate, type Rates, type Wish } from "./records.ts";
import type { Objects } from "./objects.ts";
import { covers, isLive, isWorthKeeping, putInto, resources, spend, sumLeft, toPurse, type Purse } from "./purse.ts";

/** A record is used for five seconds, used while it is refreshed behind for five more, and then asked for anew. */
const freshMs = 5_000;
const staleMs = 10_000;
/** With fewer needs left than this the next lease is asked for behind, where the last one was ample. */
const fewNeeds = 5;
const ampleNeeds = 10;
const minuteMs = 60_000;

/** What this isolate knows of a key: its record, what was granted for it, and what may still be handed out. */
export type KnownKey = {
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

const keys = createMemory<KnownKey>(10_000);
/** The newest version heard of each tenant's keys and policy. */
const versions = createMemory<number>(10_000);

/** The key, where its record may be used still; null where it is to be asked for. */
export const findKey = ({ keyHash }: Identity, now: number): KnownKey | null => {
  const key = keys.get(keyHash);
  return key && now - key.readAt < staleMs ? key : null;
};

/** Whether its record or lease is to be renewed behind the request. */
export const isDue = (key: KnownKey, { tenant }: Identity, now: number): boolean =>
  key.version < (versions.get(tenant) ?? 0) || now - key.readAt >= freshMs || isLow(key, now);

/** Whether the next lease is to be asked for ahead: the last one was ample, and few needs are left. */
const isLow = ({ purses, lastNeed, aheadFrom }: KnownKey, now: number): boolean => {
  if (now < aheadFrom) return false;
  const need = { ...lastNeed, requests: 1, slots: 1 };
  const live = purses.filter((purse) => isLive(purse, now));
  return resources.some((resource) => {
    const last = live.findLast(({ granted }) => (granted[resource] ?? 0) > 0);
    if (!last || (last.granted[resource] ?? 0) < ampleNeeds * need[resource]) return false;
    return sumLeft(live, resource) < fewNeeds * need[resource];
  });
};

/** Notes what the last request drew. */
export const noteNeed = ({ keyHash }: Identity, need: Amounts): void => {
  const key = keys.get(keyHash);
  if (key) key.lastNeed = need;
};

/** Takes the need from the first purse that covers it; null when none does. */
export const takeHeld = ({ keyHash }: Identity, need: Amounts, now: number): string | null => {
  const purse = keys.get(keyHash)?.purses.find((candidate) => covers(candidate, need, now));
  if (!purse) return null;
  spend(purse, need);
  return purse.id;
};

/** Puts back what a lease was drawn for in vain. */
export const putBack = ({ keyHash }: Identity, leaseId: string | undefined, amounts: Amounts): void => {
  const purse = keys.get(keyHash)?.purses.find(({ id }) => id === leaseId);
  if (purse) putInto(purse, amounts);
};

/** What is left of the rates as far as this isolate knows; null while it knows nothing of the key. */
export const readRates = ({ keyHash }: Identity, now: number): Rates | null => {
  const key = keys.get(keyHash);
  if (!key) return null;
  const live = key.purses.filter(({ expiresAt }) => expiresAt > now);
  const refilled = (rate: Rate | null, resource: "requests" | "tokens"): Rate | null => {
    if (rate === null) return null;
    const since = Math.max(0, now - key.readAt) / minuteMs;
    return { limit: rate.limit, left: Math.min(rate.limit, rate.left + rate.limit * since + sumLeft(live, resource)) };
  };
  return { requests: refilled(key.rates.requests, "requests"), tokens: refilled(key.rates.tokens, "tokens") };
};

/** `need`: what the lease must cover; `draw`: what of it is taken for the request that asks. */
export type Ask = {
  readonly need: Amounts;
  readonly draw: Amounts;
  readonly affinity: string | null;
  readonly wish?: Wish;
};

export type Asked = {
  readonly record: KeyRecord;
  readonly leaseId: string;
  readonly affinityWorker: string | null;
};

export type AskDeps = {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly rates: Pick<RateNote, "tell">;
};

/** `held`: what others hold is in the way, and may be given back in a moment. */
export type Refused = { readonly error: ShoalError; readonly held: boolean };

/** Asks the tenant's object for the key's record and a lease, and keeps both. */
export const ask = async (
  identity: Identity,
  { need, draw: drawn, affinity, wish }: Ask,
  deps: AskDeps,
): Promise<Result<Asked, Refused>> => {
  const { keyId, keyHash, tenant, dev } = identity;
  const answer = await deps.objects
    .tenant(tenant)
    .admit({ keyId, keyHash, need, dev, affinity, ...(wish && { wish }) });
  if (!answer.ok) {
    // A key that has reached a limit keeps what its purses still hold.
    if (answer.error.kind === "invalid_key") {
      keys.delete(keyHash);
      noteRefusal(keyHash, deps.clock.now());
      return err({ error: answer.error, held: false });
    }
    const { rates, held, ...refusal } = answer.error;
    deps.rates.tell(() => rates);
    return err({ error: refusal, held });
  }
  const { record, version, lease, rates, affinityWorker } = answer.value;
  const now = deps.clock.now();
  const before = keys.get(keyHash);
  const purse = toPurse(lease);
  spend(purse, drawn);
  versions.set(tenant, Math.max(version, versions.get(tenant) ?? 0));
  keys.set(keyHash, {
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
