import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Opening, Settlement } from "../../../edge/objects/records.ts";
import type { Tenant } from "../../../edge/objects/tenant/tenant.ts";
import { createTenant, openingOf, settlementOf } from "../../support/edge.ts";

const noon = Date.UTC(2040, 10, 22, 12);

afterEach(() => void vi.useRealTimers());

const limits = {
  requests_per_minute: 600,
  tokens_per_minute: 9_000,
  concurrency: 40,
  usd_per_day: 1,
  usd_per_minute: 1,
};

const setUp = async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: noon });
  const policy = { limits: { ...limits, alarm_share: 0.001 } };
  const { identity, objects } = await createTenant(null, { policy });
  const tenant = objects.tenant(identity.tenant);
  await tenant.writePolicy(policy);
  const need = { requests: 1, slots: 1, tokens: 100, amount: 500 };
  const admitted = await tenant.admit({ ...identity, need, affinity: null });
  if (!admitted.ok) throw new Error(admitted.error.kind);
  return { tenant, leaseId: admitted.value.lease.id };
};

const tables = ["leases", "reservations", "ledger", "accounts", "spending", "daily", "daily_all", "alarms"] as const;

/** All that is kept of requests, but for what is drawn anew in each tenant. */
const contentsOf = (tenant: DurableObjectStub<Tenant>) =>
  runInDurableObject(tenant, (_, { storage: { sql } }) =>
    tables.map((table) => {
      const rows = sql.exec(`SELECT * FROM ${table}`).toArray();
      return {
        table,
        rows: rows.map((row) => JSON.stringify(table === "leases" ? { ...row, id: "" } : row)).toSorted(),
      };
    }),
  );

/** Begun and ended in one batch, some of them twice, in parts, under leases that are there, used up or gone. */
const write = (leaseId: string): { readonly openings: Opening[]; readonly settlements: Settlement[] } => {
  const opening = (id: string, rest: Partial<Opening> = {}) =>
    openingOf(id, { leaseId, permit: leaseId, tokens: 100, amount: 400, expiresAt: noon + 60_000, ...rest });
  const many = Array.from({ length: 25 }, (_, index) => `m${index}`);
  return {
    openings: [
      ...many.map((id) => opening(id)),
      opening("open"),
      opening("parts", { amount: 300 }),
      opening("parts", { part: 1, amount: 700, expiresAt: noon + 90_000 }),
      opening("twice"),
      opening("twice", { amount: 9_000 }),
      opening("gone", { leaseId: "gone", permit: "gone" }),
      opening("yesterday", { at: noon - 86_400_000 }),
    ],
    settlements: [
      ...many.map((id, index) => settlementOf(id, index * 10)),
      settlementOf("twice", 50),
      settlementOf("twice", 7_000),
      settlementOf("gone", null),
      settlementOf("cached", 0, { permit: leaseId, calls: [] }),
      settlementOf("yesterday", 77, { at: noon - 86_400_000, model: "north/a" }),
    ],
  };
};

// When an alarm is told within a batch says nothing of how far it had gone by then.
const withoutSpent = (rows: readonly string[]) => rows.map((row) => row.replace(/"spent":\d+/, ""));

describe("requests recorded in one batch", () => {
  it("leave what they leave one by one", async () => {
    const [together, apart] = [await setUp(), await setUp()];
    await together.tenant.record(write(together.leaseId));
    const { openings, settlements } = write(apart.leaseId);
    for (const opening of openings) await apart.tenant.record({ openings: [opening], settlements: [] });
    for (const settlement of settlements) await apart.tenant.record({ openings: [], settlements: [settlement] });
    const [left, expected] = [await contentsOf(together.tenant), await contentsOf(apart.tenant)];
    expect(left.map(({ table, rows }) => ({ table, rows: withoutSpent(rows) }))).toEqual(
      expected.map(({ table, rows }) => ({ table, rows: withoutSpent(rows) })),
    );
    expect(left.map(({ rows }) => rows.length)).toEqual([1, 3, 29, 2, 4, 2, 2, 4]);
  });

  it("count once when the batch comes again", async () => {
    const { tenant, leaseId } = await setUp();
    await tenant.record(write(leaseId));
    const first = await contentsOf(tenant);
    await tenant.record(write(leaseId));
    expect(await contentsOf(tenant)).toEqual(first);
  });

  it("end reservations that were written before", async () => {
    const { tenant, leaseId } = await setUp();
    const { openings, settlements } = write(leaseId);
    await tenant.record({ openings, settlements: [] });
    await tenant.record({ openings, settlements });
    const [, reservations] = await contentsOf(tenant);
    expect(reservations?.rows.map((row) => JSON.parse(row).request_id)).toEqual(["open", "parts", "parts"]);
  });

  it("write no reservation of what has ended by then", async () => {
    const { tenant, leaseId } = await setUp();
    await tenant.record({ openings: [openingOf("r1", { leaseId })], settlements: [settlementOf("r1", 30)] });
    const writes = await runInDurableObject(tenant, async (instance, { storage: { sql } }) => {
      const queries: string[] = [];
      const exec: SqlStorage["exec"] = (query, ...values) => {
        queries.push(query);
        return sql.exec(query, ...values);
      };
      Object.defineProperty(instance, "sql", { value: { exec } });
      const batch = write(leaseId);
      const ended = new Set(batch.settlements.map(({ requestId }) => requestId));
      await instance.record({ ...batch, openings: batch.openings.filter(({ requestId }) => ended.has(requestId)) });
      return queries
        .filter((query) => /^(INSERT|UPDATE|DELETE)/.test(query))
        .map((query) => query.split("(")[0]?.trim());
    });
    expect(writes.filter((query) => query?.includes("reservations"))).toEqual([]);
    expect(writes.filter((query) => query === "INSERT INTO accounts")).toHaveLength(2);
  });
});
