import type { Arm } from "../../rollout/figures.ts";

/** How long a conversation stays with its worker unseen. */
const affinityMs = 24 * 3_600_000;

/** A conversation's worker, by its affinity key, and the arm in which it is where its key moves from a baseline. */
export const findConversation = (
  sql: SqlStorage,
  key: string,
  now: number,
): { readonly worker: string; readonly arm: Arm | null } | null =>
  sql
    .exec<{ worker: string; arm: Arm | null }>(
      "SELECT worker, arm FROM affinity WHERE key = ? AND at > ?",
      key,
      now - affinityMs,
    )
    .toArray()[0] ?? null;

/** Its worker alone. */
export const findWorker = (sql: SqlStorage, key: string, now: number): string | null =>
  findConversation(sql, key, now)?.worker ?? null;

export const keepWorker = (
  sql: SqlStorage,
  { key, worker, arm }: { readonly key: string; readonly worker: string; readonly arm?: Arm },
  at: number,
): void => {
  sql.exec(
    `INSERT INTO affinity (key, worker, at, arm) VALUES (?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET worker = excluded.worker, at = excluded.at, arm = excluded.arm`,
    key,
    worker,
    at,
    arm ?? null,
  );
};

export const forgetWorkers = (sql: SqlStorage, now: number): void => {
  sql.exec("DELETE FROM affinity WHERE at <= ?", now - affinityMs);
};
