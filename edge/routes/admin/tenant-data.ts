import { Hono } from "hono";
import type { ShoalError } from "../../../shared/errors.ts";
import { devTenant } from "../../authenticate/authenticate.ts";
import { purgeCache } from "../../cache/purge-cache.ts";
import type { AdminEnv } from "./env.ts";
import { exportTenant } from "./export.ts";
import { findTenant } from "./find-tenant.ts";
import { refuse } from "./refuse.ts";

/** All that a tenant has, at once: given out, forgotten in part, deleted. */
export const tenantData = new Hono<AdminEnv>();

tenantData.get("/tenants/:tenant/export", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  return tenant.ok ? exportTenant(tenant.value, context) : refuse(context, tenant.error);
});

tenantData.delete("/tenants/:tenant/cache", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  await purgeCache(tenant.value.id, context.objects);
  return c.body(null, 204);
});

const notLocal: ShoalError = {
  kind: "invalid_request",
  param: "tenant",
  message: "'tenant': the local start's own goes with its state folder",
};

/** Its keys are refused within ten seconds; its id is not given again. A part that fails leaves the rest to be deleted again. */
tenantData.delete("/tenants/:tenant", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const { id } = tenant.value;
  if (id === devTenant) return refuse(context, notLocal);
  const { objects } = context;
  // The keys first: what they still bring meets an object that keeps nothing.
  await objects.tenant(id).bury();
  await Promise.all([objects.tenantLog(id).bury(), ...objects.cacheShards(id).map((shard) => shard.bury())]);
  const region = objects.region();
  await region.buryTenant(id);
  const entry = await region.findTenant(id);
  c.set("detail", { note: "all that the tenant had was deleted" });
  const at = entry?.deletedAt ?? context.clock.now();
  return c.json({ object: "tenant", id, status: "deleted", deleted_at: new Date(at).toISOString() });
});
