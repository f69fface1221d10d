import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { AdmitRequest, Opening } from "../../../edge/objects/records.ts";
import { costing, createTenant, monthly, openingOf, settlementOf } from "../../support/edge.ts";
import { usageOf } from "../../support/events.ts";

/** The object reads the time itself: tests set it. */
const at = (time: number) => vi.useFakeTimers({ toFake: ["Date"], now: time });
/** Far ahead, so that no alarm goes off by itself. */
const noon = Date.UTC(2040, 10, 22, 12);
const nextMonth = Date.UTC(2040, 11, 1);

afterEach(() => void vi.useRealTimers());

const setUp = async (budget: number | null = null, key: Parameters<typeof createTenant>[1] = {}) => {
  at(noon);
  const { identity, objects } = await createTenant(budget, key);
  const tenant = objects.tenant(identity.tenant);
  const admit = (need = 0, rest: Partial<AdmitRequest> = {}) =>
    tenant.admit({
      keyId: identity.keyId,
      keyHash: identity.keyHash,
      need: costing(need),
      dev: false,
      affinity: null,
      ...rest,
    });
  const open = (requestId: string, rest: Partial<Opening> = {}) =>
    tenant.record({ openings: [openingOf(requestId, rest)], settlements: [] });
  const settle = (...args: Parameters<typeof settlementOf>) =>
    tenant.record({ openings: [], settlements: [settlementOf(...args)] });
  const leaseOf = async (need: number) => {
    const admission = await admit(need);
    if (!admission.ok) throw new Error(admission.error.kind);
    return admission.value.lease;
  };
  /** Micro-dollars that can still be had at once. */
  const left = async (): Promise<number> => {
    let least = 0;
    let most = 1_000_000_000;
    while (most - least > 1) {
      const middle = Math.floor((least + most) / 2);
      const granted = await admit(middle);
      if (granted.ok) least = middle;
      else most = middle;
      await forgetLeases();
    }
    return least;
  };
  /** The next admission takes them back. */
  const forgetLeases = () =>
    runInDurableObject(tenant, (_, state) => void state.storage.sql.exec("UPDATE leases SET expires_at = 0"));
  return { identity, objects, tenant, admit, open, settle, leaseOf, left };
};

const invalidKey = { ok: false, error: { kind: "invalid_key" } };
const noBudget = { ok: false, error: { kind: "insufficient_budget" } };

describe("a tenant's keys", () => {
  it("are admitted with what they may do", async () => {
    const { admit } = await setUp(null, {
      policy: { allowed_workers: ["north/a"], preference: "economy", max_output_tokens: 500 },
    });
    expect(await admit()).toMatchObject({
      ok: true,
      value: {
        record: {
          keyId: "key00001",
          name: "a key",
          allowedWorkers: ["north/a"],
          preference: "economy",
          outputCap: 500,
          hasBudget: false,
        },
        lease: { amount: null, expiresAt: noon + 10_000 },
        affinityWorker: null,
      },
    });
  });

  it("are refused when unknown", async () => {
    const { admit } = await setUp();
    expect(await admit(0, { keyId: "key00002" })).toEqual(invalidKey);
  });

  it("are refused from the moment they are revoked, once", async () => {
    const { tenant, admit } = await setUp();
    expect(await tenant.revokeKey("key00001")).toBe(true);
    expect(await admit()).toEqual(invalidKey);
    expect(await tenant.revokeKey("key00001")).toBe(false);
    expect(await tenant.revokeKey("key00002")).toBe(false);
  });

  it("are refused from the moment they expire", async () => {
    const { admit } = await setUp(null, { expiresAt: noon + 1000 });
    at(noon + 999);
    expect(await admit()).toMatchObject({ ok: true });
    at(noon + 1000);
    expect(await admit()).toEqual(invalidKey);
  });

  it("are known by their hash, which is no key itself", async () => {
    const { admit, identity } = await setUp();
    expect(await admit(0, { keyHash: "0".repeat(64) })).toEqual(invalidKey);
    // Somebody who has read the stored hash and sends it as a key is known by the hash of that hash.
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(identity.keyHash));
    const hashed = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(await admit(0, { keyHash: hashed })).toEqual(invalidKey);
  });

  it("stay revoked, whatever the local start's flag says", async () => {
    const { admit, tenant } = await setUp();
    await tenant.revokeKey("key00001");
    expect(await admit(0, { dev: true })).toEqual(invalidKey);
  });

  it("learn the local start's key at its first use, and its successor", async () => {
    const { admit } = await setUp();
    expect(await admit(0, { keyId: "dev", keyHash: "first", dev: true })).toMatchObject({ ok: true });
    expect(await admit(0, { keyId: "dev", keyHash: "second", dev: true })).toMatchObject({ ok: true });
    expect(await admit(0, { keyId: "dev", keyHash: "first" })).toEqual(invalidKey);
  });
});

