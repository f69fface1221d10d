import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { migrate } from "../../../edge/objects/migrate.ts";
import { tenantSchema } from "../../../edge/objects/tenant/tenant-schema.ts";

const inStorage = <T>(run: (storage: DurableObjectStorage) => T) =>
  runInDurableObject(env.REGION.get(env.REGION.newUniqueId()), (_, state) => {
    state.storage.sql.exec("DROP TABLE schema_version");
    return run(state.storage);
  });
const namesOf = (storage: DurableObjectStorage) =>
  storage.sql
    .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name IN ('fish', 'bird') ORDER BY name")
    .toArray()
    .map(({ name }) => name);

describe("migrate", () => {
  it("applies each migration once, in order, however often it is called", async () => {
    const names = await inStorage((storage) => {
      migrate(storage, ["CREATE TABLE fish (id)"]);
      migrate(storage, ["CREATE TABLE fish (id)"]);
      migrate(storage, ["CREATE TABLE fish (id)", "ALTER TABLE fish RENAME TO bird"]);
      migrate(storage, ["CREATE TABLE fish (id)", "ALTER TABLE fish RENAME TO bird"]);
      return namesOf(storage);
    });
    expect(names).toEqual(["bird"]);
  });

  it("leaves everything as it was when one fails", async () => {
    const names = await inStorage((storage) => {
      expect(() => migrate(storage, ["CREATE TABLE fish (id)", "CREATE nonsense"])).toThrow(/syntax error/);
      migrate(storage, ["CREATE TABLE bird (id)"]);
      return namesOf(storage);
    });
    expect(names).toEqual(["bird"]);
  });
});

describe("a tenant's tables", () => {
  it("keep a budget and a key's limits when they become policies", async () => {
    const rows = await inStorage((storage) => {
      storage.sql.exec("DROP TABLE IF EXISTS tenants");
      migrate(storage, tenantSchema.slice(0, 1));
      storage.sql.exec("INSERT INTO budget (id, monthly) VALUES (1, 12500000)");
      storage.sql.exec(
        `INSERT INTO keys (id, hash, name, created_at, allowed_workers, preference, output_cap)
         VALUES ('a', 'x', 'A', 0, '["north/a"]', 'economy', 500), ('b', 'y', 'B', 0, NULL, NULL, NULL)`,
      );
      migrate(storage, tenantSchema);
      const read = (query: string) => storage.sql.exec<{ policy: string }>(query).toArray();
      return [...read("SELECT policy FROM policy"), ...read("SELECT policy FROM keys ORDER BY id")];
    });
    expect(rows.map(({ policy }) => JSON.parse(policy))).toEqual([
      { limits: { usd_per_month: 12.5 } },
      { allowed_workers: ["north/a"], preference: "economy", max_output_tokens: 500 },
      {},
    ]);
  });

  it("keep what was spent and what is reserved when these become accounts", async () => {
    const before = tenantSchema.findIndex((step) => step.includes("CREATE TABLE accounts"));
    const rows = await inStorage((storage) => {
      storage.sql.exec("DROP TABLE IF EXISTS tenants");
      migrate(storage, tenantSchema.slice(0, before));
      storage.sql.exec(
        `INSERT INTO reservations (request_id, part, key_id, amount, opened_at, expires_at, model, worker)
           VALUES ('r1', 0, 'a', 100, 0, 5, 'm', 'w'), ('r1', 1, 'a', 50, 0, 9, 'm', 'w'), ('r2', 0, 'b', 7, 0, 6, 'm', 'w');
         INSERT INTO daily (day, key_id, model, worker, calls, input_tokens, output_tokens, cost)
           VALUES ('2026-11-21', 'a', 'm', 'w', 1, 1, 1, 30), ('2026-11-21', 'a', 'n', 'w', 1, 1, 1, 3),
             ('2026-11-22', 'b', 'm', 'w', 1, 1, 1, 4)`,
      );
      migrate(storage, tenantSchema);
      const read = (query: string) => storage.sql.exec(query).toArray();
      return {
        accounts: read("SELECT holder, held, slots FROM accounts ORDER BY holder"),
        spending: read("SELECT holder, day, cost FROM spending ORDER BY holder, day"),
        expiries: read("SELECT DISTINCT request_id, expires_at FROM reservations ORDER BY 1"),
      };
    });
    expect(rows).toEqual({
      accounts: [
        { holder: "", held: 157, slots: 2 },
        { holder: "a", held: 150, slots: 1 },
        { holder: "b", held: 7, slots: 1 },
      ],
      spending: [
        { holder: "", day: "2026-11-21", cost: 33 },
        { holder: "", day: "2026-11-22", cost: 4 },
        { holder: "a", day: "2026-11-21", cost: 33 },
        { holder: "b", day: "2026-11-22", cost: 4 },
      ],
      expiries: [
        { request_id: "r1", expires_at: 9 },
        { request_id: "r2", expires_at: 6 },
      ],
    });
  });
});
