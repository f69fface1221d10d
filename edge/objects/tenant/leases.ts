import { err, ok, type Result } from "../../../shared/result.ts";
import { addChange, readAccount, writeAccount, type Account, type Change } from "./accounts.ts";
import { holdersOf, type Holder } from "./holders.ts";
import type { AdmitRequest, Amounts, Lease, Rates, Refusal } from "../records.ts";
import { ratesOf, refuse, roomsOf, type Room } from "./rooms.ts";

/** Milliseconds for which an isolate may draw on what it was granted. */
const leaseMs = 10_000;
/**
 * A lease is at most this many times the request's need, and at most a quarter of what remains, in whole needs: no
 * crumbs are held back from others until it expires.
 */
const leaseNeeds = 20;
const leaseShare = 4;

export type Granted = { readonly lease: Lease; readonly rates: Rates };

export type LeaseRequest = Pick<AdmitRequest, "keyId" | "need" | "wish">;

/** Sets aside for an isolate what requests of one key will need; refused when the need does not fit into a limit. */
export const grantLease = (
  sql: SqlStorage,
  { keyId, need, wish }: LeaseRequest,
  now: number,
): Result<Granted, Refusal> => {
  const holders = holdersOf(sql, keyId);
  const owners = holders.map((holder): Owner => ({ holder, account: readAccount(sql, holder, now) }));
  const rooms = owners.flatMap(({ holder, account }) => roomsOf(sql, holder, account, now));
  const reached = refuse(rooms, need);
  if (reached) return err({ ...reached, rates: ratesOf(rooms) });

  const granted = {
    requests: grant(rooms, "requests", { need }),
    slots: grant(rooms, "slots", { need }),
    tokens: grant(rooms, "tokens", { need, wish: wish?.tokens }),
    amount: grant(rooms, "amount", { need, wish: wish?.amount }),
  };
  const lease: Lease = { id: crypto.randomUUID(), expiresAt: now + leaseMs, ...granted };
  if (Object.values(granted).some((amount) => amount !== null && amount > 0))
    keepLease(sql, { keyId, lease, owners }, now);
  const left = rooms.map((room) => ({ ...room, left: room.left - (granted[room.resource] ?? 0) }));
  return ok({ lease, rates: ratesOf(left) });
};

/** Null where nothing limits it. What is only wished for is not granted where less than a whole one fits. */
const grant = (
  rooms: readonly Room[],
  resource: keyof Amounts,
  { need: { [resource]: need }, wish = 0 }: { readonly need: Amounts; readonly wish?: number | undefined },
): number | null => {
  const left = rooms.filter((room) => room.resource === resource).map((room) => room.left);
  if (left.length === 0) return null;
  const one = need === 0 ? wish : need;
  if (one === 0) return 0;
  const needs = Math.floor(Math.min(...left) / leaseShare / one);
  return one * Math.max(need === 0 ? 0 : 1, Math.min(needs, leaseNeeds));
};

type Owner = { readonly holder: Holder; readonly account: Account };

type Kept = { readonly keyId: string; readonly lease: Lease; readonly owners: readonly Owner[] };

const keepLease = (sql: SqlStorage, { keyId, lease, owners }: Kept, now: number): void => {
  sql.exec(
    "INSERT INTO leases (id, key_id, requests, slots, tokens, amount, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    lease.id,
    keyId,
    lease.requests,
    lease.slots,
    lease.tokens,
    lease.amount,
    lease.expiresAt,
  );
  for (const { holder, account } of owners) writeAccount(sql, holder, addChange(account, changeOf(lease, 1)), now);
};

/** Null where nothing limits it. */
export type LeaseRow = Omit<Lease, "id" | "expiresAt">;

/** What taking amounts (1) or giving them back (-1) does to an account. */
export const changeOf = ({ requests, slots, tokens, amount }: LeaseRow, sign: 1 | -1): Change => ({
  held: sign * (amount ?? 0),
  slots: sign * (slots ?? 0),
  requests: sign * (requests ?? 0),
  tokens: sign * (tokens ?? 0),
  dollars: sign * (amount ?? 0),
});

export const readLease = (sql: SqlStorage, id: string): LeaseRow | null =>
  sql.exec<LeaseRow>("SELECT requests, slots, tokens, amount FROM leases WHERE id = ?", id).toArray()[0] ?? null;

/** What is left of it; nothing where there is none any more. */
export const writeLease = (sql: SqlStorage, id: string, left: LeaseRow | null): void => {
  if (left === null) return;
  const { requests, slots, tokens, amount } = left;
  sql.exec(
    "UPDATE leases SET requests = ?, slots = ?, tokens = ?, amount = ? WHERE id = ?",
    requests,
    slots,
    tokens,
    amount,
    id,
  );
};

/**
 * What a request that has drawn on a lease leaves in it, and what the lease does not cover: all of it when the lease has
 * expired and was given back, or when there was no limit.
 */
export const coverBy = (
  lease: LeaseRow | null,
  drawn: Amounts,
): { readonly left: LeaseRow | null; readonly uncovered: Amounts } => {
  if (lease === null) return { left: null, uncovered: drawn };
  const covered = (resource: keyof Amounts) => Math.min(drawn[resource], Math.max(0, lease[resource] ?? 0));
  const from: Amounts = {
    requests: covered("requests"),
    slots: covered("slots"),
    tokens: covered("tokens"),
    amount: covered("amount"),
  };
  if (isNothing(from)) return { left: lease, uncovered: drawn };
  const less = (resource: keyof Amounts) => lease[resource] && lease[resource] - from[resource];
  return {
    left: { requests: less("requests"), slots: less("slots"), tokens: less("tokens"), amount: less("amount") },
    uncovered: lessBy(drawn, from),
  };
};

export const isNothing = ({ requests, slots, tokens, amount }: Amounts): boolean =>
  requests === 0 && slots === 0 && tokens === 0 && amount === 0;

const lessBy = (whole: Amounts, part: Amounts): Amounts => ({
  requests: whole.requests - part.requests,
  slots: whole.slots - part.slots,
  tokens: whole.tokens - part.tokens,
  amount: whole.amount - part.amount,
});

/** Takes back what was leased and never opened. */
export const sweepLeases = (sql: SqlStorage, now: number): void => {
  const expired = sql
    .exec<LeaseRow & { readonly key_id: string }>(
      "DELETE FROM leases WHERE expires_at <= ? RETURNING key_id, requests, slots, tokens, amount",
      now,
    )
    .toArray();
  for (const { key_id, ...row } of expired) {
    for (const holder of holdersOf(sql, key_id)) {
      writeAccount(sql, holder, addChange(readAccount(sql, holder, now), changeOf(row, -1)), now);
    }
  }
};
