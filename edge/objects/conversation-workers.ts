/** How long a conversation stays with its worker unseen. */
const affinityMs = 24 * 3_600_000;

/** The worker of a conversation, by its affinity key. */
export const findWorker = (sql: SqlStorage, key: string, now: number): string | null => {
  const [row] = sql
    .exec<{ worker: string }>("SELECT worker FROM affinity WHERE key = ? AND at > ?", key, now - affinityMs)
    .toArray();
  return row?.worker ?? null;
};

export const keepWorker = (
  sql: SqlStorage,
  { key, worker }: { readonly key: string; readonly worker: string },
  at: number,
): void => {
  sql.exec(
    "INSERT INTO affinity (key, worker, at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET worker = excluded.worker, at = excluded.at",
    key,
    worker,
    at,
  );
};

export const forgetWorkers = (sql: SqlStorage, now: number): void => {
  sql.exec("DELETE FROM affinity WHERE at <= ?", now - affinityMs);
};
