import type { Objects } from "../objects/objects.ts";

/**
 * Forgets all answers that are cached for a tenant. What is kept is deleted at once; an isolate that has not heard of it
 * may for ten seconds keep, and give again, answers to what it is asked meanwhile, which nobody finds after that.
 */
export const purgeCache = async (tenant: string, objects: Pick<Objects, "tenant" | "cacheShards">): Promise<void> => {
  await objects.tenant(tenant).raiseCacheEpoch();
  await Promise.all(objects.cacheShards(tenant).map((shard) => shard.clear()));
};
