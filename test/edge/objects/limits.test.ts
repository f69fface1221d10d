import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Limits } from "../../../edge/objects/tenant/policy.ts";
import { noAmounts, type Amounts, type Opening } from "../../../edge/objects/records.ts";
import { createTenant, newKeyOf, openingOf, settlementOf } from "../../support/edge.ts";
import { usageOf } from "../../support/events.ts";

/** The object reads the time itself: tests set it. */
const at = (time: number) => vi.useFakeTimers({ toFake: ["Date"], now: time });
/** Far ahead, so that no alarm goes off by itself. */
const noon = Date.UTC(2040, 10, 22, 12);
const minute = 60_000;
const day = 86_400_000;

afterEach(() => void vi.useRealTimers());

const setUp = async ({ tenant: ofTenant, key: ofKey }: { readonly tenant?: Limits; readonly key?: Limits }) => {
  at(noon);
  const { identity, objects } = await createTenant(null, { policy: ofKey ? { limits: ofKey } : {} });
  const tenant = objects.tenant(identity.tenant);
  if (ofTenant) await tenant.writePolicy({ limits: ofTenant });
  const { keyId, keyHash } = identity;
  const ask = async (need: Partial<Amounts>, key = { keyId, keyHash }) => {
    const answer = await tenant.admit({ ...key, need: { ...noAmounts, ...need }, dev: false, affinity: null });
    if (answer.ok) return answer.value;
    if (answer.error.kind === "invalid_key") throw new Error("the key is not valid");
    return answer.error;
  };
  /** What a refusal says; null when there was none. */
  const refusal = async (...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked);
    return "limit" in answer ? [answer.kind, answer.limit, answer.retryAfterSeconds] : null;
  };
  const lease = async (...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked);
    if ("limit" in answer) throw new Error(answer.limit);
    return answer.lease;
  };
  const open = (requestId: string, rest: Partial<Opening> = {}) =>
    tenant.record({ openings: [openingOf(requestId, { amount: 0, ...rest })], settlements: [] });
  const settle = (...args: Parameters<typeof settlementOf>) =>
    tenant.record({ openings: [], settlements: [settlementOf(...args)] });
  const otherKey = async (limits: Limits = {}) => {
    const made = newKeyOf({ id: "key00002", policy: { limits } });
    await tenant.createKey(made);
    return { keyId: made.id, keyHash: made.hash };
  };
  const alarms = async () => (await tenant.readSpend()).alarms;
  return { tenant, alarms, ask, refusal, lease, open, settle, otherKey };
};

describe("requests per minute", () => {
  it("come back one by one", async () => {
    const { refusal, open } = await setUp({ key: { requests_per_minute: 2 } });
    await open("r1");
    await open("r2");
    expect(await refusal({ requests: 1 })).toEqual(["rate_limited", "2 requests per minute of the key", 30]);
    at(noon + 20_000);
    expect(await refusal({ requests: 1 })).toEqual([
      "rate_limited",
      "2 requests per minute of the key",
      expect.closeTo(10),
    ]);
    at(noon + 30_000);
    expect(await refusal({ requests: 1 })).toBeNull();
  });

  it("come back when the lease that held them expires", async () => {
    const { ask, lease } = await setUp({ key: { requests_per_minute: 10 } });
    expect(await lease({ requests: 1 })).toMatchObject({ requests: 2, slots: null, tokens: null, amount: null });
    expect(await ask({})).toMatchObject({ rates: { requests: { limit: 10, left: 8 } } });
    at(noon + 10_000);
    expect(await ask({})).toMatchObject({ rates: { requests: { limit: 10, left: 10 } } });
  });

  it("leave the lease that let a request in, and count once", async () => {
    const { ask, lease, open } = await setUp({ key: { requests_per_minute: 40 } });
    const { id } = await lease({ requests: 1 });
    await open("r1", { permit: id });
    await open("r1", { permit: id });
    expect(await ask({})).toMatchObject({ rates: { requests: { left: 30 } } });
    at(noon + 10_000);
    // Nine come back; the one that was used has nearly leaked away.
    expect(await ask({})).toMatchObject({ rates: { requests: { left: 40 } } });
  });

  it("count an answer that needed no worker", async () => {
    const { ask, lease, settle } = await setUp({ key: { requests_per_minute: 4, concurrency: 1 } });
    const { id } = await lease({ requests: 1, slots: 1 });
    await settle("r1", null, { calls: [], permit: id });
    expect(await ask({ slots: 1 })).toMatchObject({ rates: { requests: { left: 3 } } });
  });
});