describe("a lease", () => {
  it("is without amount where nothing limits the dollars", async () => {
    const { leaseOf } = await setUp();
    expect((await leaseOf(1000)).amount).toBeNull();
  });

  it("is at most twenty times the need", async () => {
    const { leaseOf } = await setUp(1_000_000);
    expect((await leaseOf(100)).amount).toBe(2000);
  });

  it("is at most a quarter of what remains, in whole needs", async () => {
    const { leaseOf } = await setUp(10_000);
    expect((await leaseOf(400)).amount).toBe(2400);
  });

  it("covers the need when a quarter does not", async () => {
    const { leaseOf } = await setUp(10_000);
    expect((await leaseOf(9000)).amount).toBe(9000);
  });

  it("is nothing for a need that is not known yet", async () => {
    const { leaseOf } = await setUp(10_000);
    expect((await leaseOf(0)).amount).toBe(0);
  });

  it("counts against the budget until it expires", async () => {
    const { leaseOf, admit } = await setUp(10_000);
    await leaseOf(9000);
    expect(await admit(2000)).toMatchObject(noBudget);
    at(noon + 9_999);
    expect(await admit(2000)).toMatchObject(noBudget);
    at(noon + 10_000);
    expect(await admit(2000)).toMatchObject({ ok: true });
  });

  it("is refused beyond the budget, and says when the next month begins", async () => {
    const { admit } = await setUp(10_000);
    expect(await admit(10_001)).toMatchObject({
      ok: false,
      error: {
        kind: "insufficient_budget",
        limit: "$0.01 per month of the tenant",
        retryAfterSeconds: (nextMonth - noon) / 1000,
      },
    });
    expect(await admit(10_000)).toMatchObject({ ok: true });
  });

  it("is refused for any need when nothing is left, granted for none", async () => {
    const { admit } = await setUp(0);
    expect(await admit(1)).toMatchObject(noBudget);
    expect(await admit(0)).toMatchObject({ ok: true, value: { lease: { amount: 0 } } });
  });

  it("follows a changed budget", async () => {
    const { admit, tenant } = await setUp(10);
    expect(await admit(1000)).toMatchObject(noBudget);
    await tenant.writePolicy(monthly(5000));
    expect(await admit(1000)).toMatchObject({ ok: true });
    await tenant.writePolicy({});
    expect(await admit(1_000_000)).toMatchObject({ ok: true, value: { lease: { amount: null } } });
  });
});

describe("a reservation", () => {
  it("takes its amount out of the lease, so that both together count once", async () => {
    const { leaseOf, open, admit } = await setUp(10_000);
    const lease = await leaseOf(1000);
    expect(lease.amount).toBe(2000);
    await open("r1", { amount: 1000, leaseId: lease.id });
    expect(await admit(8001)).toMatchObject(noBudget);
    expect(await admit(8000)).toMatchObject({ ok: true });
  });

  it("is opened once, however often that is told", async () => {
    const { open, left } = await setUp(10_000);
    for (let time = 0; time < 3; time += 1) await open("r1", { amount: 1000 });
    expect(await left()).toBe(9000);
  });

  it("gives back what was not used when it is settled", async () => {
    const { open, settle, left, tenant } = await setUp(10_000);
    await open("r1", { amount: 1000 });
    await settle("r1", 150);
    expect(await left()).toBe(9850);
    expect(await tenant.ledgerRow("r1")).toEqual({
      requestId: "r1",
      keyId: "key00001",
      at: noon,
      model: "shoal-mini",
      worker: "north/a",
      status: "complete",
      inputTokens: 100,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 20,
      reasoningTokens: 0,
      cost: 150,
      usageSource: "reported",
      calls: [{ step: "answer", worker: "north/a", usage: usageOf(100, 20), cost: 150 }],
    });
  });

  it("is charged once, however often it is opened and settled again", async () => {
    const { open, settle, left, tenant } = await setUp(10_000);
    for (let time = 0; time < 3; time += 1) {
      await open("r1", { amount: 1000 });
      await settle("r1", 150);
    }
    at(noon + 3_600_000);
    await runDurableObjectAlarm(tenant);
    expect(await left()).toBe(9850);
    expect(await tenant.ledgerRow("r1")).toMatchObject({ status: "complete", cost: 150 });
  });

  it("is charged in full as unknown when it is never settled", async () => {
    const { open, left, tenant } = await setUp(10_000);
    await open("r1", { amount: 1000, expiresAt: noon + 60_000 });
    at(noon + 60_000);
    expect(await runDurableObjectAlarm(tenant)).toBe(true);
    expect(await tenant.ledgerRow("r1")).toMatchObject({
      status: "lost",
      cost: 1000,
      usageSource: "unknown",
      inputTokens: 0,
      worker: "north/a",
    });
    expect(await left()).toBe(9000);
  });

  it("grows by what a failover adds, and is lost as a whole", async () => {
    const { open, left, tenant } = await setUp(10_000);
    await open("r1", { amount: 1000, expiresAt: noon + 1 });
    await open("r1", { amount: 500, part: 1, expiresAt: noon + 2 });
    expect(await left()).toBe(8500);
    at(noon + 1);
    await runDurableObjectAlarm(tenant);
    expect(await tenant.ledgerRow("r1")).toBeNull();
    at(noon + 2);
    await runDurableObjectAlarm(tenant);
    expect(await tenant.ledgerRow("r1")).toMatchObject({ status: "lost", cost: 1500 });
    expect(await left()).toBe(8500);
  });

  it("is given back with all of its parts when it is settled", async () => {
    const { open, settle, left } = await setUp(10_000);
    await open("r1", { amount: 1000 });
    await open("r1", { amount: 500, part: 1 });
    await settle("r1", 150);
    expect(await left()).toBe(9850);
  });

  it("wakes the object at the earliest expiry, and again at the next", async () => {
    const { open, tenant } = await setUp(10_000);
    const alarm = () => runInDurableObject(tenant, (_, state) => state.storage.getAlarm());
    const soon = noon + 3_600_000;
    await open("late", { expiresAt: soon + 60_000 });
    await open("early", { expiresAt: soon });
    expect(await alarm()).toBe(soon);
    at(soon);
    await runDurableObjectAlarm(tenant);
    expect(await tenant.ledgerRow("early")).toMatchObject({ status: "lost" });
    expect(await tenant.ledgerRow("late")).toBeNull();
    expect(await alarm()).toBe(soon + 60_000);
  });

  it("that was charged as lost is charged as used when its settlement comes after all", async () => {
    const { open, settle, left, tenant } = await setUp(10_000);
    await open("r1", { amount: 1000, expiresAt: noon + 1 });
    at(noon + 1);
    await runDurableObjectAlarm(tenant);
    await settle("r1", 150);
    await settle("r1", 400);
    expect(await tenant.ledgerRow("r1")).toMatchObject({ status: "complete", cost: 150, usageSource: "reported" });
    expect(await left()).toBe(9850);
  });

  it("counts for the month in which the request came", async () => {
    const { settle, left } = await setUp(10_000);
    await settle("r1", 4000);
    at(nextMonth);
    expect(await left()).toBe(10_000);
    await settle("r2", 500, { at: noon });
    expect(await left()).toBe(10_000);
    await settle("r3", 700, { at: nextMonth });
    expect(await left()).toBe(9300);
  });

  it("survives the object's restart", async () => {
    const { open, left, tenant } = await setUp(10_000);
    await open("r1", { amount: 1000 });
    await evictDurableObject(tenant);
    expect(await left()).toBe(9000);
  });
});

