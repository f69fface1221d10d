import { Hono } from "hono";
import type { ShoalError } from "../../../shared/errors.ts";
import type { WorkerCard } from "../../../shared/workers.ts";
import { mostOwnWorkers } from "../../objects/tenant/own-means.ts";
import { nearest } from "../../pool/resolve-model.ts";
import { connect, type Roster } from "../../pool/roster.ts";
import { modelSchema, problemOf, readModel } from "../../providers/openai-compatible.ts";
import type { AdminEnv } from "./env.ts";
import { findTenant } from "./find-tenant.ts";
import { readBody } from "./read-body.ts";
import { refuse } from "./refuse.ts";

export const ownWorker = modelSchema.omit({ id: true });

/** Models at a provider of the operator's that one tenant sees and uses, and no other. Never a host. */
export const ownWorkers = new Hono<AdminEnv>();

const writeWorker = ({
  id,
  provider,
  contextTokens,
  maxOutputTokens,
  abilities,
  efforts,
  price,
  source,
}: WorkerCard) => ({
  object: "worker",
  id,
  provider,
  context_tokens: contextTokens,
  max_output_tokens: maxOutputTokens,
  abilities,
  efforts,
  price,
  set_on: source.date,
});

const wrong = (message: string): ShoalError => ({ kind: "invalid_request", param: "id", message: `'id': ${message}` });

/** What is wrong with it beside the operator's own; null when nothing is. */
const problemWith = (card: WorkerCard, { connected, cards }: Roster): ShoalError | null => {
  if (cards.some(({ id }) => id === card.id)) return wrong(`'${card.id}' is a worker of everybody's`);
  if (card.provider === "local" || !connected.has(card.provider)) {
    const near = nearest(card.provider, [...connected.keys()]);
    return wrong(`the provider '${card.provider}' is not configured here; the nearest: ${near.join(", ") || "none"}`);
  }
  if (connect(card, connected).length === 0) return wrong(`'${card.provider}' has no such model`);
  const problem = problemOf(card);
  return problem === null ? null : { kind: "invalid_request", param: null, message: problem };
};

ownWorkers.get("/tenants/:tenant/workers", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const workers = await context.objects.tenant(tenant.value.id).listOwnWorkers();
  return c.json({ object: "list", data: workers.map(writeWorker) });
});

/** Ids of workers have a slash. */
ownWorkers.put("/tenants/:tenant/workers/:id{.+}", async (c) => {
  const { context } = c.var;
  const body = await readBody(ownWorker, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const [provider = "", ...rest] = c.req.param("id").split("/");
  const model = modelSchema.shape.id.safeParse(rest.join("/"));
  if (!model.success || model.data.includes("@")) return refuse(context, wrong("is not <provider>/<model>"));
  const source = { url: "a tenant's own", date: new Date(context.arrivedAt).toISOString().slice(0, 10) };
  const card = readModel(provider, { ...body.value, id: model.data }, source);
  const problem = problemWith(card, context.roster);
  if (problem) return refuse(context, problem);
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);

  c.set("detail", { fields: Object.keys(body.value), created: card.id });
  const written = await context.objects.tenant(tenant.value.id).writeOwnWorker(card);
  const full: ShoalError = wrong(`a tenant has at most ${mostOwnWorkers} workers of its own`);
  return written ? c.json(writeWorker(card)) : refuse(context, full);
});

ownWorkers.delete("/tenants/:tenant/workers/:id{.+}", async (c) => {
  const { context } = c.var;
  const tenant = await findTenant(c.req.param("tenant"), context);
  if (!tenant.ok) return refuse(context, tenant.error);
  const id = c.req.param("id");
  const gone = await context.objects.tenant(tenant.value.id).deleteOwnWorker(id);
  const message = `the tenant has no worker '${id.slice(0, 128)}' of its own`;
  return gone ? c.body(null, 204) : refuse(context, { kind: "not_found", message });
});
