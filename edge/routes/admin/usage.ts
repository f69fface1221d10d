import { Hono } from "hono";
import type { Context as HonoContext } from "hono";
import type { ShoalError } from "../../../shared/errors.ts";
import type { Result } from "../../../shared/result.ts";
import type { Context } from "../../runtime/context.ts";
import { tellRollout } from "../rollout.ts";
import { tellUsage } from "../usage.ts";
import type { AdminEnv } from "./env.ts";
import { tellFeedback } from "./feedback.ts";
import { findTenant } from "./find-tenant.ts";
import { tellLedger } from "./ledger.ts";
import { refuse } from "./refuse.ts";

/** What a tenant has used, in sums and request by request, and how it has scored the answers. */
export const usage = new Hono<AdminEnv>();

type Tell = (tenant: string, request: Request, context: Context) => Promise<Result<Response, ShoalError>>;

const ofTenant = async (c: HonoContext<AdminEnv>, tell: Tell): Promise<Response> => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant") ?? "", context);
  const told = tenant.ok ? await tell(tenant.value.id, c.req.raw, context) : tenant;
  return told.ok ? told.value : refuse(context, told.error);
};

usage.get("/tenants/:tenant/usage", (c) => ofTenant(c, tellUsage));

usage.get("/tenants/:tenant/rollout", (c) => ofTenant(c, tellRollout));

usage.get("/tenants/:tenant/ledger", (c) => ofTenant(c, tellLedger));

usage.get("/tenants/:tenant/feedback", (c) => ofTenant(c, tellFeedback));
