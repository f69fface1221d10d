/** `name` of a tenant that was deleted is empty: only its id and the days remain, so that the id is not given again. */
export const directorySchema = `ALTER TABLE tenants ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
   ALTER TABLE tenants ADD COLUMN deleted_at INTEGER;`;

export type TenantStatus = "active" | "inactive" | "deleted";

export type TenantEntry = {
  readonly id: string;
  readonly name: string;
  readonly status: TenantStatus;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly deletedAt: number | null;
};

/** An id that was claimed and not made into a tenant can be claimed again after this long. */
const claimMs = 60_000;
const columns = "id, name, status, created_at AS createdAt, deleted_at AS deletedAt";

/** Keeps the id for whoever sets out to make the tenant; false when it is taken, or was. */
export const claimTenant = (sql: SqlStorage, { id, name }: Pick<TenantEntry, "id" | "name">, now: number): boolean =>
  sql.exec(
    `INSERT INTO tenants (id, name, created_at, status) VALUES (?, ?, ?, 'claimed')
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, created_at = excluded.created_at
     WHERE status = 'claimed' AND created_at < excluded.created_at - ${claimMs}`,
    id,
    name,
    now,
  ).rowsWritten > 0;

export const renameTenant = (sql: SqlStorage, id: string, name: string): void => {
  sql.exec("UPDATE tenants SET name = ? WHERE id = ? AND status <> 'deleted'", name, id);
};

export const markTenant = (sql: SqlStorage, id: string, status: "active" | "inactive"): void => {
  sql.exec("UPDATE tenants SET status = ? WHERE id = ? AND status <> 'deleted'", status, id);
};

export const buryTenant = (sql: SqlStorage, id: string, now: number): void => {
  sql.exec("UPDATE tenants SET status = 'deleted', name = '', deleted_at = ? WHERE id = ?", now, id);
};

export const findTenant = (sql: SqlStorage, id: string): TenantEntry | null =>
  sql.exec<TenantEntry>(`SELECT ${columns} FROM tenants WHERE id = ? AND status <> 'claimed'`, id).toArray()[0] ?? null;

/** By id, after the one named; those that were deleted only where they are asked for. */
export const listTenants = (
  sql: SqlStorage,
  { after, limit, deleted }: { readonly after: string; readonly limit: number; readonly deleted: boolean },
): readonly TenantEntry[] =>
  sql
    .exec<TenantEntry>(
      `SELECT ${columns} FROM tenants WHERE status <> 'claimed' ${deleted ? "" : "AND status <> 'deleted'"} AND id > ? ORDER BY id LIMIT ?`,
      after,
      limit,
    )
    .toArray();
