import { Hono } from "hono";
import * as z from "zod";
import type { ShoalError } from "../../../shared/errors.ts";
import { hashKey, makeApiKey } from "../../authenticate/api-key.ts";
import type { KeyEntry } from "../../objects/tenant/key-list.ts";
import { patchPolicy, policyPatchShape } from "../../objects/tenant/policy-patch.ts";
import { policySchema } from "../../objects/tenant/policy.ts";
import type { Context } from "../../runtime/context.ts";
import { checkRollout } from "../../rollout/check-rollout.ts";
import { readQuery } from "../read-query.ts";
import { checkPolicy } from "./check-policy.ts";
import type { AdminEnv } from "./env.ts";
import { findTenant } from "./find-tenant.ts";
import { pageQuery, writePage } from "./page.ts";
import { readBody } from "./read-body.ts";
import { refuse } from "./refuse.ts";

const name = z.string().min(1).max(200);
const expiry = z.iso.datetime({ offset: true });

export const newKey = z.strictObject({ name, expires_at: expiry.nullish(), ...policySchema.shape });
export const keyPatch = z.strictObject({
  name: name.optional(),
  expires_at: expiry.nullish(),
  ...policyPatchShape,
});
/** Without `expires_at` the new key expires when the old one would have. */
export const rotation = z.strictObject({
  overlap_seconds: z.number().int().min(0).max(2_592_000).default(3600),
  expires_at: expiry.nullish(),
});

/** A tenant's keys. What a key may do beyond its tenant has no effect: both policies hold, and the narrower one counts. */
export const keys = new Hono<AdminEnv>();

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const toTime = (date: string | null | undefined): number | null => (date ? Date.parse(date) : null);
const toDate = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

const statusOf = ({ revokedAt, expiresAt }: KeyEntry, now: number): "active" | "expired" | "revoked" => {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && expiresAt <= now ? "expired" : "active";
};

const writeKey = (tenant: string, now: number) => (key: KeyEntry) => ({
  object: "key",
  id: key.id,
  tenant,
  name: key.name,
  status: statusOf(key, now),
  created_at: toDate(key.createdAt),
  expires_at: toDate(key.expiresAt),
  revoked_at: toDate(key.revokedAt),
  ...key.policy,
});

const unknownKey = (id: string): ShoalError => ({
  kind: "not_found",
  message: `there is no live key '${id.slice(0, 16)}'`,
});

const makeKey = async (tenant: string, { settings }: Context) => {
  const { region, keySecret } = settings;
  const { key, id } = await makeApiKey({ region, tenant, keySecret, random });
  return { id, key, hash: await hashKey(key) };
};

keys.get("/tenants/:tenant/keys", async (c) => {
  const { context } = c.var;
  const query = readQuery(pageQuery, c.req.url);
  if (!query.ok) return refuse(context, query.error);
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const { after, limit } = query.value;
  const { id } = tenant.value;
  const found = await context.objects.tenant(id).listKeys({ after, limit: limit + 1 });
  return c.json(writePage(found, limit, writeKey(id, context.clock.now())));
});

keys.post("/tenants/:tenant/keys", async (c) => {
  const { context } = c.var;
  const body = await readBody(newKey, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const { name: called, expires_at: expires, ...policy } = body.value;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const object = context.objects.tenant(tenant.value.id);
  const own = await object.listOwnWorkers();
  const wrong = checkPolicy(policy, context.roster, { own, now: context.arrivedAt });
  if (wrong) return refuse(context, wrong);

  const unservable = checkRollout(await object.readPolicy(), policy);
  if (unservable) return refuse(context, unservable);
  const { id, key, hash } = await makeKey(tenant.value.id, context);
  await object.createKey({ id, hash, name: called, expiresAt: toTime(expires), policy });
  c.set("detail", { fields: Object.keys(body.value), created: id });
  const made = await object.readKey(id);
  return c.json({ ...(made && writeKey(tenant.value.id, context.clock.now())(made)), key }, 201);
});

keys.get("/tenants/:tenant/keys/:key", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const key = await context.objects.tenant(tenant.value.id).readKey(c.req.param("key"));
  return key
    ? c.json(writeKey(tenant.value.id, context.clock.now())(key))
    : refuse(context, { kind: "not_found", message: `there is no key '${c.req.param("key").slice(0, 16)}'` });
});

keys.patch("/tenants/:tenant/keys/:key", async (c) => {
  const { context } = c.var;
  const body = await readBody(keyPatch, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  c.set("detail", { fields: Object.keys(body.value) });
  const { name: called, expires_at: expires, ...patch } = body.value;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const object = context.objects.tenant(tenant.value.id);
  const own = await object.listOwnWorkers();
  const wrong = checkPolicy(patch, context.roster, { own, now: context.arrivedAt });
  if (wrong) return refuse(context, wrong);

  const [known, above] = await Promise.all([object.readKey(c.req.param("key")), object.readPolicy()]);
  const unservable = known && checkRollout(above, patchPolicy(known.policy, patch));
  if (unservable) return refuse(context, unservable);
  const changed = await object.changeKey(c.req.param("key"), {
    ...(called !== undefined && { name: called }),
    ...(expires !== undefined && { expiresAt: toTime(expires) }),
    policy: patch,
  });
  return changed
    ? c.json(writeKey(tenant.value.id, context.clock.now())(changed))
    : refuse(context, unknownKey(c.req.param("key")));
});

keys.post("/tenants/:tenant/keys/:key/rotate", async (c) => {
  const { context } = c.var;
  const body = await readBody(rotation, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);

  const { id, key, hash } = await makeKey(tenant.value.id, context);
  const { overlap_seconds: overlap, expires_at: expires } = body.value;
  const expiresAt = expires === undefined ? undefined : toTime(expires);
  const rotated = await context.objects
    .tenant(tenant.value.id)
    .rotateKey(c.req.param("key"), { id, hash, expiresAt, overlapMs: overlap * 1000 });
  if (!rotated) return refuse(context, unknownKey(c.req.param("key")));
  c.set("detail", { fields: Object.keys(body.value), created: id });
  const write = writeKey(tenant.value.id, context.clock.now());
  return c.json({ ...write(rotated.made), key, replaces: write(rotated.old) }, 201);
});

keys.delete("/tenants/:tenant/keys/:key", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const revoked = await context.objects.tenant(tenant.value.id).revokeKey(c.req.param("key"));
  return revoked ? c.body(null, 204) : refuse(context, unknownKey(c.req.param("key")));
});
