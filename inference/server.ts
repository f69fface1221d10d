import { createHash, timingSafeEqual } from "node:crypto";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { planRequestSchema } from "../shared/decision.ts";
import type { CallEvent } from "../shared/events.ts";
import { writeRequestSchema } from "../shared/planner/job.ts";
import { chatBodySchema, chatModelId, toChatJob } from "./chat-body.ts";
import type { ChatState } from "./chat-model.ts";
import { toChunks, toCompletion } from "./completion.ts";
import { embed, embeddingModelId, embeddingsBodySchema } from "./embeddings.ts";
import type { Encoder } from "./encode.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { plan, type Conductor } from "./plan.ts";
import type { PlannerState } from "./planner-model.ts";
import { readBody } from "./read-body.ts";
import type { ModelState } from "./start-model.ts";
import { errorResponse, unavailable, type ServiceError, type Unavailable } from "./wire.ts";
import { writeWorkflow } from "./write-workflow.ts";

const maxBodyBytes = 4 * 1024 * 1024;

/** What the routes stand on. Models come up behind the running server, so each is asked for anew. */
export type Service = {
  readonly secret: string;
  readonly encoder: () => Encoder | null;
  /** The conductor, or what it still lacks. */
  readonly conductor: () => Conductor | string;
  readonly chat: () => ChatState;
  readonly planner: () => PlannerState;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Milliseconds; only differences count. */
  readonly monotonic: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly newId: () => string;
  /** Whether new requests are refused. */
  readonly draining: () => boolean;
  /** Fires when answers that are still being written are to end now. */
  readonly stop: AbortSignal;
};

/** The routes. Every answer has an `x-request-id`, every failure OpenAI's error body. */
export const createServer = (service: Service) => {
  const app = new Hono<{ Variables: { requestId: string } }>();

  app.use(async (c, next) => {
    const start = service.monotonic();
    const given = c.req.header("x-request-id") ?? "";
    c.set("requestId", /^[\w.-]{1,128}$/.test(given) ? given : `req_${service.newId()}`);
    await next();
    c.res.headers.set("x-request-id", c.get("requestId"));
    if (service.draining()) c.res.headers.set("connection", "close");
    const { status } = c.res;
    const route = app.routes.some((known) => known.path === c.req.path) ? c.req.path : "other";
    const ended = () => service.metrics.observeRequest(route, status, (service.monotonic() - start) / 1000);
    if (c.res.headers.get("content-type") === eventStream) c.res = new Response(atEnd(c.res.body, ended), c.res);
    else ended();
  });
  app.onError((error, c) => {
    service.log("request-failed", { requestId: c.get("requestId"), error: error.name });
    return errorResponse({ kind: "internal" });
  });
  app.notFound((c) => errorResponse({ kind: "not_found", message: `no route ${c.req.method} ${c.req.path}` }));

  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", (c) => {
    const conductor = service.conductor();
    if (service.draining()) return c.json({ status: "stopping" }, 503);
    if (typeof conductor === "string") return c.json({ status: "starting", lacks: conductor }, 503);
    // Without its planner the conductor still decides: workflows have a fixed shape then.
    return c.json({ status: "ready", planner: service.planner().status });
  });

  app.use(async (c, next) => {
    const problem = refuse(c.req.header("authorization"), service);
    return problem === null ? next() : errorResponse(problem);
  });
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => errorResponse({ kind: "body_too_large", limitBytes: maxBodyBytes }),
    }),
  );

  app.get("/metrics", async (c) =>
    c.body(await service.metrics.text(), 200, { "content-type": service.metrics.contentType }),
  );
  app.get("/v1/models", (c) => c.json({ object: "list", data: listModels(service) }));
  app.post("/v1/plan", (c) => planRoute(c, service));
  app.post("/v1/workflow", (c) => workflowRoute(c, service));
  app.post("/v1/embeddings", (c) => embeddingsRoute(c, service));
  app.post("/v1/chat/completions", (c) => chatRoute(c, service));
  return app;
};

const eventStream = "text/event-stream; charset=utf-8";

const digest = (text: string) => createHash("sha256").update(text).digest();

const refuse = (authorization: string | undefined, service: Service): ServiceError | null => {
  if (service.draining()) return unavailable("stopping", "the service is stopping", 5);
  const given = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
  if (given === undefined) return { kind: "missing_key" };
  // Digests, since timingSafeEqual wants equal lengths and a length is a hint.
  return timingSafeEqual(digest(given), digest(service.secret)) ? null : { kind: "invalid_key" };
};

/** Runs `ended` once the body was read to its end or given up. */
const atEnd = (body: ReadableStream<Uint8Array> | null, ended: () => void): ReadableStream<Uint8Array> | null => {
  if (body === null) return null;
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) return controller.enqueue(value);
      ended();
      controller.close();
    },
    async cancel(reason) {
      ended();
      await reader.cancel(reason);
    },
  });
};

