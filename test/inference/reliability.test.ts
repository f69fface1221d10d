import { describe, expect, it } from "vitest";
import { createRandom } from "../../inference/train/fit/random.ts";
import { reliabilityOf, type Stopped } from "../../inference/train/tables/reliability.ts";

const ballots = (count: number, ballotOf: (random: () => number) => Stopped): readonly Stopped[] => {
  const random = createRandom(7);
  return Array.from({ length: count }, () => ballotOf(random));
};

describe("reliabilityOf", () => {
  it("finds little error where ballots are right as often as they say", () => {
    const honest = ballots(20_000, (random) => {
      const stated = random();
      return { stated, right: random() < stated };
    });
    expect(reliabilityOf(honest, 0).error).toBeLessThan(0.015);
  });

  it("finds how far stated and observed are apart, in whichever direction", () => {
    const boastful = ballots(10_000, (random) => ({ stated: 0.9, right: random() < 0.7 }));
    const modest = ballots(10_000, (random) => ({ stated: 0.5, right: random() < 0.8 }));
    expect(reliabilityOf(boastful, 0).error).toBeCloseTo(0.2, 1);
    expect(reliabilityOf([...boastful, ...modest], 0).error).toBeCloseTo(0.25, 1);
  });

  it("puts ballots into bins of nearly equal mass by rising probability", () => {
    const { bins, ballots: counted } = reliabilityOf(
      ballots(1003, (random) => ({ stated: random() ** 3, right: true })),
      4,
    );
    expect(counted).toBe(1003);
    expect(bins).toHaveLength(10);
    expect(bins.reduce((sum, bin) => sum + bin.ballots, 0)).toBe(1003);
    for (const [at, bin] of bins.entries()) {
      expect(Math.abs(bin.ballots - 100.3)).toBeLessThan(1);
      expect(bin.stated).toBeGreaterThan(bins[at - 1]?.stated ?? 0);
    }
  });

  it("has a bin for each of a few ballots, and none for none", () => {
    expect(reliabilityOf([{ stated: 0.8, right: true }], 0)).toMatchObject({
      bins: [{ ballots: 1, stated: 0.8, observed: 1 }],
    });
    expect(reliabilityOf([], 3)).toEqual({ bins: [], error: 0, ballots: 0, undecided: 3 });
  });
});
