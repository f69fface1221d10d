import { describe, expect, it } from "vitest";
import { cardSchema, priceSchema } from "../../shared/card-schema.ts";
import { workerCards } from "../../shared/worker-cards.ts";

const sound = { input: 2, output: 8, cachedInput: 0.2, cacheWrite: 2.5 };
const upper = { aboveInputTokens: 200_000, input: 4, output: 12, cachedInput: 0.4, cacheWrite: 5 };

const problemsOf = (price: object): readonly string[] =>
  priceSchema.safeParse(price).error?.issues.map(({ path }) => path.join(".")) ?? [];

describe("priceSchema", () => {
  it("takes a price with tiers", () => {
    expect(priceSchema.parse({ ...sound, tiers: [upper] })).toEqual({ ...sound, tiers: [upper] });
  });

  it("takes what costs nothing", () => {
    expect(problemsOf({ input: 0, output: 0 })).toEqual([]);
  });

  it.each([
    ["a rate that is negative", { ...sound, input: -1 }, "input"],
    ["a rate that is not finite", { ...sound, output: Infinity }, "output"],
    ["a rate that is not a number", { ...sound, output: Number.NaN }, "output"],
    ["a rate of one token", { ...sound, input: 0.000002 }, "input"],
    ["a rate beyond all that was ever charged", { ...sound, output: 2_000_000 }, "output"],
    ["cached input dearer than input", { ...sound, cachedInput: 3 }, "cachedInput"],
    ["a field that pricing would not use", { ...sound, webSearch: 10 }, ""],
    ["tiers out of order", { ...sound, tiers: [upper, { ...upper, aboveInputTokens: 100_000 }] }, "tiers"],
    ["a tier that is cheaper than what is below", { ...sound, tiers: [{ ...upper, output: 7 }] }, "tiers"],
    [
      "a tier whose cache is cheaper than what is below",
      { ...sound, tiers: [{ ...upper, cachedInput: 0.1 }] },
      "tiers",
    ],
  ])("refuses %s", (_, price, field) => {
    expect(problemsOf(price)).toContain(field);
  });
});

describe("cardSchema", () => {
  const card = workerCards[0];

  it.each([
    ["an unknown field", { cost: 1 }, ""],
    [
      "price changes out of order",
      { priceChanges: ["2027-01-01", "2026-12-01"].map((from) => ({ from, price: sound })) },
      "priceChanges",
    ],
    ["a price change on no day", { priceChanges: [{ from: "2026-12", price: sound }] }, "priceChanges.0.from"],
    ["more output than context", { maxOutputTokens: 10_000_000 }, "maxOutputTokens"],
    ["an ability twice", { abilities: ["tools", "tools"] }, "abilities"],
    ["a name that would say more in a header", { id: "north/a; source=client" }, "id"],
    ["a name that no header takes", { id: "north/\u{1f41f}" }, "id"],
  ])("refuses %s", (_, change, field) => {
    const paths = cardSchema.safeParse({ ...card, ...change }).error?.issues.map(({ path }) => path.join("."));
    expect(paths).toContain(field);
  });
});
