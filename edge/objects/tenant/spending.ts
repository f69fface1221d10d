import { toMicroDollars, type MicroDollars } from "../../../shared/pricing.ts";
import { dayOf } from "./daily.ts";
import type { Holder } from "./holders.ts";
import { selectNumber } from "../select-number.ts";

/** A share of a limit in dollars has been spent, told once in its period. Amounts in micro-dollars. */
export type Alarm = {
  /** Null: the tenant as a whole. */
  readonly key_id: string | null;
  readonly limit: "usd_per_minute" | "usd_per_day" | "usd_per_month";
  /** `2026-11`, `2026-11-22`; of a rate the hour in which it was high, `2026-11-22T12`. */
  readonly period: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly spent: MicroDollars;
  readonly allowed: MicroDollars;
};

/** What settled requests of the month have cost: one row a day. */
export const spentInMonth = (sql: SqlStorage, holder: Pick<Holder, "id">, now: number): MicroDollars =>
  selectNumber(
    sql,
    "SELECT sum(cost) AS n FROM spending WHERE holder = ? AND day BETWEEN ? AND ?",
    holder.id,
    `${monthOf(now)}-01`,
    `${monthOf(now)}-31`,
  ) ?? 0;

export const spentInDay = (sql: SqlStorage, holder: Pick<Holder, "id">, now: number): MicroDollars =>
  selectNumber(sql, "SELECT cost AS n FROM spending WHERE holder = ? AND day = ?", holder.id, dayOf(now)) ?? 0;

/** Charges a day, as `2026-11-22`; less than nothing takes back. */
export const addSpending = (sql: SqlStorage, holder: Pick<Holder, "id">, day: string, cost: MicroDollars): void => {
  sql.exec(
    "INSERT INTO spending (holder, day, cost) VALUES (?, ?, ?) ON CONFLICT (holder, day) DO UPDATE SET cost = cost + excluded.cost",
    holder.id,
    day,
    cost,
  );
};

/** Keeps the alarms that are due now and were not yet; gives those. `inMinute`: what is in the bucket of dollars. */
export const raiseAlarms = (sql: SqlStorage, holder: Holder, inMinute: MicroDollars, now: number): readonly Alarm[] => {
  const { alarm_share: share, usd_per_minute, usd_per_day, usd_per_month } = holder.limits;
  if (share === undefined) return [];
  const iso = new Date(now).toISOString();
  const bounds = [
    { limit: "usd_per_minute", dollars: usd_per_minute, period: iso.slice(0, 13), spent: () => inMinute },
    { limit: "usd_per_day", dollars: usd_per_day, period: iso.slice(0, 10), spent: () => spentInDay(sql, holder, now) },
    {
      limit: "usd_per_month",
      dollars: usd_per_month,
      period: iso.slice(0, 7),
      spent: () => spentInMonth(sql, holder, now),
    },
  ] as const;
  return bounds.flatMap(({ limit, dollars, period, spent: read }): readonly Alarm[] => {
    if (dollars === undefined) return [];
    const allowed = toMicroDollars(dollars);
    const spent = Math.round(read());
    if (spent < allowed * share) return [];
    const { rowsWritten } = sql.exec(
      `INSERT INTO alarms (holder, limit_name, period, at, spent, allowed) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (holder, limit_name, period) DO NOTHING`,
      holder.id,
      limit,
      period,
      now,
      spent,
      allowed,
    );
    const key_id = holder.whose === "key" ? holder.id : null;
    return rowsWritten === 0 ? [] : [{ key_id, limit, period, at: now, spent, allowed }];
  });
};

/** The newest first, at most so many. */
export const listAlarms = (sql: SqlStorage, limit: number): readonly Alarm[] =>
  sql
    .exec<Alarm>(
      `SELECT nullif(holder, '') AS key_id, limit_name AS "limit", period, at, spent, allowed FROM alarms
       ORDER BY at DESC LIMIT ?`,
      limit,
    )
    .toArray();

const monthOf = (at: number): string => dayOf(at).slice(0, 7);
