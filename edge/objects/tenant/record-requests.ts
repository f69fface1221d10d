import { noAmounts, type Amounts, type LedgerRow, type Opening, type Settlement } from "../records.ts";
import { openBook, type Book } from "./book.ts";
import { changeOf, isNothing } from "./leases.ts";
import { readCharged, readStatuses, writeRow } from "./ledger.ts";
import { deleteReservations, insertReservation, readReserved, type Part } from "./reservations.ts";
import type { Alarm } from "./spending.ts";

export type Requests = { readonly openings: readonly Opening[]; readonly settlements: readonly Settlement[] };

/** `nextExpiry`: when the first of the reservations runs out that were written; null when none was. */
export type Recorded = { readonly alarms: readonly Alarm[]; readonly nextExpiry: number | null };

/** What each request draws when it begins. */
const begun: Amounts = { ...noAmounts, requests: 1, slots: 1 };

/**
 * Opens and settles in the order given. An opening charges its reservation unless the request settles in time, and is
 * idempotent by request id and part; a settlement writes the request's row and charges it, and a second one of the same
 * request does nothing. What opens and settles in one batch is never written as a reservation.
 */
export const recordRequests = (sql: SqlStorage, { openings, settlements }: Requests, now: number): Recorded => {
  const ids = listIds([...openings, ...settlements]);
  const desk: Desk = {
    sql,
    book: openBook(sql, now),
    statuses: readStatuses(sql, ids),
    reserved: readReserved(sql, ids),
    closed: [],
  };
  for (const opening of openings) open(desk, opening);
  for (const settlement of settlements) settle(desk, settlement);
  deleteReservations(sql, desk.closed);
  const fresh = [...desk.reserved.values()].flat().flatMap(({ opening }) => opening ?? []);
  for (const opening of fresh) insertReservation(sql, opening);
  const nextExpiry = fresh.length === 0 ? null : Math.min(...fresh.map(({ expiresAt }) => expiresAt));
  return { alarms: desk.book.close(), nextExpiry };
};

const listIds = (records: readonly { readonly requestId: string }[]): string =>
  JSON.stringify([...new Set(records.map(({ requestId }) => requestId))]);

type Desk = {
  readonly sql: SqlStorage;
  readonly book: Book;
  /** Of requests that have a row. */
  readonly statuses: Map<string, LedgerRow["status"]>;
  readonly reserved: Map<string, readonly Part[]>;
  /** Requests whose written reservations are over. */
  readonly closed: string[];
};

const open = ({ book, statuses, reserved }: Desk, opening: Opening): void => {
  const { requestId, part, keyId, tokens, amount } = opening;
  const parts = reserved.get(requestId) ?? [];
  if (statuses.has(requestId) || parts.some((other) => other.part === part)) return;
  const begins = part === 0 ? begun : noAmounts;
  reserved.set(requestId, [...parts, { part, requests: 0, slots: begins.slots, tokens, amount, opening }]);
  const uncovered = addAmounts(
    book.draw(opening.leaseId, { ...noAmounts, tokens, amount }),
    book.draw(opening.permit ?? opening.leaseId, begins),
  );
  // What leases cover the accounts know already.
  if (!isNothing(uncovered)) book.change(keyId, changeOf(uncovered, 1));
};

const settle = (desk: Desk, settlement: Settlement): void => {
  const { sql, book, statuses, reserved, closed } = desk;
  const { requestId, at, keyId, model } = settlement;
  const known = statuses.get(requestId);
  // A request given up as lost may still report: its own count then replaces the reservation that was charged.
  if (known !== undefined && known !== "lost") return;
  if (known !== undefined) takeBack(sql, book, requestId);
  statuses.set(requestId, settlement.status);

  const { usage, cost } = writeRow(sql, settlement);
  settlement.calls.forEach(({ worker, usage: tokens, cost: dollars }, index) => {
    book.calls.add({ at, keyId, model, worker, usage: tokens, cost: dollars, isFirst: index === 0 });
  });
  const parts = reserved.get(requestId) ?? [];
  reserved.delete(requestId);
  if (parts.some(({ opening }) => opening === undefined)) closed.push(requestId);
  const held = parts.reduce(addAmounts, noAmounts);
  // One that never opened, since the answer was at hand, counts as a request and is over.
  const permit = known !== undefined || held.slots > 0 ? undefined : settlement.permit;
  const begins = permit === undefined ? noAmounts : book.draw(permit, begun);
  const change = {
    held: -held.amount,
    requests: begins.requests,
    slots: permit === undefined ? -held.slots : begins.slots - begun.slots,
    tokens: usage.inputTokens + usage.outputTokens - held.tokens,
    dollars: cost - held.amount,
  };
  book.charge(keyId, change, { at, cost });
};

/** Undoes what a request was charged when it was given up. */
const takeBack = (sql: SqlStorage, book: Book, requestId: string): void => {
  const row = readCharged(sql, requestId);
  if (!row) return;
  book.refund(row.keyId, row);
  book.calls.takeBack(row);
};

const addAmounts = (one: Amounts, other: Amounts): Amounts => ({
  requests: one.requests + other.requests,
  slots: one.slots + other.slots,
  tokens: one.tokens + other.tokens,
  amount: one.amount + other.amount,
});