const planRoute = async (c: Context, service: Service): Promise<Response> => {
  const body = await readBody(c.req.raw, planRequestSchema);
  if (!body.ok) return errorResponse(body.error);
  const conductor = service.conductor();
  if (typeof conductor === "string")
    return errorResponse(unavailable("model_loading", `no plans yet: ${conductor}`, 1));
  const signal = AbortSignal.any([c.req.raw.signal, service.stop]);
  const decision = await plan(body.value, conductor, signal);
  return decision.ok ? Response.json(decision.value) : errorResponse(decision.error);
};

const workflowRoute = async (c: Context, service: Service): Promise<Response> => {
  const body = await readBody(c.req.raw, writeRequestSchema);
  if (!body.ok) return errorResponse(body.error);
  const state = service.planner();
  if (state.status !== "ready") return errorResponse(notReady(state, ownPlanner));
  const { monotonic, metrics } = service;
  const signal = AbortSignal.any([c.req.raw.signal, service.stop]);
  const written = await writeWorkflow(body.value, state.model, { signal, monotonic, metrics });
  return written.ok ? Response.json(written.value) : errorResponse(written.error);
};

const embeddingsRoute = async (c: Context, service: Service): Promise<Response> => {
  const body = await readBody(c.req.raw, embeddingsBodySchema);
  if (!body.ok) return errorResponse(body.error);
  const encoder = service.encoder();
  if (encoder === null) return errorResponse(unavailable("model_loading", "the encoder is being loaded", 1));
  const answer = await embed(body.value, encoder, AbortSignal.any([c.req.raw.signal, service.stop]));
  return answer.ok ? Response.json(answer.value) : errorResponse(answer.error);
};

const chatRoute = async (c: Context, service: Service): Promise<Response> => {
  const body = await readBody(c.req.raw, chatBodySchema);
  if (!body.ok) return errorResponse(body.error);
  const job = toChatJob(body.value);
  if (!job.ok) return errorResponse(job.error);
  const state = service.chat();
  if (state.status !== "ready") return errorResponse(notReady(state, ownChatModel));

  const events = await state.model.answer(job.value.chat, AbortSignal.any([c.req.raw.signal, service.stop]));
  if (!events.ok) return errorResponse(events.error);
  const counted = events.value.pipeThrough(countingTokens(service.metrics));
  const identity = { id: `chatcmpl-${service.newId()}`, created: Math.floor(service.now() / 1000), model: chatModelId };
  if (job.value.stream) {
    const chunks = counted.pipeThrough(toChunks(identity, job.value)).pipeThrough(new TextEncoderStream());
    return new Response(chunks, {
      headers: { "content-type": eventStream, "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" },
    });
  }
  const completion = await toCompletion(counted, identity);
  return completion.ok ? Response.json(completion.value) : errorResponse(completion.error);
};

/** What a model is called, and the variable that names its source. */
type Named = { readonly name: string; readonly variable: string };

const ownChatModel: Named = { name: "chat model", variable: "SHOAL_CHAT_MODEL" };
const ownPlanner: Named = { name: "planner", variable: "SHOAL_PLANNER_MODEL" };

const notReady = (state: Exclude<Started, { status: "ready" }>, { name, variable }: Named): Unavailable => {
  switch (state.status) {
    case "loading":
      return unavailable("model_loading", `the ${name} is being fetched or loaded`, 5);
    case "failed":
      return unavailable("model_unavailable", `there is no ${name}: ${state.reason}`, null);
    case "none":
      return unavailable("model_unavailable", `there is no ${name}: ${variable} is none`, null);
    default:
      return state satisfies never;
  }
};

const countingTokens = (metrics: Metrics) =>
  new TransformStream<CallEvent, CallEvent>({
    transform(event, controller) {
      if (event.type === "usage") metrics.countTokens(event.usage.inputTokens, event.usage.outputTokens);
      controller.enqueue(event);
    },
  });

const listModels = (service: Service) => {
  const encoder = service.encoder();
  const chat = service.chat();
  const planner = service.planner();
  const common = { object: "model", created: 0, owned_by: "local" };
  return [
    {
      id: embeddingModelId,
      ...common,
      status: encoder === null ? "loading" : "ready",
      dimensions: encoder?.dimensions,
    },
    ...(chat.status === "none" ? [] : [{ id: chatModelId, ...common, ...describe(chat) }]),
    ...(planner.status === "none" ? [] : [{ id: plannerId, ...common, ...describe(planner) }]),
  ];
};

/** The planner's id in the list of models; it takes no chats. */
const plannerId = "planner";

type Started = ModelState<{ readonly contextTokens: number }>;

const describe = (state: Exclude<Started, { status: "none" }>) => {
  switch (state.status) {
    case "loading":
      return { status: state.status, progress: state.progress };
    case "failed":
      return { status: state.status, reason: state.reason };
    case "ready":
      return { status: state.status, context_tokens: state.model.contextTokens };
    default:
      return state satisfies never;
  }
};
