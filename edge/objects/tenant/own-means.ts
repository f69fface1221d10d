import type { WorkerCard } from "../../../shared/workers.ts";
import type { OwnMeans } from "../records.ts";

export const ownMeansSchema = `CREATE TABLE data_key (id INTEGER PRIMARY KEY CHECK (id = 1), wrapped TEXT NOT NULL);
   CREATE TABLE vendor_keys (provider TEXT PRIMARY KEY, sealed TEXT NOT NULL, ending TEXT NOT NULL, at INTEGER NOT NULL);
   CREATE TABLE own_workers (id TEXT PRIMARY KEY, card TEXT NOT NULL, at INTEGER NOT NULL);`;

/** More would make every admission large. */
export const mostOwnWorkers = 50;

/** A vendor's key that the tenant gave, as it may be shown: at most its last four characters. */
export type VendorKeyEntry = { readonly provider: string; readonly ending: string; readonly at: number };

export const readDataKey = (sql: SqlStorage): string | null =>
  sql.exec<{ wrapped: string }>("SELECT wrapped FROM data_key").toArray()[0]?.wrapped ?? null;

/** The first to come makes the key: gives the one that is kept. */
export const keepDataKey = (sql: SqlStorage, wrapped: string): string => {
  sql.exec("INSERT INTO data_key (id, wrapped) VALUES (1, ?) ON CONFLICT (id) DO NOTHING", wrapped);
  return readDataKey(sql) ?? wrapped;
};

/** The same data key, wrapped anew: only in the place of the wrapping that was read. */
export const replaceDataKey = (sql: SqlStorage, old: string, wrapped: string): void => {
  sql.exec("UPDATE data_key SET wrapped = ? WHERE wrapped = ?", wrapped, old);
};

export const writeVendorKey = (
  sql: SqlStorage,
  { provider, sealed, ending }: { readonly provider: string; readonly sealed: string; readonly ending: string },
  now: number,
): void => {
  sql.exec(
    `INSERT INTO vendor_keys (provider, sealed, ending, at) VALUES (?, ?, ?, ?)
     ON CONFLICT (provider) DO UPDATE SET sealed = excluded.sealed, ending = excluded.ending, at = excluded.at`,
    provider,
    sealed,
    ending,
    now,
  );
};

export const deleteVendorKey = (sql: SqlStorage, provider: string): boolean =>
  sql.exec("DELETE FROM vendor_keys WHERE provider = ?", provider).rowsWritten > 0;

export const listVendorKeys = (sql: SqlStorage): readonly VendorKeyEntry[] =>
  sql.exec<VendorKeyEntry>("SELECT provider, ending, at FROM vendor_keys ORDER BY provider").toArray();

/** False when there are as many as there may be. */
export const writeOwnWorker = (sql: SqlStorage, card: WorkerCard, now: number): boolean => {
  const others = sql.exec("SELECT 1 FROM own_workers WHERE id <> ?", card.id).toArray().length;
  if (others >= mostOwnWorkers) return false;
  sql.exec("INSERT OR REPLACE INTO own_workers (id, card, at) VALUES (?, ?, ?)", card.id, JSON.stringify(card), now);
  return true;
};

export const deleteOwnWorker = (sql: SqlStorage, id: string): boolean =>
  sql.exec("DELETE FROM own_workers WHERE id = ?", id).rowsWritten > 0;

export const listOwnWorkers = (sql: SqlStorage): readonly WorkerCard[] =>
  sql
    .exec<{ card: string }>("SELECT card FROM own_workers ORDER BY id")
    .toArray()
    .map(({ card }): WorkerCard => JSON.parse(card));

/** What goes to isolates with the key's record; undefined when there is nothing. */
export const readOwnMeans = (sql: SqlStorage): OwnMeans | undefined => {
  const workers = listOwnWorkers(sql);
  const keys = sql
    .exec<{ provider: string; sealed: string }>("SELECT provider, sealed FROM vendor_keys")
    .toArray()
    .map(({ provider, sealed }): [string, string] => [provider, sealed]);
  if (workers.length + keys.length === 0) return undefined;
  return { workers, dataKey: readDataKey(sql) ?? "", vendorKeys: Object.fromEntries(keys) };
};
