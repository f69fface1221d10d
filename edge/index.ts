import { Hono, type Context as HonoContext } from "hono";
import { METHOD_NAME_ALL } from "hono/router";
import { admin } from "./routes/admin/admin.ts";
import { recognize, type Grant } from "./admit.ts";
import type { AppEnv } from "./runtime/app-env.ts";
import { authenticate } from "./authenticate/authenticate.ts";
import { createContext, type Context } from "./runtime/context.ts";
import { encodeError } from "./encode/encode.ts";
import { chatCompletions } from "./formats/chat-completions.ts";
import { messages, speaksMessages } from "./formats/messages.ts";
import { responses } from "./formats/responses.ts";
import { createKeptTurns, type KeptTurns } from "./conversation/kept-turns.ts";
import { baseHeaders } from "./encode/headers.ts";
import { readDocument } from "./reference/document.ts";
import { pagePolicy, writePage } from "./reference/page.ts";
import { askLocalStatus } from "./routes/local-status.ts";
import { countTokens } from "./routes/count-tokens.ts";
import { answerEmbeddings } from "./routes/embeddings.ts";
import { tellEvaluation } from "./routes/evaluation.ts";
import { giveFeedback } from "./routes/feedback.ts";
import { listModels, listNamedModels, readModel, readNamedModel, type ModelList } from "./routes/models.ts";
import { respond } from "./pipeline.ts";
import type { Roster } from "./pool/roster.ts";
import { rosterFor } from "./pool/tenant-roster.ts";
import { previewPlan } from "./routes/plan-preview.ts";
import type { Scope } from "./objects/records.ts";
import { logBug } from "./runtime/log-bug.ts";
import { createRequestIds } from "./runtime/request-id.ts";
import { runtimeOf } from "./runtime/runtime.ts";
import { readTrace } from "./routes/read-trace.ts";
import { tellUsage } from "./routes/usage.ts";
import { tellRollout } from "./routes/rollout.ts";
import { deleteResponse, listInputItems, readResponse } from "./routes/stored-responses.ts";
import type { ShoalError } from "../shared/errors.ts";
import type { Result } from "../shared/result.ts";

export { CacheShard } from "./objects/cache/cache.ts";
export { Region } from "./objects/region/region.ts";
export { TenantLog } from "./objects/tenant-log/tenant-log.ts";
export { Tenant } from "./objects/tenant/tenant.ts";

const app = new Hono<AppEnv>();

/** In the format of whoever asks. */
const refuse = (request: Request, context: Context | undefined, error: ShoalError) =>
  encodeError(error, speaksMessages(request) ? messages : chatCompletions, context ? baseHeaders(context) : {});

const newRequestId = createRequestIds((bytes) => void crypto.getRandomValues(bytes));

app.use(async function prepare(c, next) {
  const context = createContext(runtimeOf(c.env), {
    requestId: newRequestId(),
    signal: c.req.raw.signal,
    waitUntil: (work) => c.executionCtx.waitUntil(work),
    newId: () => crypto.randomUUID().replaceAll("-", ""),
    random: Math.random,
  });
  c.set("context", context);
  await next();
});

app.post("/v1/chat/completions", (c) => respond(c.req.raw, chatCompletions, c.var.context));

app.post("/v1/messages", (c) => respond(c.req.raw, messages, c.var.context));

app.post("/v1/messages/count_tokens", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "answers", context);
  const count = grant.ok
    ? await countTokens(c.req.raw, { ...context, roster: await rosterOf(grant.value, context) })
    : grant;
  return count.ok ? c.json(count.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, count.error);
});

app.post("/v1/responses", (c) => respond(c.req.raw, responses, c.var.context));

/** What is done with the turns that a tenant has left with us. */
const withTurns = async (c: HonoContext<AppEnv>, work: (turns: KeptTurns) => Promise<Result<object, ShoalError>>) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "answers", context);
  const done = grant.ok ? await work(createKeptTurns(grant.value.identity.tenant, context)) : grant;
  return done.ok ? c.json(done.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, done.error);
};

/** A stored response as the path names it, and the query. */
const askedOf = (c: HonoContext<AppEnv>) => ({
  id: c.req.param("id") ?? "",
  query: new URL(c.req.url).searchParams,
});

app.get("/v1/responses/:id", (c) => withTurns(c, (turns) => readResponse(turns, askedOf(c))));

app.delete("/v1/responses/:id", (c) => withTurns(c, (turns) => deleteResponse(turns, askedOf(c).id)));

app.get("/v1/responses/:id/input_items", (c) => withTurns(c, (turns) => listInputItems(turns, askedOf(c))));

