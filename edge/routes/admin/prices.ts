import { Hono } from "hono";
import type { ShoalError } from "../../../shared/errors.ts";
import type { Price, Rates } from "../../../shared/pricing.ts";
import { priceSchema } from "../../../shared/card-schema.ts";
import { priceAt } from "../../../shared/workers.ts";
import { toRequestError } from "../../formats/request-error.ts";
import { nearest } from "../../pool/resolve-model.ts";
import { operatorPrice, readPrice } from "../../providers/openai-compatible.ts";
import type { AdminEnv } from "./env.ts";
import { readBody } from "./read-body.ts";
import { refuse } from "./refuse.ts";

/** What every worker costs, by whose word, and what the operator has set in its place. Dollars per million tokens. */
export const prices = new Hono<AdminEnv>();

const writeRates = ({ input, output, cachedInput, cacheWrite }: Rates) => ({
  input,
  output,
  ...(cachedInput !== undefined && { cached_input: cachedInput }),
  ...(cacheWrite !== undefined && { cache_write: cacheWrite }),
});

const writePrice = ({ tiers, ...base }: Price) => ({
  ...writeRates(base),
  ...(tiers && {
    tiers: tiers.map(({ aboveInputTokens, ...rates }) => ({
      above_input_tokens: aboveInputTokens,
      ...writeRates(rates),
    })),
  }),
});

prices.get("/prices", async (c) => {
  const { objects, roster, arrivedAt } = c.var.context;
  const set = new Map((await objects.region().listPrices()).map((entry) => [entry.worker, entry]));
  return c.json({
    object: "list",
    data: roster.cards.map((card) => {
      const own = set.get(card.id);
      const listed = priceAt(card, arrivedAt);
      const price = own?.price ?? listed;
      return {
        worker: card.id,
        price: price && writePrice(price),
        set_at: own ? new Date(own.at).toISOString() : null,
        listed: listed && writePrice(listed),
        changes: (card.priceChanges ?? []).map((change) => ({ from: change.from, price: writePrice(change.price) })),
        source: card.source,
      };
    }),
  });
});

/** Ids of workers have a slash. */
prices.put("/prices/:worker{.+}", async (c) => {
  const { context } = c.var;
  const body = await readBody(operatorPrice, c.req.raw, context);
  if (!body.ok) return refuse(context, body.error);
  const price = readPrice(body.value);
  const checked = priceSchema.safeParse(price);
  if (!checked.success) return refuse(context, toRequestError(checked.error, price));
  const worker = c.req.param("worker");
  const ids = context.roster.cards.map(({ id }) => id);
  if (!ids.includes(worker)) return refuse(context, unknown(worker, ids));
  await context.objects.region().setPrice({ worker, price });
  c.set("detail", { fields: Object.keys(body.value) });
  return c.json({ object: "price", worker, price: writePrice(price) });
});

prices.delete("/prices/:worker{.+}", async (c) => {
  const { context } = c.var;
  const worker = c.req.param("worker");
  const gone = await context.objects.region().deletePrice(worker);
  const message = `no price was set for '${worker.slice(0, 128)}'`;
  return gone ? c.body(null, 204) : refuse(context, { kind: "not_found", message });
});

const unknown = (worker: string, ids: readonly string[]): ShoalError => {
  const near = nearest(worker, ids);
  const hint = near.length > 0 ? `; the nearest: ${near.join(", ")}` : "";
  return { kind: "not_found", message: `there is no worker '${worker.slice(0, 128)}'${hint}` };
};
