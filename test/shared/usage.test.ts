import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addUsage, noUsage, type Usage } from "../../shared/usage.ts";
import { usageOf } from "../support/events.ts";

const count = fc.nat({ max: 1_000_000 });
const anyUsage: fc.Arbitrary<Usage> = fc.record({
  inputTokens: count,
  cachedInputTokens: count,
  cacheWriteTokens: count,
  outputTokens: count,
  reasoningTokens: count,
  source: fc.constantFrom("reported", "estimated", "unknown"),
});

describe("addUsage", () => {
  it("adds every count", () => {
    const a: Usage = { ...usageOf(1, 4), cachedInputTokens: 2, cacheWriteTokens: 3, reasoningTokens: 5 };
    const b: Usage = { ...usageOf(10, 40), cachedInputTokens: 20, cacheWriteTokens: 30, reasoningTokens: 50 };
    expect(addUsage(a, b)).toEqual({
      inputTokens: 11,
      cachedInputTokens: 22,
      cacheWriteTokens: 33,
      outputTokens: 44,
      reasoningTokens: 55,
      source: "reported",
    });
  });

  it("leaves a usage as it is when nothing is added", () => {
    fc.assert(
      fc.property(anyUsage, (usage) => {
        expect(addUsage(noUsage, usage)).toEqual(usage);
      }),
    );
  });

  it("gives one sum whatever the order", () => {
    fc.assert(
      fc.property(anyUsage, anyUsage, anyUsage, (a, b, c) => {
        expect(addUsage(a, b)).toEqual(addUsage(b, a));
        expect(addUsage(addUsage(a, b), c)).toEqual(addUsage(a, addUsage(b, c)));
      }),
    );
  });

  it("knows the sum only as well as its least known part", () => {
    expect(addUsage(usageOf(1, 1), usageOf(1, 1, { source: "estimated" })).source).toBe("estimated");
    expect(addUsage(usageOf(1, 1, { source: "unknown" }), usageOf(1, 1, { source: "estimated" })).source).toBe(
      "unknown",
    );
  });
});
