import { Hono } from "hono";
import type { AdminEnv } from "./env.ts";

export const workers = new Hono<AdminEnv>();

/** Which workers are in the pool, and what the others wait for. */
workers.get("/workers", (c) => {
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
