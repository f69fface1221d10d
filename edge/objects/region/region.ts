import { DurableObject } from "cloudflare:workers";
import {
  auditSchema,
  beginAudit,
  endAudit,
  listAudit,
  type AuditDetail,
  type AuditedAction,
  type AuditQuery,
  type AuditRow,
} from "./audit.ts";
import {
  buryTenant,
  claimTenant,
  directorySchema,
  findTenant,
  listTenants,
  markTenant,
  renameTenant,
  type TenantEntry,
} from "./directory.ts";
import { migrate } from "../migrate.ts";
import { deletePrice, listPrices, pricesSchema, writePrice, type SetPrice } from "./prices.ts";

const migrations: readonly string[] = [
  "CREATE TABLE tenants (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL)",
  directorySchema,
  auditSchema,
  pricesSchema,
];

const windowMs = 60_000;

/** What an operator's request is let in with: the number of its row in the audit log, null for one that changes nothing. */
export type Entrance =
  | { readonly allowed: true; readonly audit: number | null }
  | { readonly allowed: false; readonly retryAfterSeconds: number };

/**
 * The region's directory of tenants, the prices that its operator set, and the log of what he did. On a request's path
 * only for prices: read beside the key's admission, by an isolate that was idle.
 */
export class Region extends DurableObject {
  private readonly sql: SqlStorage;
  /** Requests of each credential in the minute that runs. Lost with the object's memory: the count then starts anew. */
  private readonly counts = new Map<string, number>();
  private window = 0;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.sql = state.storage.sql;
    void state.blockConcurrencyWhile(async () => migrate(state.storage, migrations));
  }

  /** Counts an operator's request, and writes down what changes anything before it does. */
  async enter(action: AuditedAction & { readonly changes: boolean; readonly perMinute: number }): Promise<Entrance> {
    const now = Date.now();
    const window = Math.floor(now / windowMs);
    if (window !== this.window) this.counts.clear();
    this.window = window;
    const count = (this.counts.get(action.credential) ?? 0) + 1;
    this.counts.set(action.credential, count);
    if (count > action.perMinute) {
      return { allowed: false, retryAfterSeconds: Math.ceil(((window + 1) * windowMs - now) / 1000) };
    }
    return { allowed: true, audit: action.changes ? beginAudit(this.sql, action, now) : null };
  }

  async endAudit(
    audit: number,
    end: { readonly status: number; readonly detail: AuditDetail; readonly tenant: string | null },
  ): Promise<void> {
    endAudit(this.sql, audit, end);
  }

  /** From the newest on. */
  async listAudit(query: AuditQuery): Promise<readonly AuditRow[]> {
    return listAudit(this.sql, query);
  }

  /** False when the id is taken, or was. What is claimed is no tenant before it is marked as active. */
  async claimTenant(tenant: Pick<TenantEntry, "id" | "name">): Promise<boolean> {
    return claimTenant(this.sql, tenant, Date.now());
  }

  async markTenant(id: string, status: "active" | "inactive"): Promise<void> {
    markTenant(this.sql, id, status);
  }

  async renameTenant(id: string, name: string): Promise<void> {
    renameTenant(this.sql, id, name);
  }

  /** Leaves the id and the days. */
  async buryTenant(id: string): Promise<void> {
    buryTenant(this.sql, id, Date.now());
  }

  /** In force in every isolate within ten seconds. */
  async setPrice(price: Pick<SetPrice, "worker" | "price">): Promise<void> {
    writePrice(this.sql, price, Date.now());
  }

  /** False when none was set. */
  async deletePrice(worker: string): Promise<boolean> {
    return deletePrice(this.sql, worker);
  }

  async listPrices(): Promise<readonly SetPrice[]> {
    return listPrices(this.sql);
  }

  /** Null when there never was one. */
  async findTenant(id: string): Promise<TenantEntry | null> {
    return findTenant(this.sql, id);
  }

  /** By id, after the one named. */
  async listTenants(page: Parameters<typeof listTenants>[1]): Promise<readonly TenantEntry[]> {
    return listTenants(this.sql, page);
  }
}
