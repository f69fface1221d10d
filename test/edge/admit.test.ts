import { describe, expect, it, vi } from "vitest";
import { admit, draw as drawAmounts, giveBack, recognize, type AdmitDeps, type Grant } from "../../edge/admit.ts";
import { noAmounts, type AdmitRequest, type Amounts } from "../../edge/objects/records.ts";
import type { Objects } from "../../edge/objects/objects.ts";
import { createOutbox } from "../../edge/objects/outbox.ts";
import type { Limits } from "../../edge/objects/tenant/policy.ts";
import { createRateNote } from "../../edge/runtime/rates.ts";
import type { Clock } from "../../edge/runtime/clock.ts";
import { startTiming } from "../../edge/runtime/timing.ts";
import { costing, createTenant, newKeyOf, openingOf, settlementOf } from "../support/edge.ts";
import { createHandClock, withoutWaits } from "../support/hand-clock.ts";

/** The real objects, with every question to a tenant's written down. */
const watched = (objects: Objects) => {
  const asked: AdmitRequest[] = [];
  const watching: Objects = {
    ...objects,
    tenant: (tenant) =>
      new Proxy(objects.tenant(tenant), {
        get: (stub, name) =>
          name === "admit"
            ? (request: AdmitRequest) => {
                asked.push(request);
                return stub.admit(request);
              }
            : Reflect.get(stub, name),
      }),
  };
  return { asked, objects: watching };
};

const draw = (grant: Grant, amount: number, deps: AdmitDeps) => drawAmounts(grant, costing(amount), deps);

const any = { scope: null, affinity: null } as const;

const setUp = async (budget: number | null = null, key: Parameters<typeof createTenant>[1] = {}) => {
  const made = await createTenant(budget, key);
  const clock = createHandClock(Date.now());
  const { asked, objects } = watched(made.objects);
  const behind: Promise<unknown>[] = [];
  const timing = startTiming(() => clock.now());
  const rates = createRateNote();
  const outbox = createOutbox(objects, clock);
  const waitUntil = (work: Promise<unknown>) => void behind.push(work);
  const deps = { objects, outbox, clock: withoutWaits(clock), timing, rates, waitUntil };
  const tenant = made.objects.tenant(made.identity.tenant);
  return { ...made, asked, clock, deps, behind, tenant, timing, rates };
};

