import type { Price } from "../../../shared/pricing.ts";

/** What the operator pays where it is not what the card says. */
export const pricesSchema = "CREATE TABLE prices (worker TEXT PRIMARY KEY, price TEXT NOT NULL, at INTEGER NOT NULL)";

/** `at`: when it was set, in milliseconds since the epoch. */
export type SetPrice = { readonly worker: string; readonly price: Price; readonly at: number };

export const writePrice = (
  sql: SqlStorage,
  { worker, price }: { readonly worker: string; readonly price: Price },
  now: number,
): void => {
  sql.exec("INSERT OR REPLACE INTO prices (worker, price, at) VALUES (?, ?, ?)", worker, JSON.stringify(price), now);
};

export const deletePrice = (sql: SqlStorage, worker: string): boolean =>
  sql.exec("DELETE FROM prices WHERE worker = ?", worker).rowsWritten > 0;

export const listPrices = (sql: SqlStorage): readonly SetPrice[] =>
  sql
    .exec<{ worker: string; price: string; at: number }>("SELECT worker, price, at FROM prices ORDER BY worker")
    .toArray()
    .map(({ price, ...row }): SetPrice => ({ ...row, price: JSON.parse(price) }));
