import { insertKey, type NewKey } from "./keys.ts";
import { patchPolicy, type PolicyPatch } from "./policy-patch.ts";
import type { Policy } from "./policy.ts";

/** A key as its owner may see it: neither the key nor its hash. Times in milliseconds since the epoch. */
export type KeyEntry = {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly policy: Policy;
};

type KeyRow = Omit<KeyEntry, "policy"> & { readonly policy: string };

const columns = "id, name, created_at AS createdAt, expires_at AS expiresAt, revoked_at AS revokedAt, policy";

const toEntry = ({ policy, ...row }: KeyRow): KeyEntry => ({ ...row, policy: JSON.parse(policy) });

export const readKey = (sql: SqlStorage, id: string): KeyEntry | null =>
  sql.exec<KeyRow>(`SELECT ${columns} FROM keys WHERE id = ?`, id).toArray().map(toEntry)[0] ?? null;

/** By id, after the one named. */
export const listKeys = (
  sql: SqlStorage,
  { after, limit }: { readonly after: string; readonly limit: number },
): readonly KeyEntry[] =>
  sql.exec<KeyRow>(`SELECT ${columns} FROM keys WHERE id > ? ORDER BY id LIMIT ?`, after, limit).toArray().map(toEntry);

export type KeyChange = {
  readonly name?: string;
  readonly expiresAt?: number | null;
  readonly policy: PolicyPatch;
};

/** The key as it is then; null when there is none that is not revoked. */
export const changeKey = (sql: SqlStorage, id: string, change: KeyChange): KeyEntry | null => {
  const key = readKey(sql, id);
  if (key === null || key.revokedAt !== null) return null;
  sql.exec(
    "UPDATE keys SET name = ?, expires_at = ?, policy = ? WHERE id = ?",
    change.name ?? key.name,
    change.expiresAt === undefined ? key.expiresAt : change.expiresAt,
    JSON.stringify(patchPolicy(key.policy, change.policy)),
    id,
  );
  return readKey(sql, id);
};

export type Successor = Pick<NewKey, "id" | "hash"> & {
  /** Undefined: when the key that it follows would have expired. */
  readonly expiresAt: number | null | undefined;
  readonly overlapMs: number;
};

/** A new key that may do the same, beside the old one until that expires; null when the old one is not alive. */
export const rotateKey = (
  sql: SqlStorage,
  id: string,
  { id: newId, hash, expiresAt, overlapMs }: Successor,
  now: number,
): { readonly old: KeyEntry; readonly made: KeyEntry } | null => {
  const key = readKey(sql, id);
  if (key === null || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now)) return null;
  const { name, policy } = key;
  insertKey(
    sql,
    { id: newId, hash, name, policy, expiresAt: expiresAt === undefined ? key.expiresAt : expiresAt },
    now,
  );
  sql.exec("UPDATE keys SET expires_at = ? WHERE id = ?", Math.min(key.expiresAt ?? Infinity, now + overlapMs), id);
  const [old, made] = [readKey(sql, id), readKey(sql, newId)];
  return old && made && { old, made };
};