describe("admit", () => {
  it("asks the tenant's object once and remembers the record", async () => {
    const { identity, deps, asked } = await setUp(null, { policy: { max_output_tokens: 500 } });
    for (let time = 0; time < 3; time += 1) {
      expect(await admit(identity, any, deps)).toMatchObject({
        ok: true,
        value: { grant: { identity, record: { outputCap: 500 } } },
      });
    }
    expect(asked).toHaveLength(1);
  });

  it("looks up the conversation's worker when it asks, and not when it need not", async () => {
    const { identity, deps, tenant, clock } = await setUp();
    const affinity = { key: "c1", worker: "north/b" };
    await tenant.record({ openings: [], settlements: [settlementOf("r1", 1, { affinity })] });
    expect(await admit(identity, { ...any, affinity: "c1" }, deps)).toMatchObject({
      value: { affinityWorker: "north/b" },
    });
    expect(await admit(identity, { ...any, affinity: "c1" }, deps)).toMatchObject({ value: { affinityWorker: null } });
    await clock.advance(10_000);
    expect(await admit(identity, { ...any, affinity: "c1" }, deps)).toMatchObject({
      value: { affinityWorker: "north/b" },
    });
  });

  it("asks once for a request that is let in and what it is likely to draw", async () => {
    const { identity, deps, asked, timing } = await setUp(1_000_000);
    const wish = { tokens: 0, amount: 900 };
    const admitted = await admit(identity, { ...any, foresee: () => wish }, deps);
    if (!admitted.ok) throw new Error(admitted.error.kind);
    expect(await draw(admitted.value.grant, 1_000, deps)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ need: { requests: 1, slots: 1, tokens: 0, amount: 0 }, wish });
    expect(timing.read()).toMatchObject({ object_waits: 1 });
  });

  it("foresees nothing where no object is asked", async () => {
    const { identity, deps } = await setUp();
    await admit(identity, any, deps);
    const foresee = vi.fn<() => Amounts>(() => noAmounts);
    expect(await admit(identity, { ...any, foresee }, deps)).toMatchObject({ ok: true });
    expect(foresee).not.toHaveBeenCalled();
  });

  it("uses a record of five seconds while it refreshes it behind, once", async () => {
    const { identity, deps, asked, behind, clock } = await setUp();
    await admit(identity, any, deps);
    await clock.advance(4_999);
    await admit(identity, any, deps);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await Promise.all([admit(identity, any, deps), admit(identity, any, deps)]);
    expect(asked).toHaveLength(2);
    await Promise.all(behind);
    await clock.advance(4_999);
    await admit(identity, any, deps);
    expect(asked).toHaveLength(2);
  });

  it("refuses a revoked key as soon as it has heard of it, ten seconds later at most", async () => {
    const { identity, deps, tenant, behind, clock } = await setUp();
    await admit(identity, any, deps);
    await tenant.revokeKey(identity.keyId);
    await clock.advance(5_000);
    expect(await admit(identity, any, deps)).toMatchObject({ ok: true });
    await Promise.all(behind);
    expect(await admit(identity, any, deps)).toEqual({ ok: false, error: { kind: "invalid_key" } });
  });

  it("asks about a dead key five times a second at most, and takes it when it lives again", async () => {
    const { identity, deps, tenant, asked, clock } = await setUp();
    await tenant.mark("inactive");
    for (let time = 0; time < 20; time += 1) {
      expect(await admit(identity, any, deps)).toEqual({ ok: false, error: { kind: "invalid_key" } });
    }
    expect(asked).toHaveLength(5);
    await tenant.mark("active");
    await clock.advance(1_000);
    expect(await admit(identity, any, deps)).toMatchObject({ ok: true });
  });

  it("refreshes every key of a tenant behind, once it has heard that something has changed", async () => {
    const { identity, deps, tenant, asked, behind } = await setUp();
    const other = newKeyOf({ id: "key00002" });
    await tenant.createKey(other);
    const second = { ...identity, keyId: other.id, keyHash: other.hash };
    await admit(identity, any, deps);
    await tenant.writePolicy({ max_output_tokens: 7 });
    expect(await admit(second, any, deps)).toMatchObject({ value: { grant: { record: { outputCap: 7 } } } });
    expect(await admit(identity, any, deps)).toMatchObject({ value: { grant: { record: { outputCap: null } } } });
    await Promise.all(behind);
    expect(await admit(identity, any, deps)).toMatchObject({ value: { grant: { record: { outputCap: 7 } } } });
    expect(asked).toHaveLength(3);
  });

  it("awaits a new record when the old one is ten seconds old", async () => {
    const { identity, deps, tenant, clock } = await setUp();
    await admit(identity, any, deps);
    await tenant.revokeKey(identity.keyId);
    await clock.advance(10_000);
    expect(await admit(identity, any, deps)).toEqual({ ok: false, error: { kind: "invalid_key" } });
  });

  it("refuses a key without the scope, warm and cold, naming it", async () => {
    const { identity, deps } = await setUp(null, { policy: { scopes: ["traces"] } });
    for (let time = 0; time < 2; time += 1) {
      expect(await admit(identity, { ...any, scope: "answers" }, deps)).toEqual({
        ok: false,
        error: { kind: "forbidden", message: "the key lacks the scope 'answers'" },
      });
      expect(await admit(identity, { ...any, scope: "traces" }, deps)).toMatchObject({ ok: true });
    }
  });

  it("does not take one key for another of the same tenant", async () => {
    const { identity, deps } = await setUp();
    await admit(identity, any, deps);
    const forged = { ...identity, keyHash: "0".repeat(64) };
    expect(await admit(forged, any, deps)).toEqual({ ok: false, error: { kind: "invalid_key" } });
  });
});

const limited = (limits: Limits) => setUp(null, { policy: { limits } });

