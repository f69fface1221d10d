import { readBias } from "./bias.ts";
import { readOwnMeans } from "./own-means.ts";
import { recordOf, type Policy } from "./policy.ts";
import type { AdmitRequest, KeyRecord } from "../records.ts";
import { selectNumber } from "../select-number.ts";

export type NewKey = {
  readonly id: string;
  /** SHA-256 of the key in hex. */
  readonly hash: string;
  readonly name: string;
  /** Milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null;
  readonly policy: Policy;
};

type KeyRow = { id: string; name: string; expires_at: number | null; revoked_at: number | null; policy: string };

export const insertKey = (sql: SqlStorage, { id, hash, name, expiresAt, policy }: NewKey, now: number): void => {
  sql.exec(
    "INSERT INTO keys (id, hash, name, created_at, expires_at, policy) VALUES (?, ?, ?, ?, ?, ?)",
    id,
    hash,
    name,
    now,
    expiresAt,
    JSON.stringify(policy),
  );
};

/** The local start's key, known from the moment it is used. */
export const learnDevKey = (sql: SqlStorage, { keyId, keyHash }: AdmitRequest, now: number): void => {
  sql.exec(
    `INSERT INTO keys (id, hash, name, created_at) VALUES (?, ?, 'local start', ?)
     ON CONFLICT (id) DO UPDATE SET hash = excluded.hash`,
    keyId,
    keyHash,
    now,
  );
};

/** False when there is no such key that is not revoked yet. */
export const revokeKey = (sql: SqlStorage, id: string, now: number): boolean =>
  sql.exec("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now, id).rowsWritten > 0;

/** What a live key may do; null when it is unknown, revoked or expired. */
export const findKey = (
  sql: SqlStorage,
  { keyId, keyHash }: Pick<AdmitRequest, "keyId" | "keyHash">,
  now: number,
): KeyRecord | null => {
  const [row] = sql
    .exec<KeyRow>("SELECT id, name, expires_at, revoked_at, policy FROM keys WHERE id = ? AND hash = ?", keyId, keyHash)
    .toArray();
  if (!row || row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return null;
  const key = { id: row.id, name: row.name, policy: parsePolicy(row.policy) };
  const bias = readBias(sql, now);
  const own = readOwnMeans(sql);
  return {
    ...recordOf(key, readPolicy(sql)),
    cacheEpoch: readCacheEpoch(sql),
    ...(bias && { bias }),
    ...(own && { own }),
  };
};

/** The tenant's own policy. */
export const readPolicy = (sql: SqlStorage): Policy => {
  const [row] = sql.exec<{ policy: string }>("SELECT policy FROM policy").toArray();
  return row ? parsePolicy(row.policy) : {};
};

export const writePolicy = (sql: SqlStorage, policy: Policy): void => {
  sql.exec(
    "INSERT INTO policy (id, policy) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET policy = excluded.policy",
    JSON.stringify(policy),
  );
};

const readCacheEpoch = (sql: SqlStorage): number => selectNumber(sql, "SELECT epoch AS n FROM cache") ?? 0;

/** From now on the tenant's keys find no answer that was cached before. */
export const raiseCacheEpoch = (sql: SqlStorage): void => {
  sql.exec("INSERT INTO cache (id, epoch) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1");
};

/** Counts up whenever a key, the tenant's policy or its standing changes: the schema's triggers see to it. */
export const readVersion = (sql: SqlStorage): number => selectNumber(sql, "SELECT version AS n FROM version") ?? 0;

const parsePolicy = (json: string): Policy => {
  const policy: Policy = JSON.parse(json);
  return policy;
};
