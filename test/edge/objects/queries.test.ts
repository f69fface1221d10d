import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import type { Tenant } from "../../../edge/objects/tenant/tenant.ts";
import { noAmounts } from "../../../edge/objects/records.ts";
import { createTenant, openingOf, settlementOf } from "../../support/edge.ts";

/** Tables of one row, of a tenant's own vendors and workers, of which it may have a few, of all tables, and lists that come along. */
const short = /^SCAN (json_each|sqlite_master|policy|version|standing|cache|bias|data_key|vendor_keys|own_workers)\b/;

/** What SQLite would read whole to run the queries that `work` makes. */
const scansOf = (tenant: DurableObjectStub<Tenant>, work: (tenant: Tenant) => Promise<unknown>) =>
  runInDurableObject(tenant, async (instance, { storage: { sql } }) => {
    const asked = new Map<string, SqlStorageValue[]>();
    const exec: SqlStorage["exec"] = (query, ...values) => {
      asked.set(query, values);
      return sql.exec(query, ...values);
    };
    Object.defineProperty(instance, "sql", { value: { exec } });
    await work(instance);
    return [...asked]
      .filter(([query]) => /^(SELECT|INSERT|UPDATE|DELETE)/.test(query))
      .flatMap(([query, values]) =>
        sql
          .exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...values)
          .toArray()
          .map(({ detail }) => detail),
      )
      .filter((detail) => detail.startsWith("SCAN") && detail !== "SCAN CONSTANT ROW" && !short.test(detail));
  });

it("nothing that a request waits for reads a whole table", async () => {
  const { identity, objects } = await createTenant(1_000_000, {
    policy: { limits: { requests_per_minute: 60, usd_per_day: 1, alarm_share: 0 } },
  });
  const { keyId, keyHash, tenant } = identity;
  const at = Date.now();
  const scans = await scansOf(objects.tenant(tenant), async (object) => {
    const need = { ...noAmounts, requests: 1, amount: 100 };
    const admitted = await object.admit({ keyId, keyHash, need, dev: false, affinity: "c1" });
    if (!admitted.ok) throw new Error(admitted.error.kind);
    const affinity = { key: "c1", worker: "north/a" };
    const leaseId = admitted.value.lease.id;
    const openings = ["r1", "r2"].map((id) => openingOf(id, { leaseId, amount: 40, expiresAt: at }));
    await object.record({ openings, settlements: [settlementOf("r1", 30, { affinity })] });
    // Finds the other one lost, and then settles it.
    expect(await object.ledgerRow("r2")).toMatchObject({ status: "lost" });
    await object.record({ openings: [], settlements: [settlementOf("r2", 30)] });
    await object.listLedger({ from: at - 1, to: at + 1, after: null, limit: 10 });
    for (const groupBy of [[], ["day"], ["model", "worker"]] as const) {
      await object.readUsage({ from: "2040-11-01", to: "2040-11-30", groupBy, after: 0, limit: 10 });
    }
  });
  expect(scans).toEqual([]);
});
