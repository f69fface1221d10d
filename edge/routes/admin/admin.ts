import { Hono } from "hono";
import { auditLog } from "./audit-log.ts";
import { readCredential } from "./credential.ts";
import type { AdminEnv } from "./env.ts";
import { keys } from "./keys.ts";
import { ownWorkers } from "./own-workers.ts";
import { prices } from "./prices.ts";
import { refuse } from "./refuse.ts";
import { tenantData } from "./tenant-data.ts";
import { tenants } from "./tenants.ts";
import { usage } from "./usage.ts";
import { vendorKeys } from "./vendor-keys.ts";
import { workers } from "./workers.ts";

/**
 * `/admin/*`: what the region's operator does, with a credential that is no tenant's key. Every request is counted, and
 * what changes anything is in the audit log before it is done, with its end afterwards.
 */
export const admin = new Hono<AdminEnv>();

admin.use(async function enter(c, next) {
  const { context } = c.var;
  const { settings } = context;
  const credential = await readCredential(c.req.raw.headers, context);
  if (!credential.ok) return refuse(context, credential.error);
  const region = context.objects.region();
  const entrance = await region.enter({
    credential: credential.value,
    action: c.req.method,
    path: tellPath(c.req.path),
    tenant: tenantIn(c.req.path),
    changes: changes(c.req.method, c.req.path),
    perMinute: settings.adminPerMinute,
  });
  if (!entrance.allowed) {
    const { retryAfterSeconds } = entrance;
    return refuse(context, { kind: "rate_limited", limit: "operator's requests per minute", retryAfterSeconds });
  }
  c.set("detail", {});
  await next();
  c.res.headers.set("cache-control", "no-store");
  if (entrance.audit !== null) {
    const { status } = c.res;
    await region.endAudit(entrance.audit, { status, detail: c.var.detail, tenant: c.var.subject ?? null });
  }
  return;
});

/** Whether the audit log tells of it: what changes anything, and what gives out all that a tenant has. */
const changes = (method: string, path: string): boolean => method !== "GET" || path.endsWith("/export");

/** Longer than any id; shorter than any key, which somebody may have put into a path by mistake. */
const longestSegment = 40;

/** The path, as far as it holds names. */
const tellPath = (path: string): string =>
  path
    .split("/")
    .map((segment) => (segment.length > longestSegment || segment.startsWith("sk-") ? "(withheld)" : segment))
    .join("/")
    .slice(0, 400);

const tenantIn = (path: string): string | null => /^\/admin\/tenants\/([a-z0-9]{1,32})(\/|$)/.exec(path)?.[1] ?? null;

for (const routes of [tenants, tenantData, keys, vendorKeys, ownWorkers, usage, workers, prices, auditLog])
  admin.route("/", routes);
