import type { Amounts, Opening } from "../records.ts";
import { selectNumber } from "../select-number.ts";

/** What a part of a request has set aside. `opening`: it has come and is not written yet. */
export type Part = Amounts & { readonly part: number; readonly opening?: Opening };

/** What these requests have set aside, by request; `ids`: as JSON. */
export const readReserved = (sql: SqlStorage, ids: string): Map<string, readonly Part[]> =>
  Map.groupBy(
    sql
      .exec<Amounts & { readonly id: string; readonly part: number }>(
        `SELECT request_id AS id, part, 0 AS requests, slots, tokens, amount FROM reservations
         WHERE request_id IN (SELECT value FROM json_each(?))`,
        ids,
      )
      .toArray(),
    ({ id }) => id,
  );

export const insertReservation = (sql: SqlStorage, opening: Opening): void => {
  sql.exec(
    `INSERT INTO reservations (request_id, part, key_id, slots, tokens, amount, opened_at, expires_at, model, worker)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    opening.requestId,
    opening.part,
    opening.keyId,
    opening.part === 0 ? 1 : 0,
    opening.tokens,
    opening.amount,
    opening.at,
    opening.expiresAt,
    opening.model,
    opening.worker,
  );
  if (opening.part === 0) return;
  // A request is lost as a whole: its parts wait for the last.
  sql.exec(
    "UPDATE reservations SET expires_at = max(expires_at, ?) WHERE request_id = ?",
    opening.expiresAt,
    opening.requestId,
  );
};

/** Of requests that are over. */
export const deleteReservations = (sql: SqlStorage, requests: readonly string[]): void => {
  if (requests.length === 0) return;
  sql.exec("DELETE FROM reservations WHERE request_id IN (SELECT value FROM json_each(?))", JSON.stringify(requests));
};

/** When the next reservation runs out; null when there is none. */
export const nextExpiry = (sql: SqlStorage): number | null =>
  selectNumber(sql, "SELECT min(expires_at) AS n FROM reservations");
