import { describe, expect, it } from "vitest";
import type { Prediction } from "../../shared/head.ts";
import type { HeldOut } from "../../inference/train/fit/held-out.ts";
import { measurePools, pooledInterval } from "../../inference/train/tables/pools.ts";

/** Each worker is right on its own kind of prompt only, and the head says so. */
const workers = ["a", "b", "c", "d"];
const heldOut = Array.from({ length: 200 }, (_, at): HeldOut => {
  const kind = at % workers.length;
  const known = (index: number) => ({
    quality: index === kind ? 0.9 : 0.1,
    outputTokens: 100,
    latencyMs: null,
    evidence: 50,
    standardError: null,
  });
  const prediction: Prediction = {
    types: [{ name: `kind ${kind}`, probability: 1 }],
    support: 1,
    profiles: new Map(workers.map((name, index) => [name, known(index)])),
    ballot: {},
  };
  return {
    prompt: {
      set: "kinds",
      id: `p${at}`,
      problem: `p${at}`,
      domain: "code",
      type: "code",
      texts: ["text"],
      models: Object.fromEntries(workers.map((name, index) => [name, { correct: index === kind ? 1 : 0 }])),
    },
    fold: Math.floor(at / 40),
    predictions: [prediction],
  };
});

const prompts = heldOut.map(({ prompt }) => prompt);
const results = measurePools({ set: "kinds", workers, recorded: prompts, heldOut, seed: 1 });
const ofSize = (size: number) => results.filter(({ pool }) => pool.length === size);

describe("measurePools", () => {
  it("measures every pair, every triple and the full pool once", () => {
    expect([2, 3, 4].map((size) => ofSize(size).length)).toEqual([6, 4, 1]);
    expect(new Set(results.map(({ pool }) => pool.join())).size).toBe(11);
  });

  it("finds what each worker of a pool is good at, against its best single one", () => {
    for (const { pool, interval } of results) expect(interval.mean).toBeCloseTo(25 * (pool.length - 1), 6);
  });

  it("leaves out prompts that some worker was not recorded on", () => {
    const [first, ...rest] = heldOut;
    if (!first) throw new Error("no prompt");
    const lacking = { ...first, prompt: { ...first.prompt, models: {} } };
    const measured = measurePools({ set: "kinds", workers, recorded: prompts, heldOut: [lacking, ...rest], seed: 1 });
    expect(new Set(measured.map(({ problems }) => problems.length))).toEqual(new Set([rest.length]));
  });

  it("is no worse than a head of the pool's own workers", () => {
    const measured = results.flatMap(({ againstOwn }) => againstOwn ?? []);
    expect(new Set(measured)).toEqual(new Set([0]));
  });
});

describe("pooledInterval", () => {
  it("is the mean over pools, prompt by prompt", () => {
    const { mean, low, high } = pooledInterval(ofSize(2), 1);
    expect(mean).toBeCloseTo(25, 6);
    expect(low).toBeGreaterThan(20);
    expect(high).toBeLessThan(30);
  });
});
