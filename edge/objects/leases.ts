import { err, ok, type Result } from "../../shared/result.ts";
import { toMicroDollars, type MicroDollars } from "../../shared/pricing.ts";
import type { Policy } from "./policy.ts";
import type { Lease, Refusal } from "./records.ts";
import { selectNumber } from "./select-number.ts";

/** Milliseconds for which an isolate may draw on what it was granted. */
const leaseMs = 10_000;
/**
 * A lease is at most this many times the request's need, and at most a quarter of what remains, in whole needs: no
 * crumbs are held back from others until it expires.
 */
const leaseNeeds = 20;
const leaseShare = 4;

/** Sets dollars aside for an isolate; refused when the need does not fit into what the tenant has left. */
export const grantLease = (
  sql: SqlStorage,
  policy: Policy,
  need: MicroDollars,
  now: number,
): Result<Lease, Refusal> => {
  const id = crypto.randomUUID();
  const expiresAt = now + leaseMs;
  const monthly = policy.limits?.usd_per_month;
  if (monthly === undefined) return ok({ id, amount: null, expiresAt });

  const remaining = toMicroDollars(monthly) - committed(sql, now);
  if (need > 0 && need > remaining) {
    return err({
      kind: "insufficient_budget",
      limit: "dollars per month",
      retryAfterSeconds: secondsToNextMonth(now),
    });
  }
  const needs = need === 0 ? 0 : Math.floor(remaining / leaseShare / need);
  const amount = need * Math.max(1, Math.min(needs, leaseNeeds));
  sql.exec("INSERT INTO leases (id, remaining, expires_at) VALUES (?, ?, ?)", id, amount, expiresAt);
  return ok({ id, amount, expiresAt });
};

/** Takes back what was leased and never opened. */
export const sweepLeases = (sql: SqlStorage, now: number): void => {
  sql.exec("DELETE FROM leases WHERE expires_at <= ?", now);
};

/** What this month has cost, what running requests may still cost, and what isolates hold. */
const committed = (sql: SqlStorage, now: number): MicroDollars =>
  (selectNumber(sql, "SELECT cost AS n FROM spent WHERE month = ?", monthOf(now)) ?? 0) +
  (selectNumber(sql, "SELECT sum(amount) AS n FROM reservations") ?? 0) +
  (selectNumber(sql, "SELECT sum(remaining) AS n FROM leases") ?? 0);

const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);

const secondsToNextMonth = (now: number): number => {
  const date = new Date(now);
  return Math.ceil((Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) - now) / 1000);
};
