import type { Settings } from "../runtime/settings.ts";
import type { CacheShard } from "./cache/cache.ts";
import type { Region } from "./region/region.ts";
import type { TenantLog } from "./tenant-log/tenant-log.ts";
import type { Tenant } from "./tenant/tenant.ts";

export type ObjectBindings = {
  readonly TENANT: DurableObjectNamespace<Tenant>;
  readonly TENANT_LOG: DurableObjectNamespace<TenantLog>;
  readonly CACHE: DurableObjectNamespace<CacheShard>;
  readonly REGION: DurableObjectNamespace<Region>;
};

export type Objects = {
  /** Keys, leases, balances, ledger of one tenant. */
  tenant(tenant: string): DurableObjectStub<Tenant>;
  /** Traces of one tenant, and what its conversations need for a while. */
  tenantLog(tenant: string): DurableObjectStub<TenantLog>;
  /** The part of a tenant's cached answers where a key's lies; keys are hexadecimal digits. */
  cache(tenant: string, key: string): DurableObjectStub<CacheShard>;
  /** All parts of it. */
  cacheShards(tenant: string): readonly DurableObjectStub<CacheShard>[];
  /** Directory of the region's tenants, and the operator's prices. */
  region(): DurableObjectStub<Region>;
};

/** Among so many objects a tenant's cached answers are divided. */
const cacheShards = 4;

/** The only way to a Durable Object: every object of a region is made in the region's jurisdiction. */
export const createObjects = (bindings: ObjectBindings, settings: Settings): Objects => {
  const within = <T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>) =>
    settings.jurisdiction === null ? namespace : namespace.jurisdiction(settings.jurisdiction);
  const named = <T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>, name: string) => {
    const place = within(namespace);
    const { locationHint } = settings;
    return place.get(place.idFromName(name), locationHint === null ? {} : { locationHint });
  };
  const shardOf = (tenant: string, shard: number) => named(bindings.CACHE, `${tenant}-${shard}`);
  return {
    tenant: (tenant) => named(bindings.TENANT, tenant),
    tenantLog: (tenant) => named(bindings.TENANT_LOG, tenant),
    cache: (tenant, key) => shardOf(tenant, Number.parseInt(key.slice(0, 4), 16) % cacheShards),
    cacheShards: (tenant) => Array.from({ length: cacheShards }, (_, shard) => shardOf(tenant, shard)),
    region: () => named(bindings.REGION, settings.region),
  };
};
