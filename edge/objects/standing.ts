import { toMicroDollars, type MicroDollars } from "../../shared/pricing.ts";
import { tenantHolder } from "./holders.ts";
import type { Policy } from "./policy.ts";
import { selectNumber } from "./select-number.ts";
import { spentInDay, spentInMonth } from "./spending.ts";

/** Keys of a tenant that is not active open nothing. */
export type State = "active" | "inactive" | "deleted";

export const readState = (sql: SqlStorage): State => {
  const [row] = sql.exec<{ state: State }>("SELECT state FROM standing").toArray();
  return row?.state ?? "active";
};

export const writeState = (sql: SqlStorage, state: State, now: number): void => {
  sql.exec(
    "INSERT INTO standing (id, state, since) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, since = excluded.since",
    state,
    now,
  );
};

/** Amounts in micro-dollars. `reserved`: what running requests may still cost. */
export type Spend = {
  readonly today: MicroDollars;
  readonly month: MicroDollars;
  readonly reserved: MicroDollars;
  readonly alarms: readonly SpendAlarm[];
};

/** A share of a limit that was set as an alarm is reached. */
export type SpendAlarm = { readonly limit: "usd_per_day" | "usd_per_month"; readonly share: number };

export const readSpend = (sql: SqlStorage, { limits }: Policy, now: number): Spend => {
  const tenant = tenantHolder(sql);
  const today = spentInDay(sql, tenant, now);
  const month = spentInMonth(sql, tenant, now);
  const reserved = selectNumber(sql, "SELECT sum(amount) AS n FROM reservations") ?? 0;
  const bounds = [
    { limit: "usd_per_day", spent: today, dollars: limits?.usd_per_day },
    { limit: "usd_per_month", spent: month, dollars: limits?.usd_per_month },
  ] as const;
  const alarms = bounds.flatMap(({ limit, spent, dollars }): readonly SpendAlarm[] => {
    if (dollars === undefined || limits?.alarm_share === undefined) return [];
    const share = dollars === 0 ? 1 : spent / toMicroDollars(dollars);
    return share >= limits.alarm_share ? [{ limit, share }] : [];
  });
  return { today, month, reserved, alarms };
};
