import { Hono } from "hono";
import * as z from "zod";
import { readQuery } from "../read-query.ts";
import type { AdminEnv } from "./env.ts";
import { refuse } from "./refuse.ts";

export const auditQuery = z.strictObject({
  /** The `next` of the page before. */
  before: z.coerce.number().int().min(1).optional(),
  tenant: z.string().max(32).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** What was done with the operator's credentials, from the newest on. */
export const auditLog = new Hono<AdminEnv>();

auditLog.get("/audit", async (c) => {
  const { context } = c.var;
  const query = readQuery(auditQuery, c.req.url);
  if (!query.ok) return refuse(context, query.error);
  const { before, tenant, limit } = query.value;
  const region = context.objects.region();
  const rows = await region.listAudit({ before: before ?? null, tenant: tenant ?? null, limit: limit + 1 });
  const data = rows.slice(0, limit);
  const next = rows.length > limit ? (data.at(-1)?.seq ?? null) : null;
  return c.json({
    object: "list",
    data: data.map(({ seq, at, detail, ...row }) => ({ id: seq, at: new Date(at).toISOString(), ...row, ...detail })),
    has_more: next !== null,
    next,
  });
});
