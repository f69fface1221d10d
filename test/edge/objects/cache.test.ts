import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createCachedAnswers, type Bounds } from "../../../edge/objects/cache/cached-answers.ts";
import { newTenant, objectsOf } from "../../support/edge.ts";

afterEach(() => void vi.useRealTimers());

const later = () => Date.now() + 60_000;
const newShard = () => objectsOf().cache(newTenant(), "00");

describe("a cache shard", () => {
  it("gives back what it keeps, and nothing for another key", async () => {
    const shard = newShard();
    await shard.keep({ key: "a", sealed: "one", expiresAt: later() });
    expect(await shard.find("a")).toBe("one");
    expect(await shard.find("b")).toBeNull();
  });

  it("keeps the newer of two answers to the same request", async () => {
    const shard = newShard();
    await shard.keep({ key: "a", sealed: "one", expiresAt: later() });
    await shard.keep({ key: "a", sealed: "two", expiresAt: later() });
    expect(await shard.find("a")).toBe("two");
  });

  it("gives nothing that has expired, and deletes it without being asked", async () => {
    const shard = newShard();
    const now = Date.now();
    await shard.keep({ key: "a", sealed: "one", expiresAt: now + 1_000 });
    await shard.keep({ key: "b", sealed: "two", expiresAt: now + 3_600_000 });
    vi.useFakeTimers({ toFake: ["Date"], now: now + 2_000 });
    expect(await shard.find("a")).toBeNull();
    expect(await runDurableObjectAlarm(shard)).toBe(true);
    const keys = await runInDurableObject(shard, (_, { storage }) =>
      storage.sql.exec<{ key: string }>("SELECT key FROM answers").toArray(),
    );
    expect(keys).toEqual([{ key: "b" }]);
    expect(await shard.find("b")).toBe("two");
  });

  it("is empty once it is cleared, and takes new answers", async () => {
    const shard = newShard();
    await shard.keep({ key: "a", sealed: "one", expiresAt: later() });
    await shard.clear();
    expect(await shard.find("a")).toBeNull();
    await shard.keep({ key: "a", sealed: "two", expiresAt: later() });
    expect(await shard.find("a")).toBe("two");
  });

  it("divides a tenant's answers by their keys, apart from every other tenant's", async () => {
    const objects = objectsOf();
    const [acme, other] = [newTenant(), newTenant()];
    const keys = Array.from({ length: 8 }, (_, index) => `000${index}`);
    const shards = new Set(keys.map((key) => objects.cache(acme, key).id.toString()));
    expect(shards).toEqual(new Set(objects.cacheShards(acme).map(({ id }) => id.toString())));
    expect(shards.size).toBe(4);
    expect(shards).not.toContain(objects.cache(other, "0000").id.toString());
  });
});

/** Within bounds that a test can reach: keeps, and reads, in the order given; tells which keys are left. */
const play = (bounds: Bounds, moves: readonly { readonly keep?: string; readonly find?: string }[]) =>
  runInDurableObject(newShard(), (_, { storage }) => {
    const answers = createCachedAnswers(storage.sql, bounds);
    const now = Date.now();
    for (const { keep, find } of moves) {
      if (keep !== undefined) answers.keep({ key: keep, sealed: "0123456789", expiresAt: now + 60_000 }, now);
      if (find !== undefined) answers.find(find, now);
    }
    return storage.sql
      .exec<{ key: string }>("SELECT key FROM answers ORDER BY key")
      .toArray()
      .map(({ key }) => key);
  });

describe("cached answers", () => {
  const abc = [{ keep: "a" }, { keep: "b" }, { keep: "c" }];

  it("lose the oldest when there are too many", async () => {
    expect(await play({ answers: 3, bytes: 1_000 }, [...abc, { keep: "d" }])).toEqual(["b", "c", "d"]);
  });

  it("lose the oldest when they are too large together", async () => {
    expect(await play({ answers: 100, bytes: 30 }, [...abc, { keep: "d" }])).toEqual(["b", "c", "d"]);
  });

  it("lose those that nobody has read for longest", async () => {
    const read = [{ find: "a" }, { find: "b" }, { find: "a" }];
    expect(await play({ answers: 3, bytes: 1_000 }, [...abc, ...read, { keep: "d" }])).toEqual(["a", "b", "d"]);
    expect(await play({ answers: 2, bytes: 1_000 }, [{ keep: "a" }, { keep: "b" }, ...read, { keep: "d" }])).toEqual([
      "a",
      "d",
    ]);
  });

  it("are within their bounds whatever is done with them", async () => {
    const moves = Array.from({ length: 200 }, (_, index) => ({ keep: `k${index}`, find: `k${index % 7}` }));
    expect(await play({ answers: 10, bytes: 55 }, moves)).toHaveLength(5);
  });

  it("write nothing when they are read", async () => {
    const written = await runInDurableObject(newShard(), (_, { storage }) => {
      const answers = createCachedAnswers(storage.sql, { answers: 3, bytes: 1_000 });
      answers.keep({ key: "a", sealed: "one", expiresAt: later() }, Date.now());
      const before = storage.sql.exec("SELECT total_changes() AS n").one();
      answers.find("a", Date.now());
      return [before, storage.sql.exec("SELECT total_changes() AS n").one()];
    });
    expect(written[0]).toEqual(written[1]);
  });
});
