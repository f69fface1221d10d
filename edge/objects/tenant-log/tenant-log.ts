import { DurableObject } from "cloudflare:workers";
import { evaluate, type Evaluation } from "../../../shared/doubly-robust.ts";
import type { ShoalError } from "../../../shared/errors.ts";
import type { Result } from "../../../shared/result.ts";
import {
  feedbackSchema,
  forgetUnscored,
  keepScore,
  listScored,
  readLogged,
  readRevision,
  type ExportedAnswer,
  type KeptScore,
  type NewScore,
} from "./feedback.ts";
import { bury, isBuried } from "../bury.ts";
import { forgetExpired, keptMs, nextExpiry } from "../expiry.ts";
import { migrate } from "../migrate.ts";
import type { PackedTrace } from "../packed-trace.ts";
import type { KeptSignature, StoredTurn } from "../records.ts";
import { wakeBy } from "../wake-by.ts";
import {
  deleteTurn,
  findTurns,
  listTurns,
  readTurn,
  turnsSchema,
  writeTurn,
  type FoundTurns,
  type TurnPlace,
} from "./turns.ts";
import type { Trace } from "../../account/trace.ts";

/** A tenant's log holds at most this many traces. */
const maxTraces = 10_000;
/** What has been kept for long enough is deleted this much later at most, whether or not the tenant comes back. */
const sweepMs = 3_600_000;

const migrations: readonly string[] = [
  `CREATE TABLE traces (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, trace TEXT NOT NULL);
   CREATE INDEX traces_at ON traces (at);`,
  `CREATE TABLE signatures (call TEXT PRIMARY KEY, sealed TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX signatures_at ON signatures (at);`,
  turnsSchema,
  feedbackSchema,
];

/** `trace`: as JSON. */
export type PlacedTrace = { readonly seq: number; readonly trace: string };

/**
 * One tenant's traces, for a day the signatures of its tool calls, and the turns that its clients leave with us, both
 * encrypted; and the scores that its clients gave answers. Traces and scores hold plans, tokens, dollars, milliseconds
 * and reasons; never a prompt or an answer.
 */
