import type { MicroDollars } from "../../../shared/pricing.ts";
import { tenantHolder } from "./holders.ts";
import { selectNumber } from "../select-number.ts";
import { listAlarms, spentInDay, spentInMonth, type Alarm } from "./spending.ts";

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

/** Amounts in micro-dollars. `reserved`: what running requests may still cost. `alarms`: the newest first. */
export type Spend = {
  readonly today: MicroDollars;
  readonly month: MicroDollars;
  readonly reserved: MicroDollars;
  readonly alarms: readonly Alarm[];
};

const alarmsShown = 100;

export const readSpend = (sql: SqlStorage, now: number): Spend => {
  const tenant = tenantHolder(sql);
  return {
    today: spentInDay(sql, tenant, now),
    month: spentInMonth(sql, tenant, now),
    reserved: selectNumber(sql, "SELECT sum(amount) AS n FROM reservations") ?? 0,
    alarms: listAlarms(sql, alarmsShown),
  };
};
