import { noUsage } from "../../../shared/usage.ts";
import type { Opening } from "../records.ts";
import { openBook, type Book } from "./book.ts";
import { writeLost } from "./ledger.ts";
import type { Alarm } from "./spending.ts";

type Lost = Pick<Opening, "requestId" | "keyId" | "model" | "worker"> & {
  readonly at: number;
  readonly slots: number;
  readonly amount: number;
};

/** Charges what was opened and never settled, as it was reserved. Gives new alarms. */
export const sweepReservations = (sql: SqlStorage, now: number): readonly Alarm[] => {
  const parts = sql
    .exec<Lost>(
      `DELETE FROM reservations
       WHERE request_id IN (SELECT request_id FROM reservations WHERE expires_at <= ?)
       RETURNING request_id AS requestId, key_id AS keyId, opened_at AS at, slots, amount, model, worker`,
      now,
    )
    .toArray();
  if (parts.length === 0) return [];
  const book = openBook(sql, now);
  for (const lost of Map.groupBy(parts, ({ requestId }) => requestId).values()) giveUp(sql, book, lost);
  return book.close();
};

/** All parts of one request. */
const giveUp = (sql: SqlStorage, book: Book, parts: readonly Lost[]): void => {
  const last = parts.at(-1);
  if (!last) return;
  const { requestId, keyId, at, model, worker } = last;
  const slots = parts.reduce((sum, part) => sum + part.slots, 0);
  const amount = parts.reduce((sum, part) => sum + part.amount, 0);
  writeLost(sql, { requestId, keyId, at, model, worker, cost: amount });
  book.calls.add({ at, keyId, model, worker, usage: noUsage, cost: amount, isFirst: true });
  book.charge(keyId, { held: -amount, slots: -slots }, { at, cost: amount });
};
