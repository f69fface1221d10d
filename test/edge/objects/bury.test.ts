import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { packTrace } from "../../../edge/objects/packed-trace.ts";
import { createTenant, newTenant, openingOf, settlementOf, traceOf } from "../../support/edge.ts";

/** Rows of all tables but those that say that the object is empty. */
const rowsIn = (sql: SqlStorage): Readonly<Record<string, number>> => {
  const names = sql
    .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'")
    .toArray()
    .map(({ name }) => name)
    .filter((name) => !["buried", "schema_version", "sqlite_sequence", "standing", "version"].includes(name));
  const counts = names.map((name): [string, number] => [
    name,
    sql.exec<{ n: number }>(`SELECT count(*) AS n FROM "${name}"`).one().n,
  ]);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
};

describe("a deleted tenant's object", () => {
  it("is empty, admits nobody, and keeps nothing that requests on their way still bring", async () => {
    const { identity, objects } = await createTenant(10_000);
    const tenant = objects.tenant(identity.tenant);
    await tenant.record({ openings: [openingOf("r1")], settlements: [settlementOf("r2", 5)] });
    const unused = objects.tenant(newTenant());
    const rowsOfUnused = await runInDurableObject(unused, (_, state) => rowsIn(state.storage.sql));
    await tenant.bury();
    await tenant.record({ openings: [openingOf("r3")], settlements: [settlementOf("r1", 5), settlementOf("r4", 5)] });
    expect(await runInDurableObject(tenant, (_, state) => rowsIn(state.storage.sql))).toEqual(rowsOfUnused);
    const { keyId, keyHash } = identity;
    const need = { requests: 0, slots: 0, tokens: 0, amount: 0 };
    const refused = { ok: false, error: { kind: "invalid_key" } };
    expect(await tenant.admit({ keyId, keyHash, need, dev: false, affinity: null })).toMatchObject(refused);
    await evictDurableObject(tenant);
    await tenant.record({ openings: [], settlements: [settlementOf("r5", 5)] });
    expect(await runInDurableObject(tenant, (_, state) => rowsIn(state.storage.sql))).toEqual(rowsOfUnused);
  });

  it("of its log is empty and stays so", async () => {
    const { identity, objects } = await createTenant();
    const log = objects.tenantLog(identity.tenant);
    const keepAll = async (id: string) => {
      await log.write([packTrace(traceOf(id, identity.tenant))]);
      await log.keepTurn({ id, previous: null, sealed: "sealed" });
      await log.keepSignatures([{ call: id, sealed: "sealed" }]);
    };
    await keepAll("one");
    await log.bury();
    await keepAll("two");
    expect(await runInDurableObject(log, (_, state) => rowsIn(state.storage.sql))).toEqual({});
  });

  it("of its cache is empty and stays so", async () => {
    const { identity, objects } = await createTenant();
    const shard = objects.cache(identity.tenant, "00ff");
    const answer = { key: "00ff", sealed: "sealed", expiresAt: Date.now() + 60_000 };
    await shard.keep(answer);
    await shard.bury();
    await shard.keep(answer);
    expect(await shard.find("00ff")).toBeNull();
    expect(await runInDurableObject(shard, (_, state) => rowsIn(state.storage.sql))).toEqual({});
  });
});
