import { afterEach, describe, expect, it, vi } from "vitest";
import type { UsageQuery } from "../../../edge/objects/tenant/daily.ts";
import type { CallRow } from "../../../edge/objects/records.ts";
import { createTenant, newKeyOf, openingOf, settlementOf } from "../../support/edge.ts";

const at = (time: number) => vi.useFakeTimers({ toFake: ["Date"], now: time });
const noon = Date.UTC(2040, 10, 22, 12);
const day = 86_400_000;

afterEach(() => void vi.useRealTimers());

const callOf = (worker: string, cost: number): CallRow => ({
  step: "answer",
  worker,
  usage: {
    inputTokens: 100,
    cachedInputTokens: 40,
    cacheWriteTokens: 10,
    outputTokens: 20,
    reasoningTokens: 5,
    source: "reported",
  },
  cost,
});

const setUp = async () => {
  at(noon);
  const { identity, objects } = await createTenant();
  const tenant = objects.tenant(identity.tenant);
  await tenant.createKey(newKeyOf({ id: "key00002", name: "another key" }));
  await tenant.record({
    openings: [],
    settlements: [
      settlementOf("r1", null, { at: noon, calls: [callOf("north/a", 30), callOf("north/b", 50)] }),
      settlementOf("r2", null, { at: noon, keyId: "key00002", calls: [callOf("north/a", 30)] }),
      settlementOf("r3", null, { at: noon + day, model: "shoal-ultra", calls: [callOf("north/a", 7)] }),
    ],
  });
  const read = (query: Partial<UsageQuery> = {}) =>
    tenant.readUsage({ from: "2040-11-01", to: "2040-11-30", groupBy: [], after: 0, limit: 100, ...query });
  return { tenant, read };
};

describe("a tenant's usage", () => {
  it("sums every kind of token, calls, requests and dollars", async () => {
    const { read } = await setUp();
    expect(await read()).toEqual([
      {
        requests: 3,
        calls: 4,
        input_tokens: 400,
        cached_input_tokens: 160,
        cache_write_tokens: 40,
        output_tokens: 80,
        reasoning_tokens: 20,
        cost: 117,
      },
    ]);
  });

  it("is told apart by what is asked for, in one order", async () => {
    const { read } = await setUp();
    const rows = await read({ groupBy: ["worker", "key"] });
    expect(rows.map(({ key_id, key_name, worker, cost }) => [key_id, key_name, worker, cost])).toEqual([
      ["key00001", "a key", "north/a", 37],
      ["key00001", "a key", "north/b", 50],
      ["key00002", "another key", "north/a", 30],
    ]);
    const byDay = await read({ groupBy: ["model", "day"] });
    expect(byDay.map(({ day: date, model, cost }) => [date, model, cost])).toEqual([
      ["2040-11-22", "shoal-mini", 110],
      ["2040-11-23", "shoal-ultra", 7],
    ]);
  });

  it("ends where the days asked for end, and is nothing where there was nothing", async () => {
    const { read } = await setUp();
    expect(await read({ to: "2040-11-22" })).toMatchObject([{ requests: 2, cost: 110 }]);
    expect(await read({ from: "2040-11-24" })).toMatchObject([{ requests: 0, calls: 0, cost: 0 }]);
    expect(await read({ from: "2040-11-24", groupBy: ["day"] })).toEqual([]);
  });

  it("comes in pages", async () => {
    const { read } = await setUp();
    const all = await read({ groupBy: ["key", "worker", "day"] });
    const first = await read({ groupBy: ["key", "worker", "day"], limit: 2 });
    const rest = await read({ groupBy: ["key", "worker", "day"], after: 2 });
    expect([...first, ...rest]).toEqual(all);
  });

  it("counts a lost request as reserved until it reports", async () => {
    const { tenant, read } = await setUp();
    await tenant.record({
      openings: [openingOf("lost", { at: noon, expiresAt: noon + 1, amount: 500 })],
      settlements: [],
    });
    at(noon + 2);
    expect(await read()).toMatchObject([{ requests: 4, calls: 5, cost: 617, input_tokens: 400 }]);
    await tenant.record({ openings: [], settlements: [settlementOf("lost", null, { calls: [callOf("north/b", 3)] })] });
    expect(await read()).toMatchObject([{ requests: 4, calls: 5, cost: 120, input_tokens: 500 }]);
    expect(await read({ groupBy: ["key", "worker"] })).toMatchObject([
      { key_id: "key00001", worker: "north/a", cost: 37 },
      { key_id: "key00001", worker: "north/b", cost: 53 },
      { key_id: "key00002", worker: "north/a", cost: 30 },
    ]);
  });
});

describe("a tenant's ledger", () => {
  it("is listed from the oldest on, each row with its calls", async () => {
    const { tenant } = await setUp();
    const rows = await tenant.listLedger({ from: 0, to: noon + 2 * day, after: null, limit: 10 });
    expect(rows.map(({ requestId, cost }) => [requestId, cost])).toEqual([
      ["r1", 80],
      ["r2", 30],
      ["r3", 7],
    ]);
    expect(rows[0]?.calls).toEqual([callOf("north/a", 30), callOf("north/b", 50)]);
  });

  it("comes in pages that hold every row once, also of the same moment", async () => {
    const { tenant } = await setUp();
    const first = await tenant.listLedger({ from: 0, to: noon + 2 * day, after: null, limit: 1 });
    const last = first.at(-1);
    const rest = await tenant.listLedger({
      from: 0,
      to: noon + 2 * day,
      after: last ? { at: last.at, requestId: last.requestId } : null,
      limit: 10,
    });
    expect([...first, ...rest].map(({ requestId }) => requestId)).toEqual(["r1", "r2", "r3"]);
  });

  it("ends before the moment asked for", async () => {
    const { tenant } = await setUp();
    const rows = await tenant.listLedger({ from: noon, to: noon + day, after: null, limit: 10 });
    expect(rows.map(({ requestId }) => requestId)).toEqual(["r1", "r2"]);
  });
});
