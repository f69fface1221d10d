import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { migrate } from "../../../edge/objects/migrate.ts";
import { tenantSchema } from "../../../edge/objects/tenant-schema.ts";

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
});
