import { selectNumber } from "./select-number.ts";

const dayMs = 24 * 3_600_000;

/** For how long a tenant's log keeps the rows of each table after they were written or last used, in milliseconds. */
export const keptMs = { traces: 7 * dayMs, signatures: dayMs, turns: 30 * dayMs, feedback: 90 * dayMs } as const;

const tables = Object.entries(keptMs);

/** Deletes what has been kept for long enough. */
export const forgetExpired = (sql: SqlStorage, now: number): void => {
  for (const [table, kept] of tables) sql.exec(`DELETE FROM ${table} WHERE at < ?`, now - kept);
};

/** When there will be more to delete, in milliseconds since the epoch; null when nothing is left. */
export const nextExpiry = (sql: SqlStorage): number | null => {
  const expiries = tables.flatMap(([table, kept]) => {
    const oldest = selectNumber(sql, `SELECT min(at) AS n FROM ${table}`);
    return oldest === null ? [] : [oldest + kept];
  });
  return expiries.length === 0 ? null : Math.min(...expiries);
};