app.post("/v1/plan", async (c) => {
  const { context } = c.var;
  const preview = await previewPlan(c.req.raw, chatCompletions, context);
  return preview.ok ? c.json(preview.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, preview.error);
});

/** Whose request it is, where no worker is asked, if the key has the scope; null: any live key will do. */
const identify = async (
  request: Request,
  scope: Scope | null,
  context: Context,
): Promise<Result<Grant, ShoalError>> => {
  const identity = await authenticate(request.headers, context.settings);
  if (!identity.ok) return identity;
  return recognize(identity.value, scope, context);
};

app.post("/v1/embeddings", async (c) => {
  const { context } = c.var;
  const identity = await authenticate(c.req.raw.headers, context.settings);
  const embedded = identity.ok ? await answerEmbeddings(c.req.raw, identity.value, context) : identity;
  return embedded.ok ? c.json(embedded.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, embedded.error);
});

/** As the tenant has it, with the operator's prices. */
const rosterOf = async (grant: Grant, context: Context): Promise<Roster> =>
  rosterFor(grant, { ...context, roster: await context.priced.current(context.waitUntil) });

/** Which models there are for whoever asks. */
const modelsFor = async (grant: Grant, context: Context): Promise<ModelList> => ({
  roster: await rosterOf(grant, context),
  key: grant.record,
  local: await askLocalStatus(context),
  embeds: context.settings.inference !== null,
  now: context.arrivedAt,
});

app.get("/v1/models", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, null, context);
  if (!grant.ok) return refuse(c.req.raw, context, grant.error);
  const models = await modelsFor(grant.value, context);
  const { searchParams } = new URL(c.req.url);
  const list = speaksMessages(c.req.raw) ? listNamedModels(models, searchParams) : listModels(models);
  return c.json(list, 200, baseHeaders(context));
});

/** Ids of workers have a slash. */
app.get("/v1/models/:id{.+}", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, null, context);
  if (!grant.ok) return refuse(c.req.raw, context, grant.error);
  const models = await modelsFor(grant.value, context);
  const model = (speaksMessages(c.req.raw) ? readNamedModel : readModel)(c.req.param("id"), models);
  return model.ok ? c.json(model.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, model.error);
});

app.get("/v1/traces/:id", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "traces", context);
  if (!grant.ok) return refuse(c.req.raw, context, grant.error);
  const trace = await readTrace(grant.value.identity.tenant, c.req.param("id"), context);
  return trace.ok ? c.json(trace.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, trace.error);
});

app.get("/v1/usage", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "usage", context);
  const usage = grant.ok ? await tellUsage(grant.value.identity.tenant, c.req.raw, context) : grant;
  return usage.ok ? usage.value : refuse(c.req.raw, context, usage.error);
});

app.get("/v1/rollout", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "usage", context);
  const told = grant.ok ? await tellRollout(grant.value.identity.tenant, c.req.raw, context) : grant;
  return told.ok ? told.value : refuse(c.req.raw, context, told.error);
});

app.post("/v1/feedback", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "feedback", context);
  const given = grant.ok ? await giveFeedback(c.req.raw, grant.value, context) : grant;
  return given.ok ? c.json(given.value, 200, baseHeaders(context)) : refuse(c.req.raw, context, given.error);
});

app.get("/v1/evaluation", async (c) => {
  const { context } = c.var;
  const grant = await identify(c.req.raw, "usage", context);
  if (!grant.ok) return refuse(c.req.raw, context, grant.error);
  return c.json(await tellEvaluation(grant.value, context), 200, baseHeaders(context));
});

app.route("/admin", admin);

/** The Worker is up; says nothing of what is behind it. */
app.get("/healthz", (c) => c.json({ status: "ok" }));

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** What else can be done at a path; middleware, which runs at every method, does not count. */
const methodsAt = (path: string): readonly string[] =>
  methods.filter((method) => app.router.match(method, path)[0].some(([[, route]]) => route.method !== METHOD_NAME_ALL));

app.get("/openapi.json", (c) => c.json(readDocument(), 200, baseHeaders(c.var.context)));

app.get("/docs", (c) => c.html(writePage(), 200, { "content-security-policy": pagePolicy }));

app.notFound((c) => {
  const allowed = methodsAt(c.req.path);
  return refuse(
    c.req.raw,
    c.var.context,
    allowed.length > 0
      ? { kind: "method_not_allowed", allowed }
      : { kind: "not_found", message: `there is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}` },
  );
});

app.onError((error, c) => {
  logBug(error);
  return refuse(c.req.raw, c.var.context, { kind: "internal" });
});

export default app;
