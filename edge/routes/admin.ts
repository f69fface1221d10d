import { Hono } from "hono";
import * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { equalSecrets, hashKey, makeApiKey } from "../authenticate/api-key.ts";
import { encodeError } from "../encode/encode.ts";
import { chatCompletions } from "../formats/chat-completions.ts";
import { toRequestError } from "../formats/request-error.ts";
import { baseHeaders } from "../encode/headers.ts";
import { normalizeJson } from "../normalize.ts";
import { policySchema } from "../objects/policy.ts";
import type { AppEnv } from "../runtime/app-env.ts";
import { devTenant } from "../authenticate/authenticate.ts";
import type { Context } from "../runtime/context.ts";

const tenantId = z
  .string()
  .regex(/^[a-z0-9]{1,32}$/, "1 to 32 lower-case letters or digits")
  .refine((id) => id !== devTenant, "is the local start's own");
export const newTenant = z.strictObject({
  id: tenantId,
  name: z.string().min(1).max(200),
  ...policySchema.shape,
});
export const changedTenant = policySchema;
export const newKey = z.strictObject({
  name: z.string().min(1).max(200),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  ...policySchema.shape,
});

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

const read = async <Type>(
  schema: z.ZodType<Type>,
  request: Request,
  context: Context,
): Promise<Result<Type, ShoalError>> => {
  const body = await normalizeJson(request, context.settings.maxBodyBytes);
  if (!body.ok) return body;
  const parsed = schema.safeParse(body.value);
  return parsed.success ? ok(parsed.data) : err(toRequestError(parsed.error, body.value));
};

/** `/admin/*`: tenants and keys, with a credential of its own that is no tenant's key. */
export const admin = new Hono<AppEnv>();

const refuse = (context: Context, error: ShoalError) => encodeError(error, chatCompletions, baseHeaders(context));
const unknownTenant = (id: string): ShoalError => ({ kind: "not_found", message: `there is no tenant '${id}'` });

admin.use(async function requireAdminKey(c, next) {
  const { context } = c.var;
  const { adminKey } = context.settings;
  const given = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
  if (given === "") return refuse(context, { kind: "missing_key" });
  if (adminKey === "" || !(await equalSecrets(given, adminKey))) return refuse(context, { kind: "invalid_key" });
  return next();
});

admin.get("/tenants", async (c) =>
  c.json({ object: "list", data: await c.var.context.objects.region().listTenants() }),
);

admin.post("/tenants", async (c) => {
  const { context } = c.var;
  const body = await read(newTenant, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const { id, name, ...policy } = body.value;
  const region = context.objects.region();
  const taken: ShoalError = { kind: "invalid_request", message: `the tenant '${id}' exists`, param: "id" };
  if (await region.hasTenant(id)) return refuse(context, taken);
  // Before the tenant exists: one that was made without its limits could spend without end.
  await context.objects.tenant(id).writePolicy(policy);
  if (!(await region.createTenant({ id, name }))) return refuse(context, taken);
  return c.json({ object: "tenant", id, name, ...policy }, 201);
});

admin.patch("/tenants/:tenant", async (c) => {
  const { context } = c.var;
  const id = c.req.param("tenant");
  const body = await read(changedTenant, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  if (!(await context.objects.region().hasTenant(id))) return refuse(context, unknownTenant(id));
  const tenant = context.objects.tenant(id);
  const policy = { ...(await tenant.readPolicy()), ...body.value };
  await tenant.writePolicy(policy);
  return c.json({ object: "tenant", id, ...policy });
});

admin.post("/tenants/:tenant/keys", async (c) => {
  const { context } = c.var;
  const { settings, objects } = context;
  const tenant = c.req.param("tenant");
  const body = await read(newKey, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  if (!(await objects.region().hasTenant(tenant))) return refuse(context, unknownTenant(tenant));
  const { key, id } = await makeApiKey({ region: settings.region, tenant, keySecret: settings.keySecret, random });
  const { name, expires_at: expiresAt, ...policy } = body.value;
  await objects.tenant(tenant).createKey({
    id,
    hash: await hashKey(key),
    name,
    expiresAt: expiresAt ? Date.parse(expiresAt) : null,
    policy,
  });
  return c.json({ object: "key", id, tenant, name, key }, 201);
});

admin.delete("/tenants/:tenant/keys/:key", async (c) => {
  const { context } = c.var;
  const { tenant, key } = c.req.param();
  if (!(await context.objects.region().hasTenant(tenant))) return refuse(context, unknownTenant(tenant));
  const revoked = await context.objects.tenant(tenant).revokeKey(key);
  return revoked ? c.body(null, 204) : refuse(context, { kind: "not_found", message: `there is no live key '${key}'` });
});

/** Which workers are in the pool, and what the others wait for. */
admin.get("/workers", (c) => {
  const { roster } = c.var.context;
  return c.json({
    object: "list",
    data: roster.entries.map(({ card, provider, connection }) => ({
      id: card.id,
      provider: provider.name,
      data_region: connection.dataRegion ?? null,
      strengths: card.strengths,
    })),
    unconfigured: roster.unconfigured.map(({ provider, needs }) => ({
      provider,
      needs,
      workers: roster.cards
        .filter((card) => card.provider === provider || Object.hasOwn(card.resold, provider))
        .map((card) => card.id),
    })),
  });
});