export class TenantLog extends DurableObject {
  private readonly sql: SqlStorage;
  /** When the alarm goes off, as far as this instance knows. */
  private wakesAt: number | null = null;
  /** The last evaluation, which reads every score, for as long as there is no new one. */
  private evaluated: { readonly revision: number; readonly baseline: string; readonly evaluation: Evaluation } | null =
    null;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.sql = state.storage.sql;
    void state.blockConcurrencyWhile(async () => migrate(state.storage, migrations));
  }

  /** Empties it for good. */
  async bury(): Promise<void> {
    this.wakesAt = null;
    await bury(this.ctx, migrations, Date.now());
  }

  async write(traces: readonly PackedTrace[]): Promise<void> {
    if (isBuried(this.sql)) return;
    for (const { id, at, trace } of traces) {
      this.sql.exec(
        `INSERT INTO traces (id, at, trace) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET trace = excluded.trace
           WHERE json_extract(excluded.trace, '$.rollout.shadow') IS NOT NULL`,
        id,
        at,
        trace,
      );
    }
    this.sql.exec(
      "DELETE FROM traces WHERE at < ? OR seq <= (SELECT max(seq) FROM traces) - ?",
      Date.now() - keptMs.traces,
      maxTraces,
    );
    await this.wakeFor("traces");
  }

  async keepSignatures(signatures: readonly KeptSignature[]): Promise<void> {
    if (isBuried(this.sql)) return;
    const now = Date.now();
    for (const { call, sealed } of signatures) {
      this.sql.exec("INSERT OR REPLACE INTO signatures (call, sealed, at) VALUES (?, ?, ?)", call, sealed, now);
    }
    this.sql.exec("DELETE FROM signatures WHERE at < ?", now - keptMs.signatures);
    await this.wakeFor("signatures");
  }

  /** Those that are still kept, in no order. */
  async findSignatures(calls: readonly string[]): Promise<readonly KeptSignature[]> {
    return this.sql
      .exec<KeptSignature>(
        "SELECT call, sealed FROM signatures WHERE call IN (SELECT value FROM json_each(?)) AND at >= ?",
        JSON.stringify(calls),
        Date.now() - keptMs.signatures,
      )
      .toArray();
  }

  async keepTurn(turn: StoredTurn): Promise<void> {
    if (isBuried(this.sql)) return;
    this.ctx.storage.transactionSync(() => writeTurn(this.sql, turn, Date.now()));
    await this.wakeFor("turns");
  }

  /** Kept turns from the oldest on. `after`: the place of the last one of the page before. */
  async listTurns(page: { readonly after: number; readonly limit: number }): Promise<readonly TurnPlace[]> {
    return listTurns(this.sql, page);
  }

  async readTurn(id: string): Promise<StoredTurn | null> {
    return readTurn(this.sql, id, Date.now());
  }

  /** The turns that lead to `after`, and others besides; `too large` when they do not fit into one message. */
  async findTurns(after: string | null, others: readonly string[]): Promise<FoundTurns | "too large"> {
    return findTurns(this.sql, { after, others }, Date.now());
  }

  /** False when there was none. */
  async removeTurn(id: string): Promise<boolean> {
    return deleteTurn(this.sql, id);
  }

  /** In place of the one that the key gave before. */
  async keepScore(score: NewScore): Promise<Result<KeptScore, ShoalError>> {
    const kept = this.ctx.storage.transactionSync(() => keepScore(this.sql, score, Date.now()));
    await this.wakeFor("feedback");
    return kept;
  }

  /** The conductor against the tenant's baseline, from scored answers whose draw was logged. */
  async evaluate(baseline: string): Promise<Evaluation> {
    const revision = readRevision(this.sql);
    const known = this.evaluated;
    if (known?.revision === revision && known.baseline === baseline) return known.evaluation;
    const evaluation = evaluate(readLogged(this.sql), baseline);
    this.evaluated = { revision, baseline, evaluation };
    return evaluation;
  }

  /** Scored answers by id, after the one named. */
  async listScored(page: { readonly after: string; readonly limit: number }): Promise<readonly ExportedAnswer[]> {
    return listScored(this.sql, page);
  }

  /** From the oldest on. `after`: the place of the last one of the page before. */
  async listTraces({
    after,
    limit,
  }: {
    readonly after: number;
    readonly limit: number;
  }): Promise<readonly PlacedTrace[]> {
    return this.sql
      .exec<{ seq: number; trace: string }>(
        "SELECT seq, trace FROM traces WHERE seq > ? ORDER BY seq LIMIT ?",
        after,
        limit,
      )
      .toArray();
  }

  async read(id: string): Promise<Trace | null> {
    const [row] = this.sql.exec<{ trace: string }>("SELECT trace FROM traces WHERE id = ?", id).toArray();
    if (!row) return null;
    const trace: Trace = JSON.parse(row.trace);
    return trace;
  }

  override async alarm(): Promise<void> {
    this.wakesAt = null;
    this.ctx.storage.transactionSync(() => {
      forgetExpired(this.sql, Date.now());
      forgetUnscored(this.sql, Date.now());
    });
    await this.wakeForExpiry();
  }

  /** What has just been written to a table may be the first to expire: most often the alarm goes off before. */
  private async wakeFor(table: keyof typeof keptMs): Promise<void> {
    const expires = Date.now() + keptMs[table];
    if (this.wakesAt === null || this.wakesAt > expires + sweepMs) await this.wakeForExpiry();
  }

  private async wakeForExpiry(): Promise<void> {
    const next = nextExpiry(this.sql);
    if (next === null) return;
    this.wakesAt = await wakeBy(this.ctx.storage, Math.max(next, Date.now()) + sweepMs);
  }
}
