import { afterEach, describe, expect, it, vi } from "vitest";
import type { Policy } from "../../../edge/objects/tenant/policy.ts";
import type { RolloutSample } from "../../../edge/objects/records.ts";
import { costing, createTenant, settlementOf } from "../../support/edge.ts";

/** The object reads the time itself: tests set it. */
const at = (time: number) => vi.useFakeTimers({ toFake: ["Date"], now: time });
/** Far ahead, so that no alarm goes off by itself. */
const noon = Date.UTC(2040, 10, 22, 12);
const hour = 3_600_000;

afterEach(() => void vi.useRealTimers());

const canary = { mode: "canary:10", baseline: "north/a", rollout_bounds: { min_requests: 20 } } as const;

const setUp = async (policy: Policy) => {
  at(noon);
  const { identity, objects } = await createTenant(null, { policy });
  const tenant = objects.tenant(identity.tenant);
  const { keyId, keyHash } = identity;
  const rolloutOf = async (key = { keyId, keyHash }) => {
    const admitted = await tenant.admit({ ...key, need: costing(0), dev: false, affinity: null });
    if (!admitted.ok) throw new Error(admitted.error.kind);
    return admitted.value.record.rollout;
  };
  const settle = (requestId: string, cost: number | null, rollout: Partial<RolloutSample>) => {
    const sample: RolloutSample = {
      stage: 1,
      arm: "baseline",
      conversation: requestId,
      latencyMs: 100,
      firstTokenMs: 20,
      foreseen: null,
      ...rollout,
    };
    return tenant.record({
      openings: [],
      settlements: [settlementOf(requestId, cost, { at: Date.now(), rollout: sample })],
    });
  };
  const stages = () => tenant.readRollout({ keyId: null, before: null, limit: 20 });
  return { tenant, keyId, rolloutOf, settle, stages };
};

/** Thirty conversations of each arm, of which one is this many times as dear. */
const diverge = async (settle: Awaited<ReturnType<typeof setUp>>["settle"], times: number, stage = 1) => {
  for (let index = 0; index < 30; index += 1) {
    await settle(`b${stage}-${index}`, 100 + index, { stage, arm: "baseline" });
    await settle(`s${stage}-${index}`, times * (100 + index), { stage, arm: "shoal" });
  }
};

describe("stages", () => {
  it("begin with a baseline, and anew with each change of mode", async () => {
    const { tenant, keyId, rolloutOf, stages } = await setUp({});
    expect(await rolloutOf()).toEqual({ mode: "on", canaryPercent: 0, baseline: null });
    for (const mode of ["off", "shadow", "canary:10", "on"] as const) {
      await tenant.changeKey(keyId, { policy: { mode, baseline: "north/a" } });
      expect((await rolloutOf()).stage).toBe((await rolloutOf()).stage);
    }
    expect((await stages()).map(({ mode, endedAt }) => [mode, endedAt])).toEqual([
      ["on", null],
      ["canary:10", noon],
      ["shadow", noon],
      ["off", noon],
    ]);
  });

  it("are read page by page from the latest on, of one key or of all", async () => {
    const { tenant, keyId, rolloutOf } = await setUp({ baseline: "north/a" });
    for (const mode of ["off", "shadow", "on"] as const) {
      await tenant.changeKey(keyId, { policy: { mode } });
      await rolloutOf();
    }
    const page = async (before: number | null, of: string | null = null) =>
      (await tenant.readRollout({ keyId: of, before, limit: 2 })).map(({ id }) => id);
    expect([await page(null), await page(2), await page(1)]).toEqual([[3, 2], [1], []]);
    expect([await page(3, keyId), await page(null, "another")]).toEqual([[2, 1], []]);
  });

  it("tell for a day which conversations may have begun on the other side", async () => {
    const { tenant, keyId, rolloutOf } = await setUp({ mode: "canary:10", baseline: "north/a" });
    expect(await rolloutOf()).not.toHaveProperty("unsettled");
    at(noon + hour);
    await tenant.changeKey(keyId, { policy: { mode: "canary:50" } });
    expect(await rolloutOf()).toMatchObject({ canaryPercent: 50, unsettled: { least: 10, most: 50 } });
    at(noon + 26 * hour);
    expect(await rolloutOf()).not.toHaveProperty("unsettled");
  });
});