describe("tokens per minute", () => {
  it("are what vendors counted once a request has settled, though that be more than was left", async () => {
    const { ask, refusal, lease, open, settle } = await setUp({ tenant: { tokens_per_minute: 1_000 } });
    const { id } = await lease({ tokens: 300 });
    await open("r1", { leaseId: id, tokens: 300 });
    await settle("r1", 1, { calls: [{ step: "answer", worker: "north/a", usage: usageOf(1_400, 100), cost: 1 }] });
    expect(await ask({})).toMatchObject({ rates: { tokens: { limit: 1_000, left: 0 } } });
    expect(await refusal({ tokens: 100 })).toEqual(["rate_limited", "1000 tokens per minute of the tenant", 36]);
    at(noon + 36_000);
    expect(await refusal({ tokens: 100 })).toBeNull();
  });

  it("come back where fewer were used than foreseen", async () => {
    const { ask, open, settle } = await setUp({ tenant: { tokens_per_minute: 1_000 } });
    await open("r1", { tokens: 800 });
    await settle("r1", 1, { calls: [{ step: "answer", worker: "north/a", usage: usageOf(50, 50), cost: 1 }] });
    expect(await ask({})).toMatchObject({ rates: { tokens: { left: 900 } } });
  });
});

describe("requests at once", () => {
  it("are open requests and what leases hold", async () => {
    const { refusal, lease, open, settle } = await setUp({ key: { concurrency: 2 } });
    const { id, slots } = await lease({ slots: 1 });
    expect(slots).toBe(1);
    await open("r1", { permit: id });
    await lease({ slots: 1 });
    expect(await refusal({ slots: 1 })).toEqual(["rate_limited", "2 requests at once of the key", 1]);
    at(noon + 10_000);
    expect(await refusal({ slots: 2 })).not.toBeNull();
    await settle("r1", 1);
    expect(await refusal({ slots: 2 })).toBeNull();
  });

  it("are free again when a request is lost", async () => {
    const { refusal, open, tenant } = await setUp({ key: { concurrency: 1 } });
    await open("r1", { expiresAt: noon + minute });
    at(noon + minute - 1);
    expect(await refusal({ slots: 1 })).not.toBeNull();
    at(noon + minute);
    await runDurableObjectAlarm(tenant);
    expect(await refusal({ slots: 1 })).toBeNull();
  });
});

describe("dollars", () => {
  it("of a minute leak away, and what was reserved and not used comes back at once", async () => {
    const { refusal, open, settle } = await setUp({ key: { usd_per_minute: 0.01 } });
    await open("r1", { amount: 10_000 });
    expect(await refusal({ amount: 5_000 })).toEqual(["insufficient_budget", "$0.01 per minute of the key", 30]);
    await settle("r1", 6_000);
    expect(await refusal({ amount: 4_000 })).toBeNull();
    at(noon + 10_000);
    expect(await refusal({ amount: 5_000 })).toBeNull();
    expect(await refusal({ amount: 10_001 })).toEqual(["insufficient_budget", "$0.01 per minute of the key", null]);
  });

  it("of a day end with it, in UTC", async () => {
    const { refusal, settle } = await setUp({ key: { usd_per_day: 0.01 } });
    await settle("r1", 9_000);
    expect(await refusal({ amount: 2_000 })).toEqual([
      "insufficient_budget",
      "$0.01 per day of the key",
      day / 2 / 1000,
    ]);
    at(noon + day / 2);
    expect(await refusal({ amount: 10_000 })).toBeNull();
  });

  it("that only leases and running requests hold may come back within a lease's time", async () => {
    const { refusal, lease } = await setUp({ tenant: { usd_per_month: 0.01 } });
    await lease({ amount: 8_000 });
    expect(await refusal({ amount: 5_000 })).toEqual(["insufficient_budget", "$0.01 per month of the tenant", 10]);
    at(noon + 10_000);
    expect(await refusal({ amount: 5_000 })).toBeNull();
  });

  it("of one key leave another's alone, and both count for their tenant", async () => {
    const { refusal, settle, otherKey } = await setUp({
      tenant: { usd_per_month: 0.03 },
      key: { usd_per_month: 0.01 },
    });
    const other = await otherKey({ usd_per_month: 0.5 });
    await settle("r1", 10_000);
    expect(await refusal({ amount: 1 })).toMatchObject({ 1: "$0.01 per month of the key" });
    expect(await refusal({ amount: 20_000 }, other)).toBeNull();
    expect(await refusal({ amount: 20_001 }, other)).toMatchObject({ 1: "$0.03 per month of the tenant" });
  });

  it("name the limit that keeps a request waiting longest", async () => {
    const { refusal, settle } = await setUp({ key: { usd_per_day: 0.01 }, tenant: { usd_per_month: 0.01 } });
    await settle("r1", 10_000);
    expect(await refusal({ amount: 1 })).toMatchObject({ 1: "$0.01 per month of the tenant" });
  });
});

const asking = async (limits: Limits, wish: { readonly tokens: number; readonly amount: number }) => {
  at(noon);
  const { identity, objects } = await createTenant(null, { policy: { limits } });
  const { keyId, keyHash, tenant } = identity;
  const need = { ...noAmounts, requests: 1 };
  const answer = await objects.tenant(tenant).admit({ keyId, keyHash, need, wish, dev: false, affinity: null });
  return answer.ok ? answer.value.lease : answer.error;
};