describe("a key's limits of requests", () => {
  it("let so many begin, in the isolate without asking, and say when the next may", async () => {
    const { identity, deps, asked } = await limited({ requests_per_minute: 100 });
    const answers = await Promise.all(Array.from({ length: 21 }, () => admit(identity, any, deps)));
    expect(answers.every(({ ok }) => ok)).toBe(true);
    for (let time = 0; time < 79; time += 1) expect(await admit(identity, any, deps)).toMatchObject({ ok: true });
    expect(await admit(identity, any, deps)).toEqual({
      ok: false,
      error: {
        kind: "rate_limited",
        limit: "100 requests per minute of the key",
        retryAfterSeconds: expect.closeTo(0.6, 0),
      },
    });
    expect(asked.length).toBeLessThan(60);
  });

  it("are the tenant's too, whoever of its keys asks", async () => {
    const { identity, deps, tenant } = await setUp();
    await tenant.writePolicy({ limits: { requests_per_minute: 2 } });
    const other = newKeyOf({ id: "key00002" });
    await tenant.createKey(other);
    expect(await admit(identity, any, deps)).toMatchObject({ ok: true });
    expect(await admit({ ...identity, keyId: other.id, keyHash: other.hash }, any, deps)).toMatchObject({ ok: true });
    expect(await admit(identity, any, deps)).toMatchObject({
      error: { limit: "2 requests per minute of the tenant" },
    });
  });

  it("do not count who asks no worker, nor what was refused before one was asked", async () => {
    const { identity, deps } = await limited({ requests_per_minute: 1 });
    for (let time = 0; time < 3; time += 1) expect(await recognize(identity, null, deps)).toMatchObject({ ok: true });
    for (let time = 0; time < 3; time += 1) {
      const admitted = await admit(identity, any, deps);
      if (!admitted.ok) throw new Error(admitted.error.kind);
      giveBack(admitted.value.grant);
    }
    expect(await admit(identity, any, deps)).toMatchObject({ ok: true });
    expect(await admit(identity, any, deps)).toMatchObject({ ok: false });
  });

  it("let so many run at once, and the next when one has ended", async () => {
    const { identity, deps, tenant } = await limited({ concurrency: 2 });
    const begin = async (id: string) => {
      const admitted = await admit(identity, any, deps);
      if (!admitted.ok) return admitted.error;
      const { permit } = admitted.value.grant;
      await tenant.record({ openings: [openingOf(id, permit === undefined ? {} : { permit })], settlements: [] });
      return id;
    };
    expect(await begin("r1")).toBe("r1");
    expect(await begin("r2")).toBe("r2");
    expect(await begin("r3")).toEqual({
      kind: "rate_limited",
      limit: "2 requests at once of the key",
      retryAfterSeconds: 1,
    });
    await tenant.record({ openings: [], settlements: [settlementOf("r1", 1)] });
    expect(await begin("r4")).toBe("r4");
  });

  it("are asked for once more when a request that ended elsewhere is about to be told of", async () => {
    const { identity, deps, tenant } = await limited({ concurrency: 1 });
    const before = await tenant.admit({ ...identity, need: { ...noAmounts, requests: 1, slots: 1 }, affinity: null });
    const permit = before.ok ? before.value.lease.id : "";
    await tenant.record({ openings: [openingOf("r1", { permit })], settlements: [] });
    const waits: number[] = [];
    const clock: Clock = {
      now: () => deps.clock.now(),
      after(ms, run) {
        waits.push(ms);
        void tenant.record({ openings: [], settlements: [settlementOf("r1", 1)] }).then(run);
        return () => undefined;
      },
    };
    expect(await admit(identity, any, { ...deps, clock })).toMatchObject({ ok: true });
    expect(waits).toEqual([150]);
  });

  it("are waited for once a second at most: who is over the limit hears of it at once", async () => {
    const { identity, deps, tenant } = await limited({ concurrency: 1 });
    await tenant.admit({ ...identity, need: { ...noAmounts, requests: 1, slots: 1 }, affinity: null });
    let waits = 0;
    const clock: Clock = {
      now: () => deps.clock.now(),
      after: (ms, run) => {
        waits += 1;
        return deps.clock.after(ms, run);
      },
    };
    for (let time = 0; time < 5; time += 1) {
      expect(await admit(identity, any, { ...deps, clock })).toMatchObject({ ok: false });
    }
    expect(waits).toBe(1);
  });

  it("are asked for ahead while there is plenty: a busy key waits for no object", async () => {
    const { identity, deps, behind, timing } = await limited({ requests_per_minute: 100_000, concurrency: 10_000 });
    await admit(identity, any, deps);
    for (let time = 0; time < 200; time += 1) {
      expect(await admit(identity, any, deps)).toMatchObject({ ok: true });
      await Promise.all(behind);
    }
    expect(timing.read()["object_waits"]).toBe(1);
  });

  it("are told as the isolate knows them", async () => {
    const { identity, deps, rates, clock } = await limited({ requests_per_minute: 60, tokens_per_minute: 6_000 });
    await admit(identity, any, deps);
    expect(rates.read()).toEqual({ requests: { limit: 60, left: 59 }, tokens: { limit: 6_000, left: 6_000 } });
    await admit(identity, any, deps);
    expect(rates.read()?.requests).toEqual({ limit: 60, left: 58 });
    await clock.advance(1_000);
    expect(rates.read()?.requests).toEqual({ limit: 60, left: 59 });
  });
});

