import { DurableObject } from "cloudflare:workers";
import { migrate } from "./migrate.ts";
import type { Trace } from "../account/trace.ts";

/** A tenant's log holds at most this many traces, none older than a week. */
const maxTraces = 10_000;
const maxAgeMs = 7 * 24 * 3_600_000;

const migrations: readonly string[] = [
  `CREATE TABLE traces (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, trace TEXT NOT NULL);
   CREATE INDEX traces_at ON traces (at);`,
];

/** One tenant's traces. They hold plans, tokens, dollars, milliseconds and reasons; never a prompt or an answer. */
export class TenantLog extends DurableObject {
  private readonly sql: SqlStorage;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.sql = state.storage.sql;
    void state.blockConcurrencyWhile(async () => migrate(state.storage, migrations));
  }

  async write(traces: readonly Trace[]): Promise<void> {
    for (const trace of traces) {
      this.sql.exec(
        "INSERT INTO traces (id, at, trace) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
        trace.id,
        trace.at,
        JSON.stringify(trace),
      );
    }
    this.sql.exec(
      "DELETE FROM traces WHERE at < ? OR seq <= (SELECT max(seq) FROM traces) - ?",
      Date.now() - maxAgeMs,
      maxTraces,
    );
  }

  async read(id: string): Promise<Trace | null> {
    const [row] = this.sql.exec<{ trace: string }>("SELECT trace FROM traces WHERE id = ?", id).toArray();
    if (!row) return null;
    const trace: Trace = JSON.parse(row.trace);
    return trace;
  }
}
