import { toMicroDollars, type MicroDollars } from "../../../shared/pricing.ts";
import type { Account } from "./accounts.ts";
import type { Holder } from "./holders.ts";
import type { Amounts, LimitReached, Rates } from "../records.ts";
import { spentInDay, spentInMonth } from "./spending.ts";

/** What a limit still leaves. */
export type Room = {
  readonly resource: keyof Amounts;
  readonly left: number;
  readonly limit: number;
  /** The limit in words, and whose it is. */
  readonly name: string;
  /** Milliseconds until there may be as much again; null: never. */
  readonly wait: (need: number) => number | null;
};

/** By then leases have given back what they hold. */
const leaseMs = 10_000;
const minuteMs = 60_000;
const secondMs = 1_000;

/** The room in each of the holder's limits. */
export const roomsOf = (sql: SqlStorage, holder: Holder, account: Account, now: number): readonly Room[] => {
  const { limits } = holder;
  const rooms = [
    limits.requests_per_minute !== undefined &&
      bucket("requests", limits.requests_per_minute, account.requests, `${limits.requests_per_minute} requests`),
    limits.tokens_per_minute !== undefined &&
      bucket("tokens", limits.tokens_per_minute, account.tokens, `${limits.tokens_per_minute} tokens`),
    limits.concurrency !== undefined && seats(limits.concurrency, account.slots),
    limits.usd_per_minute !== undefined &&
      bucket("amount", toMicroDollars(limits.usd_per_minute), account.dollars, `$${limits.usd_per_minute}`),
    limits.usd_per_day !== undefined &&
      budget(limits.usd_per_day, "day", {
        spent: spentInDay(sql, holder, now),
        held: account.held,
        endsIn: nextDay(now) - now,
      }),
    limits.usd_per_month !== undefined &&
      budget(limits.usd_per_month, "month", {
        spent: spentInMonth(sql, holder, now),
        held: account.held,
        endsIn: nextMonth(now) - now,
      }),
  ];
  return rooms
    .filter((room) => room !== false)
    .map((room) => ({ ...room, name: `${room.name} of the ${holder.whose}` }));
};

const bucket = (resource: keyof Amounts, limit: number, level: number, what: string): Room => ({
  resource,
  left: limit - level,
  limit,
  name: `${what} per minute`,
  wait: (need) => (need > limit ? null : ((level + need - limit) / limit) * minuteMs),
});

const seats = (limit: number, taken: number): Room => ({
  resource: "slots",
  left: limit - taken,
  limit,
  name: `${limit} requests at once`,
  wait: () => secondMs,
});

type Used = { readonly spent: MicroDollars; readonly held: MicroDollars; readonly endsIn: number };

const budget = (dollars: number, period: "day" | "month", { spent, held, endsIn }: Used): Room => {
  const limit = toMicroDollars(dollars);
  const wait = (need: number) => (spent + need <= limit ? leaseMs : endsIn);
  return { resource: "amount", left: limit - spent - held, limit, name: `$${dollars} per ${period}`, wait };
};

/** The limit that a need does not fit into; of several the one that takes longest. `held`: see `Refusal`. */
export const refuse = (rooms: readonly Room[], need: Amounts): (LimitReached & { readonly held: boolean }) | null => {
  const [longest] = rooms
    .filter(({ resource, left }) => need[resource] > 0 && need[resource] > left)
    .map((room) => ({ room, wait: room.wait(need[room.resource]) }))
    .toSorted((a, b) => (b.wait ?? Infinity) - (a.wait ?? Infinity));
  if (!longest) return null;
  const { room, wait } = longest;
  const retryAfterSeconds = wait === null ? null : wait / secondMs;
  const { name: limit, resource } = room;
  if (resource === "amount") return { kind: "insufficient_budget", limit, retryAfterSeconds, held: wait === leaseMs };
  const seconds = retryAfterSeconds ?? minuteMs / secondMs;
  return { kind: "rate_limited", limit, retryAfterSeconds: seconds, held: resource === "slots" };
};

/** What clients are told: the tightest of each rate. */
export const ratesOf = (rooms: readonly Room[]): Rates => {
  const tightest = (resource: "requests" | "tokens") => {
    const [room] = rooms.filter((candidate) => candidate.resource === resource).toSorted((a, b) => a.left - b.left);
    return room ? { limit: room.limit, left: Math.max(0, Math.floor(room.left)) } : null;
  };
  return { requests: tightest("requests"), tokens: tightest("tokens") };
};

const nextDay = (now: number): number => {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1);
};

const nextMonth = (now: number): number => {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
};