describe("draw", () => {
  it("asks nobody where nothing limits the dollars", async () => {
    const { identity, grant, deps, asked } = await setUp();
    await admit(identity, any, deps);
    expect(await draw(grant, 1_000_000_000, deps)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(1);
  });

  it("draws twenty needs from one lease", async () => {
    const { identity, grant, deps, asked } = await setUp(1_000_000);
    await admit(identity, any, deps);
    for (let time = 0; time < 20; time += 1) expect(await draw(grant, 100, deps)).toMatchObject({ ok: true });
    expect(asked.map(({ need }) => need.amount)).toEqual([0, 100]);
    await draw(grant, 100, deps);
    expect(asked.map(({ need }) => need.amount)).toEqual([0, 100, 100]);
  });

  it("names the lease under which the opening is recorded", async () => {
    const { grant, deps, tenant } = await setUp(1000);
    const drawn = await draw(grant, 900, deps);
    if (!drawn.ok) throw new Error(drawn.error.kind);
    await tenant.record({ openings: [openingOf("r1", { amount: 900, ...drawn.value })], settlements: [] });
    expect(await draw(grant, 100, deps)).toMatchObject({ ok: true });
  });

  it("has the next lease before the last runs out", async () => {
    const { identity, grant, deps, behind, asked, clock } = await setUp(1_000_000);
    await draw(grant, 100, deps);
    await clock.advance(5_000);
    await admit(identity, any, deps);
    await Promise.all(behind);
    for (let time = 0; time < 39; time += 1) expect(await draw(grant, 100, deps)).toMatchObject({ ok: true });
    expect(asked.map(({ need }) => need.amount)).toEqual([100, 100]);
  });

  it("keeps what it holds when nothing more can be had", async () => {
    const { identity, grant, deps, behind, asked, clock, tenant } = await setUp(800);
    await draw(grant, 100, deps);
    const { keyId, keyHash } = identity;
    expect(await tenant.admit({ keyId, keyHash, need: costing(600), dev: false, affinity: null })).toMatchObject({
      ok: true,
    });
    await clock.advance(5_000);
    await admit(identity, any, deps);
    await Promise.all(behind);
    expect(asked.map(({ need }) => need.amount)).toEqual([100, 100, 0]);
    expect(await draw(grant, 100, deps)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(3);
  });

  it("does not draw on a lease that is about to expire", async () => {
    const { grant, deps, asked, clock } = await setUp(1_000_000);
    await draw(grant, 100, deps);
    await clock.advance(8_500);
    await draw(grant, 100, deps);
    expect(asked.map(({ need }) => need.amount)).toEqual([100, 100]);
  });

  it("refuses what the budget does not cover", async () => {
    const { grant, deps } = await setUp(1000);
    expect(await draw(grant, 1001, deps)).toMatchObject({ ok: false, error: { kind: "insufficient_budget" } });
    expect(await draw(grant, 1000, deps)).toMatchObject({ ok: true });
  });

  it("lets 50 of 200 pass at once on a budget for 50", async () => {
    const { identity, grant, deps, tenant } = await setUp(50 * 700);
    const request = async (index: number): Promise<boolean> => {
      const admitted = await admit(identity, any, deps);
      if (!admitted.ok) return false;
      const drawn = await draw(grant, 700, deps);
      if (!drawn.ok) return false;
      await tenant.record({ openings: [openingOf(`r${index}`, { amount: 700, ...drawn.value })], settlements: [] });
      return true;
    };
    const passed = await Promise.all(Array.from({ length: 200 }, (_, index) => request(index)));
    expect(passed.filter(Boolean)).toHaveLength(50);
  });

  it("lets 50 of 200 pass one after the other on a budget for 50", async () => {
    const { grant, deps } = await setUp(50 * 700);
    let passed = 0;
    for (let index = 0; index < 200; index += 1) if ((await draw(grant, 700, deps)).ok) passed += 1;
    expect(passed).toBe(50);
  });

  it("never lets more pass than the budget covers, whatever the needs", async () => {
    const { grant, deps } = await setUp(50_000);
    const needs = Array.from({ length: 150 }, (_, index) => ((index * 7919) % 1000) + 1);
    const drawn = await Promise.all(needs.map(async (need) => ((await draw(grant, need, deps)).ok ? need : 0)));
    expect(drawn.reduce((sum, need) => sum + need, 0)).toBeLessThanOrEqual(50_000);
  });
});
