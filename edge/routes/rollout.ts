import * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { ok, type Result } from "../../shared/result.ts";
import { baseHeaders } from "../encode/headers.ts";
import { tellStage } from "../rollout/report.ts";
import { writeReport } from "../rollout/report-text.ts";
import type { Context } from "../runtime/context.ts";
import { readQuery } from "./read-query.ts";

/** `key`: a key's id; without it all of the tenant's. Stages come latest first. */
export const rolloutQuery = z.strictObject({
  key: z.string().min(1).max(64).optional(),
  limit: z.coerce.number().int().min(1).max(50).default(20),
  format: z.enum(["json", "text"]).optional(),
});

/**
 * How far a tenant's keys have moved from their baselines: per stage what each arm served, cost and took, what the other
 * would have cost, how sure the differences are, and what was decided. As JSON, or as a table for people.
 */
export const tellRollout = async (
  tenant: string,
  request: Request,
  context: Context,
): Promise<Result<Response, ShoalError>> => {
  const query = readQuery(rolloutQuery, request.url);
  if (!query.ok) return query;
  // What this isolate has not told the tenant's object yet goes first.
  await context.outbox.send(tenant, 0);
  const { key, limit, format } = query.value;
  const found = await context.objects.tenant(tenant).readRollout({ keyId: key ?? null, before: null, limit });
  const stages = found.map(tellStage);
  const headers = baseHeaders(context);
  if (format === "text") {
    return ok(
      new Response(writeReport(stages), { headers: { ...headers, "content-type": "text/plain; charset=utf-8" } }),
    );
  }
  return ok(Response.json({ object: "rollout", tenant, data: stages }, { headers }));
};
