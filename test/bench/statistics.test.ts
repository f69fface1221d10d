import { describe, expect, it } from "vitest";
import { bootstrap, createRandom, median, quantile, shuffle } from "./statistics.ts";

describe("quantile", () => {
  it("interpolates between two samples", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20], 0.95)).toBeCloseTo(19.5);
  });

  it("gives the ends at 0 and 1", () => {
    expect(quantile([3, 1, 2], 0)).toBe(1);
    expect(quantile([3, 1, 2], 1)).toBe(3);
  });

  it("sorts by value and not by spelling", () => {
    expect(median([100, 9, 20])).toBe(20);
  });

  it("is not a number without samples", () => {
    expect(median([])).toBeNaN();
  });
});

const draw = (seed: number) => Array.from({ length: 5 }, createRandom(seed));

describe("createRandom", () => {
  it("repeats with its seed and only then", () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("spreads evenly over [0, 1)", () => {
    const values = Array.from({ length: 20_000 }, createRandom(1));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 1);
  });
});

describe("shuffle", () => {
  it("keeps every item and brings each to every place", () => {
    const random = createRandom(3);
    const orders = Array.from({ length: 6_000 }, () => shuffle(["a", "b", "c"], random).join(""));
    const counts = Map.groupBy(orders, (order) => order);
    expect([...counts.keys()].toSorted()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
    for (const seen of counts.values()) expect(seen.length).toBeGreaterThan(850);
  });
});

describe("bootstrap", () => {
  it("holds the true median in about 95 of 100 samples", () => {
    const random = createRandom(11);
    const trials = Array.from({ length: 200 }, () => {
      const samples = Array.from({ length: 101 }, random);
      const { low, high } = bootstrap(samples, median, { random, resamples: 200 });
      return low <= 0.5 && 0.5 <= high;
    });
    const covered = trials.filter(Boolean).length / trials.length;
    expect(covered).toBeGreaterThan(0.88);
  });

  it("draws rounds whole, so that pairs stay together", () => {
    const rounds = [1, 2, 3, 4].map((value) => ({ value, double: 2 * value }));
    const ratio = (sample: typeof rounds) =>
      median(sample.map((round) => round.double)) / median(sample.map((round) => round.value));
    expect(bootstrap(rounds, (sample) => ratio([...sample]), { random: createRandom(5), resamples: 50 })).toEqual({
      low: 2,
      high: 2,
    });
  });
});
