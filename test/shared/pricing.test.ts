import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundOf, costOf, scalePrice, toDollars, type Price } from "../../shared/pricing.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import { usageOf } from "../support/events.ts";

const price: Price = { input: 2.5, output: 10, cachedInput: 0.25, cacheWrite: 3.125 };
const tiered: Price = { input: 2, output: 10, tiers: [{ aboveInputTokens: 200_000, input: 4, output: 15 }] };

describe("costOf", () => {
  it("counts a million tokens of input and output at their rates", () => {
    expect(costOf(price, usageOf(1_000_000, 0))).toBe(2_500_000);
    expect(costOf(price, usageOf(0, 1_000_000))).toBe(10_000_000);
  });

  it("counts cached input and cache writes as parts of the input, each at its own rate", () => {
    const usage = usageOf(1000, 100, { cachedInputTokens: 600, cacheWriteTokens: 200 });
    expect(costOf(price, usage)).toBe(200 * 2.5 + 600 * 0.25 + 200 * 3.125 + 100 * 10);
  });

  it("counts both at the input rate where the vendor has no other", () => {
    const usage = usageOf(1000, 0, { cachedInputTokens: 600, cacheWriteTokens: 200 });
    expect(costOf({ input: 3, output: 9 }, usage)).toBe(3000);
  });

  it("counts reasoning within the output, not beside it", () => {
    expect(costOf(price, usageOf(0, 100, { reasoningTokens: 80 }))).toBe(1000);
  });

  it("changes the rates of the whole call one token above a tier's bound", () => {
    expect(costOf(tiered, usageOf(200_000, 10))).toBe(400_100);
    expect(costOf(tiered, usageOf(200_001, 10))).toBe(800_004 + 150);
  });

  it("rounds a fraction of a micro-dollar up, and a whole number not at all", () => {
    expect(costOf({ input: 0.25, output: 0 }, usageOf(1, 0))).toBe(1);
    expect(costOf({ input: 0.1, output: 0.7 }, usageOf(30, 10))).toBe(10);
    expect(costOf({ input: 0.3, output: 0 }, usageOf(1_000_000, 0))).toBe(300_000);
  });

  it("is nothing for nothing", () => {
    expect(costOf(price, usageOf(0, 0))).toBe(0);
  });
});

const rate = fc.double({ min: 0, max: 100, noNaN: true }).map((value) => Math.round(value * 1000) / 1000);
const rates = fc.record(
  { input: rate, output: rate, cachedInput: rate, cacheWrite: rate },
  { requiredKeys: ["input", "output"] },
);
const anyPrice: fc.Arbitrary<Price> = fc
  .tuple(
    rates,
    fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 5000 }), rates), { maxLength: 3, selector: ([above]) => above }),
  )
  .map(([base, tiers]) => ({
    ...base,
    tiers: tiers.toSorted(([a], [b]) => a - b).map(([aboveInputTokens, own]) => ({ ...own, aboveInputTokens })),
  }));

/** Usage that keeps within an input bound and an output cap. */
const within = fc
  .record({
    inputBound: fc.integer({ min: 0, max: 10_000 }),
    outputCap: fc.integer({ min: 0, max: 10_000 }),
    parts: fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
  })
  .map(({ inputBound, outputCap, parts: [input, cached, written, output] }) => {
    const inputTokens = Math.floor(inputBound * input);
    const cachedInputTokens = Math.floor(inputTokens * cached);
    const cacheWriteTokens = Math.floor((inputTokens - cachedInputTokens) * written);
    const usage = usageOf(inputTokens, Math.floor(outputCap * output), { cachedInputTokens, cacheWriteTokens });
    return { inputBound, outputCap, usage };
  });

describe("boundOf", () => {
  it("is never below the cost of a call within its bounds", () => {
    fc.assert(
      fc.property(anyPrice, within, (some, { inputBound, outputCap, usage }) => {
        expect(boundOf(some, inputBound, outputCap)).toBeGreaterThanOrEqual(costOf(some, usage));
      }),
      { numRuns: 2000 },
    );
  });

  it("is an integer, as costs are", () => {
    fc.assert(
      fc.property(anyPrice, within, (some, { inputBound, outputCap, usage }) => {
        expect(Number.isInteger(boundOf(some, inputBound, outputCap))).toBe(true);
        expect(Number.isInteger(costOf(some, usage))).toBe(true);
      }),
    );
  });

  it("is the price itself when all of it is used and nothing is cached", () => {
    expect(boundOf({ input: 2, output: 10 }, 500, 100)).toBe(costOf({ input: 2, output: 10 }, usageOf(500, 100)));
  });

  it.each(workerCards.map((card) => [card.id, card.price] as const))("holds for %s", (_, known) => {
    const usage = usageOf(300_000, 1000, { cacheWriteTokens: 300_000 });
    const [bound, cost] = known === null ? [0, 0] : [boundOf(known, 300_000, 1000), costOf(known, usage)];
    expect(bound).toBeGreaterThanOrEqual(cost);
  });
});

describe("toDollars", () => {
  it("reads micro-dollars", () => {
    expect(toDollars(1_234_567)).toBe(1.234567);
  });
});

describe("scalePrice", () => {
  it("scales every rate and no bound, in decimals", () => {
    const listed = {
      input: 2,
      output: 10,
      cachedInput: 0.1,
      tiers: [{ aboveInputTokens: 1000, input: 3, output: 15 }],
    };
    expect(scalePrice(listed, 1.1)).toEqual({
      input: 2.2,
      output: 11,
      cachedInput: 0.11,
      tiers: [{ aboveInputTokens: 1000, input: 3.3, output: 16.5 }],
    });
  });
});
