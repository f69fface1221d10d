import { Hono } from "hono";
import * as z from "zod";
import type { ShoalError } from "../../../shared/errors.ts";
import { toDollars } from "../../../shared/pricing.ts";
import { devTenant } from "../../authenticate/authenticate.ts";
import type { TenantEntry } from "../../objects/region/directory.ts";
import { patchPolicy, policyPatchShape } from "../../objects/tenant/policy-patch.ts";
import { policySchema } from "../../objects/tenant/policy.ts";
import type { Spend } from "../../objects/tenant/standing.ts";
import { checkRollout } from "../../rollout/check-rollout.ts";
import { readQuery } from "../read-query.ts";
import { checkPolicy } from "./check-policy.ts";
import type { AdminEnv } from "./env.ts";
import { findEntry, findTenant } from "./find-tenant.ts";
import { pageQuery, writePage } from "./page.ts";
import { readBody } from "./read-body.ts";
import { refuse } from "./refuse.ts";

const id = z
  .string()
  .regex(/^[a-z0-9]{1,32}$/, "1 to 32 lower-case letters or digits")
  .refine((given) => given !== devTenant, "is the local start's own");
const name = z.string().min(1).max(200);

export const newTenant = z.strictObject({ id, name, ...policySchema.shape });
export const tenantPatch = z.strictObject({
  name: name.optional(),
  status: z.enum(["active", "inactive"]).optional(),
  ...policyPatchShape,
});

/** `deleted`: those that were deleted too. */
export const tenantsQuery = pageQuery.extend({ deleted: z.enum(["true", "false"]).default("false") });

const fixed: ShoalError = {
  kind: "invalid_request",
  param: "tenant",
  message: "'tenant': name and status of the local start's own cannot be changed",
};

/** Tenants: made, listed, read, changed. */
export const tenants = new Hono<AdminEnv>();

const writeEntry = (entry: TenantEntry) => ({
  object: "tenant",
  id: entry.id,
  name: entry.name,
  status: entry.status,
  created_at: new Date(entry.createdAt).toISOString(),
  ...(entry.deletedAt !== null && { deleted_at: new Date(entry.deletedAt).toISOString() }),
});

const writeSpend = ({ today, month, reserved, alarms }: Spend) => ({
  today_usd: toDollars(today),
  month_usd: toDollars(month),
  reserved_usd: toDollars(reserved),
  alarms: alarms.map(({ at, spent, allowed, ...alarm }) => ({
    ...alarm,
    at: new Date(at).toISOString(),
    spent_usd: toDollars(spent),
    limit_usd: toDollars(allowed),
  })),
});

tenants.get("/tenants", async (c) => {
  const { context } = c.var;
  const query = readQuery(tenantsQuery, c.req.url);
  if (!query.ok) return refuse(context, query.error);
  const { after, limit, deleted } = query.value;
  const page = { after, limit: limit + 1, deleted: deleted === "true" };
  const found = await context.objects.region().listTenants(page);
  return c.json(writePage(found, limit, writeEntry));
});

tenants.post("/tenants", async (c) => {
  const { context } = c.var;
  const body = await readBody(newTenant, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const { id: tenant, name: called, ...policy } = body.value;
  const wrong = checkPolicy(policy, context.roster, { own: [], now: context.arrivedAt }) ?? checkRollout(policy);
  if (wrong) return refuse(context, wrong);

  const region = context.objects.region();
  const taken: ShoalError = {
    kind: "invalid_request",
    message: `the tenant '${tenant}' exists or existed`,
    param: "id",
  };
  if (!(await region.claimTenant({ id: tenant, name: called }))) return refuse(context, taken);
  // Before there is a tenant: one that was made without its limits could spend without end.
  await context.objects.tenant(tenant).writePolicy(policy);
  await region.markTenant(tenant, "active");
  c.set("subject", tenant);
  c.set("detail", { fields: Object.keys(body.value), created: tenant });
  const entry = await region.findTenant(tenant);
  return c.json({ ...(entry && writeEntry(entry)), ...policy }, 201);
});

tenants.get("/tenants/:tenant", async (c) => {
  const { context } = c.var;
  const entry = await findEntry(c.req.param("tenant"), context);
  if (!entry.ok) return refuse(context, entry.error);
  if (entry.value.status === "deleted") return c.json(writeEntry(entry.value));
  const tenant = context.objects.tenant(entry.value.id);
  const [policy, spend] = await Promise.all([tenant.readPolicy(), tenant.readSpend()]);
  return c.json({ ...writeEntry(entry.value), ...policy, spend: writeSpend(spend) });
});

tenants.patch("/tenants/:tenant", async (c) => {
  const { context } = c.var;
  const { objects, roster, arrivedAt } = context;
  const body = await readBody(tenantPatch, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  c.set("detail", { fields: Object.keys(body.value) });
  const { name: called, status, ...patch } = body.value;
  const entry = await findTenant(c.req.param("tenant"), context);
  if (!entry.ok) return refuse(context, entry.error);
  if (entry.value.id === devTenant && (called !== undefined || status !== undefined)) return refuse(context, fixed);
  const tenant = objects.tenant(entry.value.id);
  const wrong = checkPolicy(patch, roster, { own: await tenant.listOwnWorkers(), now: arrivedAt });
  if (wrong) return refuse(context, wrong);

  const region = objects.region();
  const unservable = checkRollout(patchPolicy(await tenant.readPolicy(), patch));
  if (unservable) return refuse(context, unservable);
  const policy = await tenant.patchPolicy(patch);
  if (called !== undefined) await region.renameTenant(entry.value.id, called);
  if (status !== undefined) {
    await tenant.mark(status);
    await region.markTenant(entry.value.id, status);
  }
  const changed = await findEntry(entry.value.id, context);
  return c.json({ ...writeEntry(changed.ok ? changed.value : entry.value), ...policy });
});
