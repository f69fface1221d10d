import { selectNumber } from "../select-number.ts";

/** `used` counts up with each use; the index holds all that eviction looks at, so that it never reads the answers. */
export const cachedAnswersSchema = `CREATE TABLE answers (key TEXT PRIMARY KEY, sealed TEXT NOT NULL,
     size INTEGER NOT NULL, expires_at INTEGER NOT NULL, used INTEGER NOT NULL);
   CREATE INDEX answers_used ON answers (used, size, key);
   CREATE INDEX answers_expire ON answers (expires_at);`;

/** An answer, encrypted by who keeps it. `key`: the request's; `expiresAt`: milliseconds since the epoch. */
export type CachedAnswer = { readonly key: string; readonly sealed: string; readonly expiresAt: number };

/** What a shard holds at most. Bytes are those of the encrypted answers. */
export type Bounds = { readonly answers: number; readonly bytes: number };

/**
 * Answers of which the least recently used go first when there are too many. Reading writes nothing, as nobody should
 * wait for a disk to note that he has read: what was read is remembered, and noted by the next that writes. An object
 * that was put to sleep in between has forgotten it, and with it some of the order.
 */
export const createCachedAnswers = (sql: SqlStorage, bounds: Bounds) => {
  const read = new Set<string>();

  const noteUsed = (): void => {
    const newest = selectNumber(sql, "SELECT max(used) AS n FROM answers") ?? 0;
    [...read].forEach((key, index) => {
      sql.exec("UPDATE answers SET used = ? WHERE key = ?", newest + 1 + index, key);
    });
    read.clear();
  };

  return {
    find(key: string, now: number): string | null {
      const [row] = sql
        .exec<{ sealed: string }>("SELECT sealed FROM answers WHERE key = ? AND expires_at > ?", key, now)
        .toArray();
      if (!row) return null;
      // As the newest.
      read.delete(key);
      read.add(key);
      return row.sealed;
    },
    keep({ key, sealed, expiresAt }: CachedAnswer, now: number): void {
      noteUsed();
      sql.exec(
        `INSERT OR REPLACE INTO answers (key, sealed, size, expires_at, used)
         VALUES (?, ?, ?, ?, (SELECT coalesce(max(used), 0) + 1 FROM answers))`,
        key,
        sealed,
        sealed.length,
        expiresAt,
      );
      forgetExpired(sql, now);
      evict(sql, bounds);
    },
    forgetExpired: (now: number) => forgetExpired(sql, now),
    /** Milliseconds since the epoch; null when nothing is kept. */
    nextExpiry: () => selectNumber(sql, "SELECT min(expires_at) AS n FROM answers"),
    clear(): void {
      read.clear();
      sql.exec("DELETE FROM answers");
    },
  };
};

const forgetExpired = (sql: SqlStorage, now: number): void => {
  sql.exec("DELETE FROM answers WHERE expires_at <= ?", now);
};

const evict = (sql: SqlStorage, { answers, bytes }: Bounds): void => {
  const [held] = sql
    .exec<{ count: number; size: number | null }>("SELECT count(*) AS count, sum(size) AS size FROM answers")
    .toArray();
  if (!held || (held.count <= answers && (held.size ?? 0) <= bytes)) return;
  sql.exec(
    `DELETE FROM answers WHERE key IN (
       SELECT key FROM (SELECT key, row_number() OVER newest AS place, sum(size) OVER newest AS held FROM answers
         WINDOW newest AS (ORDER BY used DESC))
       WHERE place > ? OR held > ?)`,
    answers,
    bytes,
  );
};
