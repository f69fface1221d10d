import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundOf, costOf, scalePrice, toDollars, type Price } from "../../shared/pricing.ts";
import { priceSchema } from "../../shared/card-schema.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import { priceAt } from "../../shared/workers.ts";
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

  it("takes parts that a host reports as more than the whole for all of it", () => {
    const usage = usageOf(1000, 0, { cachedInputTokens: 5000, cacheWriteTokens: 700 });
    expect(costOf(price, usage)).toBe(1000 * 0.25);
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

const toRate = (thousandths: number) => Math.ceil(thousandths) / 1000;

/** A price that the card's schema takes: dearer with each tier, cached input no dearer than input. */
const soundPrice: fc.Arbitrary<Price> = fc
  .record({
    input: fc.integer({ min: 1, max: 50_000 }),
    output: fc.integer({ min: 1, max: 50_000 }),
    cachedShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
    writeFactor: fc.option(fc.double({ min: 0.1, max: 2, noNaN: true }), { nil: null }),
    tiers: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 1, max: 3, noNaN: true })), {
      maxLength: 3,
      selector: ([above]) => above,
    }),
  })
  .map(({ input, output, cachedShare, writeFactor, tiers }) => {
    const at = (factor: number) => ({
      input: toRate(input * factor),
      output: toRate(output * factor),
      cachedInput: Math.min(toRate(input * factor), toRate(input * factor * cachedShare)),
      ...(writeFactor !== null && { cacheWrite: toRate(input * factor * writeFactor) }),
    });
    const sorted = tiers.toSorted(([a], [b]) => a - b);
    const factors = sorted.map((_, index) => sorted.slice(0, index + 1).reduce((product, [, by]) => product * by, 1));
    return {
      ...at(1),
      tiers: sorted.map(([aboveInputTokens], index) => ({ ...at(factors[index] ?? 1), aboveInputTokens })),
    };
  });

const oneMore = fc.constantFrom("plain", "cached", "written", "output");

describe("a price that the schema takes", () => {
  it("is taken", () => {
    fc.assert(
      fc.property(soundPrice, (some) => {
        expect(priceSchema.parse(some)).toEqual(some);
      }),
    );
  });

  it("never makes a call with one token more cheaper", () => {
    fc.assert(
      fc.property(soundPrice, within, oneMore, (some, { usage }, which) => {
        const more = {
          ...usage,
          inputTokens: usage.inputTokens + (which === "output" ? 0 : 1),
          cachedInputTokens: usage.cachedInputTokens + (which === "cached" ? 1 : 0),
          cacheWriteTokens: usage.cacheWriteTokens + (which === "written" ? 1 : 0),
          outputTokens: usage.outputTokens + (which === "output" ? 1 : 0),
        };
        expect(costOf(some, more)).toBeGreaterThanOrEqual(costOf(some, usage));
      }),
      { numRuns: 2000 },
    );
  });

  it("never makes a call dearer for reading from the cache", () => {
    fc.assert(
      fc.property(soundPrice, within, (some, { usage }) => {
        const none = { ...usage, cachedInputTokens: 0, cacheWriteTokens: 0 };
        expect(costOf(some, { ...none, cachedInputTokens: usage.cachedInputTokens })).toBeLessThanOrEqual(
          costOf(some, none),
        );
      }),
    );
  });
});

/** Dollars of whole calls, worked out by hand from what the pages say. */
const worked: readonly {
  readonly card: string;
  readonly on: string;
  readonly usage: Parameters<typeof usageOf>;
  readonly microDollars: number;
  readonly page: string;
}[] = [
  {
    // $5 input, $25 output, $6.25 for writing for five minutes, $0.50 for reading.
    card: "anthropic/claude-opus-5",
    on: "2026-11-22",
    usage: [50_000, 15_000, { cachedInputTokens: 30_000, cacheWriteTokens: 10_000, reasoningTokens: 9_000 }],
    microDollars: 10_000 * 5 + 30_000 * 0.5 + 10_000 * 6.25 + 15_000 * 25,
    page: "https://platform.claude.com/docs/about-claude/models/whats-new-opus-5",
  },
  {
    // The prompt counts with what is read from the cache and written to it.
    card: "anthropic/claude-haiku-5-5",
    on: "2026-11-22",
    usage: [100_000, 2_000, { cachedInputTokens: 80_000 }],
    microDollars: 20_000 * 0.1 + 80_000 * 0.01 + 2_000 * 0.5,
    page: "https://github.com/kurofune/claudit/releases/tag/v1.9.2",
  },
  {
    card: "anthropic/claude-haiku-5-5",
    on: "2026-11-22",
    usage: [100_001, 2_000, { cachedInputTokens: 80_000 }],
    // $0.0190005, to the next micro-dollar.
    microDollars: 19_001,
    page: "https://github.com/kurofune/claudit/releases/tag/v1.9.2",
  },
  {
    // Past 272,000 tokens input and cache cost twice as much and output 1.5 times, for the whole request.
    card: "openai/gpt-6-astra",
    on: "2026-11-22",
    usage: [300_000, 10_000, { cachedInputTokens: 200_000, cacheWriteTokens: 50_000 }],
    microDollars: 50_000 * 20 + 200_000 * 2 + 50_000 * 25 + 10_000 * 75,
    page: "https://github.com/BerriAI/litellm/discussions/39633",
  },
  {
    // Thoughts are output; past 200,000 tokens the whole request is at the upper rates.
    card: "google/gemini-3.1-pro-preview",
    on: "2026-11-22",
    usage: [250_000, 4_000, { cachedInputTokens: 100_000, reasoningTokens: 3_000 }],
    microDollars: 150_000 * 4 + 100_000 * 0.4 + 4_000 * 18,
    page: "https://ai.google.dev/gemini-api/docs/pricing",
  },
  {
    card: "google/gemini-4-argon",
    on: "2026-11-30",
    usage: [1_000, 1_000, {}],
    microDollars: 1_000 * 2 + 1_000 * 10,
    page: "https://ai.google.dev/gemini-api/docs/generate-content/latest-model",
  },
  {
    card: "google/gemini-4-argon",
    on: "2026-12-01",
    usage: [1_000, 1_000, {}],
    microDollars: 1_000 * 4 + 1_000 * 20,
    page: "https://ai.google.dev/gemini-api/docs/generate-content/latest-model",
  },
];

describe("the cards", () => {
  it.each(worked)("price a call to $card on $on as $page says", ({ card: id, on, usage, microDollars }) => {
    const card = workerCards.find((candidate) => candidate.id === id);
    const known = card ? priceAt(card, Date.parse(on)) : null;
    expect(known && costOf(known, usageOf(...usage))).toBe(microDollars);
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
