import { describe, expect, it } from "vitest";
import { cardSchema } from "../../shared/card-schema.ts";
import { cardsDate, workerCards } from "../../shared/worker-cards.ts";
import { priceAt, type WorkerCard } from "../../shared/workers.ts";

/** As the recordings spell them. */
const recorded = [
  "claude-opus-4-6",
  "claude-sonnet-4-6",
  "gpt-5.4",
  "glm-5",
  "kimi-k2.5",
  "MiniMax-M2.7",
  "Qwen3-Max",
  "qwen3.5-plus",
];

describe("worker cards", () => {
  it("have each an id of their own", () => {
    expect(new Set(workerCards.map(({ id }) => id)).size).toBe(workerCards.length);
  });

  it("cover every recorded model once as measured", () => {
    const measured = workerCards.filter(({ strengths }) => strengths === "measured").map(({ profile }) => profile);
    expect(measured).toHaveLength(recorded.length);
    expect(new Set(measured)).toEqual(new Set(recorded));
  });

  it.each(workerCards.map((card) => [card.id, card] as const))("%s is consistent", (_id, card) => {
    expect(card.profile === null).toBe(card.strengths === "none");
    expect([null, ...recorded]).toContain(card.profile);
    expect(card.abilities.includes("tool_choice") && !card.abilities.includes("tools")).toBe(false);
    expect(card.abilities.includes("image_url") && !card.abilities.includes("vision")).toBe(false);
    expect(card.source.date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(Date.parse(card.source.date)).toBeLessThanOrEqual(Date.parse(cardsDate));
    expect(cardSchema.safeParse(card).error?.issues ?? []).toEqual([]);
  });
});

describe("priceAt", () => {
  const plain: WorkerCard = {
    id: "vendor/model",
    provider: "vendor",
    upstream: "model",
    resold: {},
    profile: null,
    strengths: "none",
    contextTokens: 1000,
    maxOutputTokens: 100,
    efforts: [],
    abilities: [],
    price: { input: 1, output: 2 },
    source: { url: "https://example.com", date: "2026-11-22" },
  };
  const card: WorkerCard = {
    ...plain,
    priceChanges: [
      { from: "2026-12-01", price: { input: 3, output: 4 } },
      { from: "2027-01-01", price: { input: 5, output: 6 } },
    ],
  };

  it.each([
    ["2026-11-30T23:59:59Z", 1],
    ["2026-12-01T00:00:00Z", 3],
    ["2027-06-01T00:00:00Z", 5],
  ])("gives the price that holds at %s", (time, input) => {
    expect(priceAt(card, Date.parse(time))?.input).toBe(input);
  });

  it("gives the card's own price without announced changes", () => {
    expect(priceAt(plain, 0)).toEqual({ input: 1, output: 2 });
  });
});
