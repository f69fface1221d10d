import { DurableObject } from "cloudflare:workers";
import { migrate } from "./migrate.ts";

const migrations: readonly string[] = [
  "CREATE TABLE tenants (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL)",
];

export type TenantEntry = { readonly id: string; readonly name: string; readonly createdAt: number };

/** The region's directory of tenants, for its operator. */
export class Region extends DurableObject {
  private readonly sql: SqlStorage;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.sql = state.storage.sql;
    void state.blockConcurrencyWhile(async () => migrate(state.storage, migrations));
  }

  /** False when the id is taken. */
  async createTenant(tenant: { readonly id: string; readonly name: string }): Promise<boolean> {
    const { rowsWritten } = this.sql.exec(
      "INSERT INTO tenants (id, name, created_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
      tenant.id,
      tenant.name,
      Date.now(),
    );
    return rowsWritten > 0;
  }

  async hasTenant(id: string): Promise<boolean> {
    return this.sql.exec("SELECT 1 FROM tenants WHERE id = ?", id).toArray().length > 0;
  }

  async listTenants(): Promise<readonly TenantEntry[]> {
    return this.sql.exec<TenantEntry>("SELECT id, name, created_at AS createdAt FROM tenants ORDER BY id").toArray();
  }
}
