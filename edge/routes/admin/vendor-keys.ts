import { Hono } from "hono";
import * as z from "zod";
import type { ShoalError } from "../../../shared/errors.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import type { VendorKeyEntry } from "../../objects/tenant/own-means.ts";
import { nearest } from "../../pool/resolve-model.ts";
import type { Roster } from "../../pool/roster.ts";
import { takesOwnKey } from "../../pool/tenant-roster.ts";
import type { Context } from "../../runtime/context.ts";
import { createEnvelope } from "../../runtime/envelope.ts";
import type { AdminEnv } from "./env.ts";
import { findTenant } from "./find-tenant.ts";
import { readBody } from "./read-body.ts";
import { refuse } from "./refuse.ts";

/** What a header can carry. */
export const vendorKey = z.strictObject({
  key: z
    .string()
    .min(8)
    .max(4096)
    .regex(/^[\x21-\x7e]+$/, "has characters that no key has"),
});

/** Vendors' keys of a tenant's own, with which its calls are made instead of the operator's. None is ever read back. */
export const vendorKeys = new Hono<AdminEnv>();

/** Of a short key nothing is shown. */
const shortest = 20;
const endingOf = (key: string): string => (key.length < shortest ? "" : key.slice(-4));

const writeEntry = ({ provider, ending, at }: VendorKeyEntry) => ({
  object: "vendor_key",
  provider,
  ending,
  created_at: new Date(at).toISOString(),
});

/** Only of a provider that the operator has configured: where it is, a tenant does not say. */
const checkProvider = (provider: string, { connected }: Roster): Result<string, ShoalError> => {
  const possible = [...connected.values()].filter(takesOwnKey).map((line) => line.provider.name);
  if (possible.includes(provider)) return ok(provider);
  const near = nearest(provider, possible);
  const hint = near.length > 0 ? `; the nearest: ${near.join(", ")}` : "";
  const message = `'provider': '${provider.slice(0, 64)}' is not configured here, or takes more than a key${hint}`;
  return err({ kind: "invalid_request", param: "provider", message });
};

vendorKeys.get("/tenants/:tenant/vendor-keys", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const object = context.objects.tenant(tenant.value.id);
  const [keys, wrapped] = await Promise.all([object.listVendorKeys(), object.readDataKey()]);
  const outdated = wrapped !== null && (await envelopeOf(tenant.value.id, context).isOutdated(wrapped));
  return c.json({ object: "list", data: keys.map(writeEntry), rewrap_due: outdated });
});

vendorKeys.put("/tenants/:tenant/vendor-keys/:provider", async (c) => {
  const { context } = c.var;
  const body = await readBody(vendorKey, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const provider = checkProvider(c.req.param("provider"), context.roster);
  if (!provider.ok) return refuse(context, provider.error);
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);

  const object = context.objects.tenant(tenant.value.id);
  const envelope = envelopeOf(tenant.value.id, context);
  const wrapped = (await object.readDataKey()) ?? (await object.keepDataKey(await envelope.make()));
  const sealed = await envelope.seal(wrapped, provider.value, body.value.key);
  if (sealed === null) return refuse(context, unopened);
  await object.writeVendorKey({ provider: provider.value, sealed, ending: endingOf(body.value.key) });
  c.set("detail", { fields: ["key"] });
  const entry = (await object.listVendorKeys()).find((candidate) => candidate.provider === provider.value);
  return c.json({ ...(entry && writeEntry(entry)) });
});

vendorKeys.delete("/tenants/:tenant/vendor-keys/:provider", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const provider = c.req.param("provider");
  const gone = await context.objects.tenant(tenant.value.id).deleteVendorKey(provider);
  const message = `the tenant has no key of '${provider.slice(0, 64)}'`;
  return gone ? c.body(null, 204) : refuse(context, { kind: "not_found", message });
});

/** After `KEY_SECRET` has a new first secret: the older one can go once every tenant's data key is wrapped anew. */
vendorKeys.post("/tenants/:tenant/vendor-keys/rewrap", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const object = context.objects.tenant(tenant.value.id);
  const old = await object.readDataKey();
  if (old === null) return c.body(null, 204);
  const wrapped = await envelopeOf(tenant.value.id, context).rewrap(old);
  if (wrapped === null) return refuse(context, unopened);
  await object.replaceDataKey(old, wrapped);
  return c.body(null, 204);
});

const unopened: ShoalError = {
  kind: "invalid_request",
  param: null,
  message: "the tenant's data key was wrapped under a secret that KEY_SECRET has no more",
};

const envelopeOf = (tenant: string, { settings, newId }: Context) => createEnvelope(tenant, settings.keySecret, newId);