describe("what a request is likely to need", () => {
  it("is granted with what it needs, as other needs are", async () => {
    const limits = { usd_per_day: 0.1, tokens_per_minute: 1_000, requests_per_minute: 60 };
    expect(await asking(limits, { tokens: 100, amount: 500 })).toMatchObject({
      requests: 15,
      tokens: 200,
      amount: 10_000,
    });
  });

  it("is not granted in part, and no reason to refuse", async () => {
    const limits = { usd_per_day: 0.001, tokens_per_minute: 1_000 };
    expect(await asking(limits, { tokens: 300, amount: 5_000 })).toMatchObject({ tokens: 0, amount: 0 });
  });
});

describe("an alarm", () => {
  it("is raised once in a period when the share of a limit is spent, and refuses nothing", async () => {
    const { refusal, settle, alarms } = await setUp({ key: { usd_per_day: 0.01, alarm_share: 0.5 } });
    await settle("r1", 4_999);
    expect(await alarms()).toEqual([]);
    await settle("r2", 1);
    await settle("r3", 1_000);
    expect(await alarms()).toEqual([
      { key_id: "key00001", limit: "usd_per_day", period: "2040-11-22", at: noon, spent: 5_000, allowed: 10_000 },
    ]);
    expect(await refusal({ amount: 4_000 })).toBeNull();
    at(noon + day);
    await settle("r4", 5_000, { at: noon + day });
    expect(await alarms()).toMatchObject([{ period: "2040-11-23", spent: 5_000 }, { period: "2040-11-22" }]);
  });

  it("tells of a rate of spending, once an hour, and of the tenant as a whole", async () => {
    const { settle, alarms } = await setUp({ tenant: { usd_per_minute: 0.01, alarm_share: 0.8 } });
    await settle("r1", 8_000);
    await settle("r2", 1_000);
    expect(await alarms()).toMatchObject([
      { key_id: null, limit: "usd_per_minute", period: "2040-11-22T12", spent: 8_000 },
    ]);
  });
});

describe("accounts", () => {
  it("are at any time what leases and open requests hold", async () => {
    const { tenant, ask, otherKey } = await setUp({
      tenant: { usd_per_month: 1, concurrency: 1_000, requests_per_minute: 10_000, tokens_per_minute: 1_000_000 },
      key: { usd_per_day: 0.5 },
    });
    const other = await otherKey({ concurrency: 100 });
    const sums = () =>
      runInDurableObject(tenant, (_, state) => {
        const read = (query: string) => state.storage.sql.exec(query).toArray();
        return {
          kept: read("SELECT holder, held, slots FROM accounts ORDER BY holder"),
          counted: read(
            `WITH parts AS (SELECT key_id, amount AS held, slots FROM leases UNION ALL
                            SELECT key_id, amount, slots FROM reservations)
             SELECT '' AS holder, coalesce(sum(held), 0) AS held, coalesce(sum(slots), 0) AS slots FROM parts UNION ALL
             SELECT id, coalesce(sum(held), 0), coalesce(sum(slots), 0) FROM keys LEFT JOIN parts ON key_id = id
             GROUP BY id ORDER BY 1`,
          ),
        };
      });
    // A walk that a seed repeats: leases, openings (some twice, some under a lease that is gone), settlements, time.
    let seed = 7;
    const random = (most: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(seed / 65_536) % most;
    };
    const leases: { readonly id: string; readonly keyId: string }[] = [];
    let now = noon;
    for (let turn = 0; turn < 300; turn += 1) {
      const number = random(60);
      const id = `r${number}`;
      const keyId = number % 2 === 0 ? "key00001" : "key00002";
      const own = leases.filter((held) => held.keyId === keyId);
      const leaseId = own[random(Math.max(1, own.length))]?.id ?? "gone";
      const kind = random(5);
      if (kind === 0) {
        const key = random(2) === 0 ? undefined : other;
        const need = { requests: 1, slots: 1, tokens: random(500), amount: random(2_000) };
        const answer = await (key ? ask(need, key) : ask(need));
        if ("lease" in answer) leases.push({ id: answer.lease.id, keyId: key?.keyId ?? "key00001" });
      } else if (kind === 1 || kind === 2) {
        const opening = openingOf(id, {
          part: random(3),
          keyId,
          leaseId,
          permit: leaseId,
          tokens: random(500),
          amount: random(2_000),
          expiresAt: now + random(30_000),
        });
        await tenant.record({ openings: [opening], settlements: [] });
      } else if (kind === 3) {
        await tenant.record({ openings: [], settlements: [settlementOf(id, random(2_000), { keyId })] });
      } else {
        now += random(5_000);
        at(now);
        await runDurableObjectAlarm(tenant);
      }
    }
    const { kept, counted } = await sums();
    expect(kept).toEqual(counted);
    at(now + minute);
    await runDurableObjectAlarm(tenant);
    await ask({});
    expect((await sums()).kept.every(({ held, slots }) => held === 0 && slots === 0)).toBe(true);
  });
});