describe("a ledger row", () => {
  it("adds up the calls of a request and is known as well as the least known", async () => {
    const { settle, tenant } = await setUp();
    const calls = [
      {
        step: "draft",
        worker: "north/a",
        provider: "south",
        ownKey: true as const,
        usage: usageOf(10, 1, { cachedInputTokens: 4 }),
        cost: 12,
      },
      { step: "answer", worker: "north/b", usage: usageOf(20, 2, { source: "estimated" }), cost: 24 },
      { step: "judge", worker: "north/c", usage: usageOf(5, 1), cost: null },
    ];
    await settle("r1", 0, { calls, status: "aborted", worker: null });
    expect(await tenant.ledgerRow("r1")).toMatchObject({
      inputTokens: 35,
      outputTokens: 4,
      cachedInputTokens: 4,
      cost: 36,
      usageSource: "estimated",
      status: "aborted",
      worker: null,
      calls,
    });
  });

  it("is rolled up by day, key, model and worker, a lost one until it settles", async () => {
    const { open, settle, tenant } = await setUp();
    await settle("r1", 10);
    await open("r2", { amount: 1000, expiresAt: noon + 1 });
    at(noon + 1);
    await runDurableObjectAlarm(tenant);
    const rows = () =>
      runInDurableObject(tenant, (_, state) =>
        state.storage.sql.exec("SELECT day, worker, calls, input_tokens, output_tokens, cost FROM daily").toArray(),
      );
    expect(await rows()).toEqual([
      { day: "2040-11-22", worker: "north/a", calls: 2, input_tokens: 100, output_tokens: 20, cost: 1010 },
    ]);
    await settle("r2", 30);
    expect(await rows()).toEqual([
      { day: "2040-11-22", worker: "north/a", calls: 2, input_tokens: 200, output_tokens: 40, cost: 40 },
    ]);
  });
});

describe("a conversation", () => {
  it("finds its worker for a day after its last turn", async () => {
    const { settle, admit } = await setUp();
    await settle("r1", 1, { affinity: { key: "c1", worker: "north/a" } });
    await settle("r2", 1, { affinity: { key: "c1", worker: "north/b" } });
    expect(await admit(0, { affinity: "c1" })).toMatchObject({ value: { affinityWorker: "north/b" } });
    expect(await admit(0, { affinity: "c2" })).toMatchObject({ value: { affinityWorker: null } });
    at(noon + 24 * 3_600_000);
    expect(await admit(0, { affinity: "c1" })).toMatchObject({ value: { affinityWorker: null } });
  });
});
