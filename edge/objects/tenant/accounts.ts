import { toMicroDollars, type MicroDollars } from "../../../shared/pricing.ts";
import type { Holder } from "./holders.ts";

/**
 * What counts against a holder's limits at this moment. A row, so that no sum is ever taken over leases or requests.
 *
 * Rates are buckets that leak: each request adds, each millisecond takes its part of a minute's limit away, and what
 * would overflow is refused. So a pause is made up for by a burst of one limit's worth, and over any longer time no more
 * than the limit passes; a window that starts at each full minute would let twice as much through around its edge, and
 * one that slides would keep a row per request. https://platform.claude.com/docs/en/api/rate-limits describes the same.
 */
export type Account = {
  /** In leases and open requests. */
  readonly held: MicroDollars;
  /** Requests that run, or may begin under a lease. */
  readonly slots: number;
  /** What is in the buckets. Tokens and micro-dollars may be above the limit: a request can use more than was foreseen. */
  readonly requests: number;
  readonly tokens: number;
  readonly dollars: number;
};

/** What is added to an account, or taken from it. */
export type Change = Partial<Account>;

const none: Account = { held: 0, slots: 0, requests: 0, tokens: 0, dollars: 0 };
const minuteMs = 60_000;

/** As of now: the buckets have leaked since they were last written. */
export const readAccount = (sql: SqlStorage, holder: Holder, now: number): Account => {
  const [row] = sql
    .exec<Account & { readonly at: number }>(
      "SELECT held, slots, requests, tokens, dollars, at FROM accounts WHERE holder = ?",
      holder.id,
    )
    .toArray();
  if (!row) return none;
  const minutes = Math.max(0, now - row.at) / minuteMs;
  const { requests_per_minute, tokens_per_minute, usd_per_minute } = holder.limits;
  return {
    held: row.held,
    slots: row.slots,
    requests: leak(row.requests, requests_per_minute, minutes),
    tokens: leak(row.tokens, tokens_per_minute, minutes),
    dollars: leak(row.dollars, usd_per_minute === undefined ? undefined : toMicroDollars(usd_per_minute), minutes),
  };
};

/** Without a limit nothing is kept. */
const leak = (level: number, limit: number | undefined, minutes: number): number =>
  limit === undefined ? 0 : Math.max(0, level - limit * minutes);

/** What a change makes of an account. */
export const addChange = (before: Account, change: Change): Account => ({
  held: before.held + (change.held ?? 0),
  slots: before.slots + (change.slots ?? 0),
  requests: Math.max(0, before.requests + (change.requests ?? 0)),
  tokens: Math.max(0, before.tokens + (change.tokens ?? 0)),
  dollars: Math.max(0, before.dollars + (change.dollars ?? 0)),
});

/** As of now. */
export const writeAccount = (sql: SqlStorage, { id }: Pick<Holder, "id">, account: Account, now: number): void => {
  sql.exec(
    `INSERT INTO accounts (holder, held, slots, requests, tokens, dollars, at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (holder) DO UPDATE SET held = excluded.held, slots = excluded.slots, requests = excluded.requests,
       tokens = excluded.tokens, dollars = excluded.dollars, at = excluded.at`,
    id,
    account.held,
    account.slots,
    account.requests,
    account.tokens,
    account.dollars,
    now,
  );
};
