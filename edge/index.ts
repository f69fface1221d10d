import { Hono } from "hono";
import { ulid } from "ulid";
import { admin } from "./routes/admin.ts";
import { admit, type Grant } from "./admit.ts";
import type { AppEnv } from "./runtime/app-env.ts";
import { authenticate } from "./authenticate/authenticate.ts";
import { createContext, type Context } from "./runtime/context.ts";
import { encodeError } from "./encode/encode.ts";
import { chatCompletions } from "./formats/chat-completions.ts";
import { baseHeaders } from "./encode/headers.ts";
import { askLocalStatus } from "./routes/local-status.ts";
import { listModels } from "./routes/models.ts";
import { respond } from "./pipeline.ts";
import { previewPlan } from "./routes/plan-preview.ts";
import { logBug } from "./runtime/log-bug.ts";
import { runtimeOf } from "./runtime/runtime.ts";
import { readTrace } from "./routes/read-trace.ts";
import type { ShoalError } from "../shared/errors.ts";
import { ok, type Result } from "../shared/result.ts";

export { Region } from "./objects/region.ts";
export { TenantLog } from "./objects/tenant-log.ts";
export { Tenant } from "./objects/tenant.ts";

const app = new Hono<AppEnv>();

const refuse = (context: Context, error: ShoalError) => encodeError(error, chatCompletions, baseHeaders(context));

/** One draw for all the characters: `ulid` by itself asks for each. Five bits of a byte make one. */
const newRequestId = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16)).values();
  return ulid(undefined, () => (bytes.next().value ?? 0) / 256);
};

app.use(async function prepare(c, next) {
  const context = createContext(runtimeOf(c.env), {
    requestId: newRequestId(),
    signal: c.req.raw.signal,
    waitUntil: (work) => c.executionCtx.waitUntil(work),
    newId: () => crypto.randomUUID().replaceAll("-", ""),
  });
  c.set("context", context);
  await next();
});

app.post("/v1/chat/completions", (c) => respond(c.req.raw, chatCompletions, c.var.context));

app.post("/v1/plan", async (c) => {
  const { context } = c.var;
  const preview = await previewPlan(c.req.raw, chatCompletions, context);
  return preview.ok ? c.json(preview.value, 200, baseHeaders(context)) : refuse(context, preview.error);
});

/** Whose request it is, where no worker is asked. */
const identify = async (request: Request, context: Context): Promise<Result<Grant, ShoalError>> => {
  const identity = await authenticate(request.headers, context.settings);
  if (!identity.ok) return identity;
  const admitted = await admit(identity.value, null, context);
  return admitted.ok ? ok(admitted.value.grant) : admitted;
};

app.get("/v1/models", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, context);
  if (!grant.ok) return refuse(context, grant.error);
  const local = await askLocalStatus(context);
  const list = { roster: context.roster, key: grant.value.record, local, now: context.clock.now() };
  return c.json(listModels(list), 200, baseHeaders(context));
});

app.get("/v1/traces/:id", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, context);
  if (!grant.ok) return refuse(context, grant.error);
  const trace = await readTrace(grant.value.identity.tenant, c.req.param("id"), context);
  return trace.ok ? c.json(trace.value, 200, baseHeaders(context)) : refuse(context, trace.error);
});

app.route("/admin", admin);

/** The Worker is up; says nothing of what is behind it. */
app.get("/healthz", (c) => c.json({ status: "ok" }));

const allowed: Readonly<Record<string, string>> = {
  "/v1/chat/completions": "POST",
  "/v1/plan": "POST",
  "/v1/models": "GET",
};

app.notFound((c) => {
  const method = allowed[c.req.path];
  return method === undefined
    ? refuse(c.var.context, {
        kind: "not_found",
        message: `there is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}`,
      })
    : refuse(c.var.context, { kind: "method_not_allowed", allowed: [method] });
});

app.onError((error, c) => {
  logBug(error);
  const { context } = c.var;
  return encodeError({ kind: "internal" }, chatCompletions, context ? baseHeaders(context) : {});
});

export default app;
