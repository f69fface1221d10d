import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { migrate } from "../../../edge/objects/migrate.ts";

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
