/** A log of what was done with the operator's credentials: rows are added, never changed but for how they ended. */
export const auditSchema = `CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
     credential TEXT NOT NULL, action TEXT NOT NULL, path TEXT NOT NULL, tenant TEXT, status INTEGER, detail TEXT);
   CREATE INDEX audit_at ON audit (at);
   CREATE INDEX audit_tenant ON audit (tenant, seq);`;

const maxRows = 100_000;
const maxAgeMs = 400 * 24 * 3_600_000;

/** What somebody sets out to do. */
export type AuditedAction = {
  /** Of the credential, by which its owner knows it. */
  readonly credential: string;
  /** The method of the request. */
  readonly action: string;
  readonly path: string;
  readonly tenant: string | null;
};

/** What of a change is told: names of the fields that were sent, and the id of what was made. Never a value. */
export type AuditDetail = { readonly fields?: readonly string[]; readonly created?: string; readonly note?: string };

export type AuditRow = AuditedAction & {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** HTTP status; null when nothing is known of how it ended. */
  readonly status: number | null;
  readonly detail: AuditDetail;
};

/** Written before anything is done; gives the row's number. */
export const beginAudit = (
  sql: SqlStorage,
  { credential, action, path, tenant }: AuditedAction,
  now: number,
): number => {
  const { seq } = sql
    .exec<{ seq: number }>(
      "INSERT INTO audit (at, credential, action, path, tenant) VALUES (?, ?, ?, ?, ?) RETURNING seq",
      now,
      credential,
      action,
      path,
      tenant,
    )
    .one();
  sql.exec("DELETE FROM audit WHERE seq <= ? OR at < ?", seq - maxRows, now - maxAgeMs);
  return seq;
};

/** Only once: what has been written stays. */
export const endAudit = (
  sql: SqlStorage,
  seq: number,
  { status, detail, tenant }: { readonly status: number; readonly detail: AuditDetail; readonly tenant: string | null },
): void => {
  sql.exec(
    "UPDATE audit SET status = ?, detail = ?, tenant = coalesce(tenant, ?) WHERE seq = ? AND status IS NULL",
    status,
    JSON.stringify(detail),
    tenant,
    seq,
  );
};

/** `before`: only rows of smaller numbers; null: from the newest. */
export type AuditQuery = { readonly before: number | null; readonly tenant: string | null; readonly limit: number };

/** From the newest on. */
export const listAudit = (sql: SqlStorage, { before, tenant, limit }: AuditQuery): readonly AuditRow[] =>
  sql
    .exec<Omit<AuditRow, "detail"> & { readonly detail: string | null }>(
      `SELECT seq, at, credential, action, path, tenant, status, detail FROM audit
       WHERE seq < ? ${tenant === null ? "" : "AND tenant = ?"} ORDER BY seq DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      ...(tenant === null ? [] : [tenant]),
      limit,
    )
    .toArray()
    .map(({ detail, ...row }) => ({ ...row, detail: parseDetail(detail) }));

const parseDetail = (text: string | null): AuditDetail => {
  const detail: AuditDetail = text === null ? {} : JSON.parse(text);
  return detail;
};
