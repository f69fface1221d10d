import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  estimateBias,
  fadeBias,
  maxBias,
  maxBiasOfKey,
  maxBiasOfKeyPerDay,
  residualOf,
  trustIn,
  type ScoreGroup,
  type TenantBias,
} from "../../shared/feedback.ts";

const now = { day: "2026-11-22", weights: "2026-11-22-a" };

const group = (count: number, mean: number, rest: Partial<ScoreGroup> = {}): ScoreGroup => ({
  worker: "good",
  type: null,
  key: "k1",
  day: now.day,
  weights: now.weights,
  count,
  sum: count * mean,
  ...rest,
});

const days = Array.from({ length: 10 }, (_, at) => `2026-11-${String(22 - at).padStart(2, "0")}`);
const biasOf = (groups: readonly ScoreGroup[], worker = "good") => estimateBias(groups, now).workers[worker]?.all ?? 0;
/** What a prompt that is surely of a type gets. */
const biasOn = ({ workers }: TenantBias, worker: string, type: string) =>
  (workers[worker]?.all ?? 0) + (workers[worker]?.types[type] ?? 0);

/** The most that any prompt's bias of any worker differs by. */
const change = (before: readonly ScoreGroup[], after: readonly ScoreGroup[]) => {
  const [a, b] = [estimateBias(before, now), estimateBias(after, now)];
  return Math.max(
    ...["good", "fair"].flatMap((worker) =>
      ["math", "prose", "none"].map((type) => Math.abs(biasOn(a, worker, type) - biasOn(b, worker, type))),
    ),
  );
};

describe("a residual", () => {
  it("is what the score is above what was foreseen, so that a hard prompt costs nothing", () => {
    expect(residualOf({ score: 0.2, quality: 0.2 }, { count: 0, sum: 0 })).toBe(0);
    expect(residualOf({ score: 1, quality: 0.6 }, { count: 0, sum: 0 })).toBeCloseTo(0.4);
  });

  it("leaves out how strict the key is with other workers", () => {
    expect(residualOf({ score: 0.3, quality: 0.6 }, { count: 90, sum: -30 })).toBeCloseTo(0);
  });
});

describe("a bias", () => {
  it("is the posterior mean while no key has reached its bound", () => {
    expect(biasOf([group(5, 0.1)])).toBeCloseTo(0.5 / 55, 4);
    expect(biasOf(["k1", "k2", "k3"].map((key) => group(4, 0.15, { key })))).toBeCloseTo((12 * 0.15) / 62, 3);
  });

  it("comes near what all keys agree on", () => {
    const agreed = Array.from({ length: 8 }, (_, at) =>
      days.map((day) => group(20, 0.06, { key: `k${at}`, day })),
    ).flat();
    expect(biasOf(agreed)).toBeGreaterThan(0.05);
    expect(biasOf(agreed)).toBeLessThan(0.06);
  });

  it("of a type differs from the worker's own as far as its scores do", () => {
    const scores = ["k1", "k2", "k3", "k4"].flatMap((key) => [
      group(30, 0.2, { key, type: "math" }),
      group(30, -0.2, { key, type: "prose" }),
    ]);
    const bias = estimateBias(scores, now);
    expect(biasOn(bias, "good", "math")).toBeGreaterThan(0.02);
    expect(biasOn(bias, "good", "prose")).toBeLessThan(-0.02);
    expect(Math.abs(bias.workers["good"]?.all ?? 0)).toBeLessThan(0.001);
  });

  it("fades with age, and with weights that are trained anew", () => {
    const fresh = biasOf([group(5, 0.1)]);
    expect(biasOf([group(5, 0.1, { day: "2026-10-23" })])).toBeCloseTo(fresh / 2, 3);
    expect(biasOf([group(5, 0.1, { weights: "2026-10-01-a" })])).toBeCloseTo(fresh / 4, 3);
    expect(biasOf([group(5, 0.1, { weights: "2026-11-22-edge" })])).toBe(fresh);
    expect([trustIn("2026-11-22-a", "2026-11-22-b"), trustIn("2026-11-22-a", "2026-12-01-a")]).toEqual([1, 0.25]);
  });

  it("fades without further feedback", () => {
    const bias = { ...now, workers: { good: { all: 0.04, types: { math: -0.02 } } } };
    expect(fadeBias(bias, now.day)).toBe(bias);
    expect(fadeBias(bias, "2026-12-22")).toEqual({
      weights: now.weights,
      day: "2026-12-22",
      workers: { good: { all: 0.02, types: { math: -0.01 } } },
    });
  });

  it("that decides nothing is not passed on", () => {
    expect(estimateBias([group(1, 0.01)], now)).toEqual({ ...now, workers: {} });
  });
});

describe("the bounds", () => {
  const rounding = 0.000_2;
  const types = ["math", "prose", null] as const;
  const anyGroup = fc.record({
    key: fc.constantFrom("k1", "k2", "k3", "k4", "k5"),
    day: fc.constantFrom(...days),
    type: fc.constantFrom(...types),
    worker: fc.constantFrom("good", "fair"),
    weights: fc.constantFrom("2026-11-22-a", "2026-10-01-a"),
    count: fc.integer({ min: 1, max: 1000 }),
    mean: fc.double({ min: -1, max: 1, noNaN: true }),
  });
  const anyGroups = fc
    .array(anyGroup, { maxLength: 40 })
    .map((drawn) => drawn.map(({ mean, ...rest }) => group(rest.count, mean, rest)));

  it("hold a bias whatever all keys say", () => {
    fc.assert(
      fc.property(anyGroups, (groups) => {
        expect(change([], groups)).toBeLessThanOrEqual(maxBias + rounding);
      }),
    );
  });

  it("hold what one key moves, whatever it and the others say", () => {
    fc.assert(
      fc.property(anyGroups, (groups) => {
        const others = groups.filter(({ key }) => key !== "k1");
        expect(change(others, groups)).toBeLessThanOrEqual(maxBiasOfKey + rounding);
      }),
    );
  });

  it("hold what one key moves on one day", () => {
    fc.assert(
      fc.property(anyGroups, (groups) => {
        const before = groups.filter(({ key, day }) => key !== "k1" || day !== now.day);
        expect(change(before, groups)).toBeLessThanOrEqual(maxBiasOfKeyPerDay + rounding);
      }),
    );
  });
});