describe("figures", () => {
  it("count a request once, however often it is told", async () => {
    const { rolloutOf, settle, stages, tenant } = await setUp(canary);
    await rolloutOf();
    await settle("one", 200, { conversation: "c" });
    await settle("one", 200, { conversation: "c" });
    await settle("two", 300, { conversation: "c" });
    for (let time = 0; time < 2; time += 1) {
      const foreseen = { worker: "north/b", cost: 50, most: 80 };
      await tenant.record({ openings: [], settlements: [], forecasts: [{ requestId: "one", foreseen }] });
    }
    const [stage] = await stages();
    expect(stage?.figures.baseline).toMatchObject({
      requests: 2,
      conversations: 1,
      sums: { cost: { c: 1, n: 2, x: 500, nn: 4, nx: 1000, xx: 250_000 } },
      foreseen: { requests: 1, cost: 200, other: 50, otherMost: 80, workers: { "north/b": 1 } },
    });
    expect(stage?.days).toMatchObject([{ day: "2040-11-22", figures: { baseline: { requests: 2 } } }]);
  });

  it("keep the days of a quarter, and the stage as a whole", async () => {
    const { rolloutOf, settle, stages } = await setUp(canary);
    await rolloutOf();
    for (const day of [0, 50, 100]) {
      at(noon + 24 * hour * day);
      await settle(`day ${day}`, 200, {});
    }
    const [stage] = await stages();
    expect(stage?.days.map(({ day }) => day)).toEqual(["2041-01-11", "2041-03-02"]);
    expect(stage?.figures.baseline.requests).toBe(3);
  });

  it("take the latest score of a request, and none of another's", async () => {
    const { rolloutOf, settle, stages, tenant } = await setUp(canary);
    await rolloutOf();
    await settle("one", 200, { arm: "shoal" });
    await tenant.scoreArm("one", 0.2);
    await tenant.scoreArm("one", 0.9);
    await tenant.scoreArm("another", 0.5);
    const [stage] = await stages();
    expect(stage?.figures.shoal.sums.score).toMatchObject({ n: 1, c: 1 });
    expect(stage?.figures.shoal.sums.score.x).toBeCloseTo(0.9, 10);
    expect(stage?.figures.baseline.sums.score.n).toBe(0);
  });
});

describe("a canary that passes a bound", () => {
  it("goes back for good, and keeps the figures that made it", async () => {
    const { rolloutOf, settle, stages } = await setUp(canary);
    expect(await rolloutOf()).toMatchObject({ mode: "canary", canaryPercent: 10 });
    await diverge(settle, 20);
    expect(await rolloutOf()).toEqual({ mode: "off", canaryPercent: 0, baseline: "north/a" });
    const [stage] = await stages();
    expect(stage?.stop).toMatchObject({ bound: "max_cost_ratio", limit: 1.25, at: noon });
    expect(stage?.stop?.figure.low).toBeGreaterThan(1.25);
    at(noon + 48 * hour);
    expect(await rolloutOf()).toMatchObject({ mode: "off" });
  });

  it("stays within bounds of its own", async () => {
    const { rolloutOf, settle } = await setUp({ ...canary, rollout_bounds: { min_requests: 20, max_cost_ratio: 30 } });
    await rolloutOf();
    await diverge(settle, 20);
    expect(await rolloutOf()).toMatchObject({ mode: "canary" });
  });

  it("may be tried again once the mode has been another, with new figures", async () => {
    const { tenant, keyId, rolloutOf, settle, stages } = await setUp(canary);
    await rolloutOf();
    await diverge(settle, 20);
    await tenant.changeKey(keyId, { policy: { mode: "canary:10" } });
    expect(await rolloutOf()).toMatchObject({ mode: "off" });
    await tenant.changeKey(keyId, { policy: { mode: "off" } });
    await tenant.changeKey(keyId, { policy: { mode: "canary:10" } });
    expect(await rolloutOf()).toMatchObject({ mode: "canary", canaryPercent: 10 });
    expect((await stages())[0]?.figures.shoal.requests).toBe(0);
  });

  it("stays back when its key is rotated", async () => {
    const { tenant, keyId, rolloutOf, settle } = await setUp(canary);
    await rolloutOf();
    await diverge(settle, 20);
    await tenant.rotateKey(keyId, { id: "key00002", hash: "successor", expiresAt: null, overlapMs: hour });
    expect(await rolloutOf({ keyId: "key00002", keyHash: "successor" })).toMatchObject({ mode: "off" });
  });

  it("stays back for its own key alone", async () => {
    const { tenant, rolloutOf, settle } = await setUp({});
    await tenant.writePolicy(canary);
    await tenant.createKey({ id: "key00002", hash: "other", name: "other", expiresAt: null, policy: {} });
    const { stage = 0 } = await rolloutOf();
    await rolloutOf({ keyId: "key00002", keyHash: "other" });
    await diverge(settle, 20, stage);
    expect(await rolloutOf()).toMatchObject({ mode: "off" });
    expect(await rolloutOf({ keyId: "key00002", keyHash: "other" })).toMatchObject({ mode: "canary" });
  });
});
