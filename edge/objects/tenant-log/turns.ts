import { keptMs } from "../expiry.ts";
import type { StoredTurn } from "../records.ts";

/** A row holds two megabytes at most, so a turn is stored in pieces. `at`: when it was last used. */
export const turnsSchema = `CREATE TABLE turns (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
     piece INTEGER NOT NULL, pieces INTEGER NOT NULL, previous TEXT, at INTEGER NOT NULL, text TEXT NOT NULL,
     UNIQUE (id, piece));
   CREATE INDEX turns_at ON turns (at);`;

/** Of ASCII characters. */
const pieceLength = 1_000_000;
/** Half of what an object may hold. https://developers.cloudflare.com/durable-objects/platform/limits/ */
const maxBytes = 5_000_000_000;
/** So many of the least recently used make room at a time. */
const makesRoom = 100;
/** What may be sent from an object in one message is a third more. */
const maxFound = 24_000_000;

/** `mostBytes`: of the object's database; beyond it the least recently used turns go. */
export const writeTurn = (
  sql: SqlStorage,
  { id, previous, sealed }: StoredTurn,
  now: number,
  mostBytes: number = maxBytes,
): void => {
  const pieces = Math.ceil(sealed.length / pieceLength);
  for (let piece = 0; piece < pieces; piece += 1) {
    sql.exec(
      `INSERT INTO turns (id, piece, pieces, previous, at, text) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      id,
      piece,
      pieces,
      previous,
      now,
      sealed.slice(piece * pieceLength, (piece + 1) * pieceLength),
    );
  }
  sql.exec("DELETE FROM turns WHERE at < ?", now - keptMs.turns);
  if (sql.databaseSize <= mostBytes) return;
  sql.exec("DELETE FROM turns WHERE id IN (SELECT id FROM turns WHERE id <> ? ORDER BY at LIMIT ?)", id, makesRoom);
};

/** Null when it is not kept, or not whole any more. */
export const readTurn = (sql: SqlStorage, id: string, now: number): StoredTurn | null => {
  const rows = sql
    .exec<{ pieces: number; previous: string | null; text: string }>(
      "SELECT pieces, previous, text FROM turns WHERE id = ? AND at >= ? ORDER BY piece",
      id,
      now - keptMs.turns,
    )
    .toArray();
  const [first] = rows;
  if (!first || rows.length !== first.pieces) return null;
  return { id, previous: first.previous, sealed: rows.map(({ text }) => text).join("") };
};

/** `seq`: where its first piece stands. */
export type TurnPlace = { readonly seq: number; readonly id: string };

export const listTurns = (
  sql: SqlStorage,
  { after, limit }: { readonly after: number; readonly limit: number },
): readonly TurnPlace[] =>
  sql
    .exec<TurnPlace>("SELECT seq, id FROM turns WHERE piece = 0 AND seq > ? ORDER BY seq LIMIT ?", after, limit)
    .toArray();

export const deleteTurn = (sql: SqlStorage, id: string): boolean =>
  sql.exec("DELETE FROM turns WHERE id = ?", id).rowsWritten > 0;

/** `after` is null when a turn that leads to the one asked for is gone. */
export type FoundTurns = { readonly after: readonly StoredTurn[] | null; readonly others: readonly StoredTurn[] };

/** The turns that lead to one, oldest first, and others besides. All of them count as used now. */
export const findTurns = (
  sql: SqlStorage,
  asked: { readonly after: string | null; readonly others: readonly string[] },
  now: number,
): FoundTurns | "too large" => {
  const after: StoredTurn[] = [];
  let size = 0;
  for (let id = asked.after; id !== null;) {
    const turn = readTurn(sql, id, now);
    if (turn === null) return { after: null, others: [] };
    size += turn.sealed.length;
    if (size > maxFound) return "too large";
    after.unshift(turn);
    id = turn.previous;
  }
  const others: StoredTurn[] = [];
  for (const id of asked.others) {
    const turn = readTurn(sql, id, now);
    size += turn?.sealed.length ?? 0;
    if (size > maxFound) return "too large";
    if (turn) others.push(turn);
  }
  const used = JSON.stringify([...after, ...others].map(({ id }) => id));
  sql.exec("UPDATE turns SET at = ? WHERE id IN (SELECT value FROM json_each(?))", now, used);
  return { after, others };
};
