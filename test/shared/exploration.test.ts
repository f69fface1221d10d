import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Score } from "../../shared/decision.ts";
import { explore } from "../../shared/exploration.ts";

const scoreOf = (worker: string, utility: number, costDollars: number | null = 0.01): Score => ({
  worker,
  quality: utility,
  costDollars,
  latencyMs: null,
  utility,
});

const drawable = (scores: readonly Score[], baseline: string | null = null) =>
  Object.keys(explore(scores, { share: 0.1, baseline }, 0)?.propensities ?? {});

describe("explore", () => {
  it("draws among workers whose utility is near the best one's", () => {
    expect(drawable([scoreOf("a", 0.8), scoreOf("b", 0.76), scoreOf("c", 0.74)])).toEqual(["a", "b"]);
  });

  it("never draws one that costs more than three times as much, the baseline included", () => {
    const scores = [
      scoreOf("a", 0.8, 0.01),
      scoreOf("b", 0.8, 0.031),
      scoreOf("c", 0.2, 0.04),
      scoreOf("d", 0.2, 0.03),
    ];
    expect(drawable(scores, "c")).toEqual(["a"]);
    expect(drawable(scores, "d")).toEqual(["a", "d"]);
    expect(drawable([scoreOf("a", 0.8), scoreOf("b", 0.8, null)])).toEqual(["a"]);
  });

  it("has nothing to draw from where nobody is scored", () => {
    expect(explore([], { share: 0.1, baseline: null }, 0)).toBeNull();
  });

  const ranked = fc
    .array(
      fc.record({
        utility: fc.double({ min: 0, max: 1, noNaN: true }),
        cost: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      }),
      {
        minLength: 1,
        maxLength: 8,
      },
    )
    .map((drawn) =>
      drawn.map(({ utility, cost }, at) => scoreOf(`w${at}`, utility, cost)).toSorted((a, b) => b.utility - a.utility),
    );
  const share = fc.double({ min: 0.001, max: 0.1, noNaN: true });

  it("gives propensities that add up to one, the best worker's no less than all but the share", () => {
    fc.assert(
      fc.property(ranked, share, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (scores, part, draw) => {
        const made = explore(scores, { share: part, baseline: "w0" }, draw);
        const all = Object.values(made?.propensities ?? {});
        expect(all.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
        expect(made?.propensities[scores[0]?.worker ?? ""]).toBeGreaterThanOrEqual(1 - part);
        expect(made?.propensities[made.worker]).toBeGreaterThan(0);
      }),
    );
  });

  it("draws as often as the propensities say", () => {
    const scores = [scoreOf("a", 0.8), scoreOf("b", 0.79), scoreOf("c", 0.78)];
    const draws = Array.from({ length: 3000 }, (_, at) => explore(scores, { share: 0.09, baseline: null }, at / 3000));
    const shareOf = (worker: string) => draws.filter((made) => made?.worker === worker).length / draws.length;
    for (const worker of ["a", "b", "c"]) expect(shareOf(worker)).toBeCloseTo(draws[0]?.propensities[worker] ?? 0, 2);
  });
});
