import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { lookUp, type CacheDeps, type CachedRequest } from "../../../edge/cache/cache.ts";
import { purgeCache } from "../../../edge/cache/purge-cache.ts";
import type { Events } from "../../../edge/execute/execute.ts";
import { findKey } from "../../../edge/objects/tenant/keys.ts";
import type { KeyRecord } from "../../../edge/objects/records.ts";
import { startTiming } from "../../../edge/runtime/timing.ts";
import type { ChatRequest } from "../../../shared/chat.ts";
import { collect, type AnswerEvent } from "../../../shared/events.ts";
import { preferenceTable } from "../../../shared/preference.ts";
import { cardOf, entryOf, keyOf, newKeyOf, newTenant, objectsOf, settingsOf } from "../../support/edge.ts";
import { chatOf, endedBy, failure, textDelta, upstreamError, usageOf, used } from "../../support/events.ts";
import { createHandClock, settle } from "../../support/hand-clock.ts";

const answer = [
  textDelta("Fish turn together."),
  used("answer", "north/a", usageOf(30, 7), 44),
  endedBy("answer", "north/a"),
];

/** Of so many letters of two bytes each. */
const longAnswer = (length: number) => [textDelta("é".repeat(length)), endedBy("answer", "north/a")];

async function* saying(...batches: readonly (readonly AnswerEvent[])[]): Events {
  yield* batches;
}

const readAll = async (events: Events): Promise<readonly AnswerEvent[]> => {
  const read: AnswerEvent[] = [];
  for await (const batch of events) read.push(...batch);
  return read;
};

type Asked = {
  readonly tenant?: string;
  readonly headers?: Record<string, string>;
  readonly record?: Partial<KeyRecord>;
  readonly chat?: ChatRequest;
};

/** An edge of its own, whose clock stands at the time of the objects. */
const startEdge = (rest: Partial<CacheDeps> = {}) => {
  const clock = createHandClock(Date.now());
  const home = newTenant();
  const timing = startTiming(() => clock.now());
  const work: Promise<unknown>[] = [];
  const deps: CacheDeps = {
    // A hand moves the clock, so nobody is late by chance.
    settings: settingsOf(),
    roster: { entries: [entryOf(cardOf("north/a"))], weightsDate: "2026-11-01" },
    objects: objectsOf(),
    clock,
    timing,
    waitUntil: (promise) => void work.push(promise),
    newId: () => crypto.randomUUID().replaceAll("-", ""),
    ...rest,
  };
  const requestOf = ({ tenant = home, headers = {}, record = {}, chat = chatOf("Why?") }: Asked): CachedRequest => ({
    headers: new Headers(headers),
    chat,
    choice: { kind: "tier", tier: "mini" },
    preference: preferenceTable.balanced,
    rounds: 1,
    grant: {
      identity: { tenant, keyId: "key00001", keyHash: "hash", dev: false },
      record: keyOf({ cacheSeconds: 60, ...record }),
    },
  });
  const ask = (asked: Asked = {}) => lookUp(requestOf(asked), deps);
  const look = async (asked: Asked = {}) => {
    const found = await ask(asked);
    if (!found.ok) throw new Error(found.error.kind);
    return found.value;
  };
  return {
    clock,
    timing,
    home,
    work,
    ask,
    look,
    /** What the client of a request reads that the workers answer so, once all is kept that is kept. */
    give: async (events: Events, asked: Asked = {}): Promise<readonly AnswerEvent[]> => {
      const read = await readAll((await look(asked)).keep(events));
      await Promise.all(work);
      return read;
    },
    state: async (asked: Asked = {}) => (await look(asked)).headers["x-cache"] ?? null,
  };
};

describe("a look into the cache", () => {
  it("gives an earlier answer to the same request, for nothing, with its age and its worker", async () => {
    const { give, look, clock } = startEdge();
    expect(await give(saying(answer))).toEqual(answer);
    await clock.advance(12_400);
    const { replay, headers } = await look();
    expect(headers).toEqual({ "x-cache": "HIT", age: "12" });
    expect(replay?.planned).toMatchObject({ source: "cache", decision: { plan: { steps: [{ worker: "north/a" }] } } });
    const events = replay ? await readAll(replay.events) : [];
    expect(collect(events)).toEqual(collect(answer));
    expect(events).toContainEqual(used("answer", "north/a", usageOf(30, 7), 0));
  });

  it("says nothing and waits for nothing where nobody wants a cache", async () => {
    const { look, timing } = startEdge({ objects: { cache: () => expect.unreachable() } });
    expect(await look({ record: { cacheSeconds: null } })).toMatchObject({ replay: null, headers: {} });
    expect(timing.read()).toMatchObject({ cache: null, object_waits: 0 });
    expect(await look({ headers: { "cache-control": "no-store" } })).toMatchObject({
      headers: { "x-cache": "BYPASS" },
    });
  });

  it("never finds another tenant's answer to the same words", async () => {
    const { give, state } = startEdge();
    await give(saying(answer));
    expect(await state()).toBe("HIT");
    expect(await state({ tenant: newTenant() })).toBe("MISS");
  });

  it("never finds an answer of workers that the key may not use", async () => {
    const { give, state } = startEdge();
    await give(saying(answer));
    expect(await state({ record: { allowedWorkers: ["north/b"] } })).toBe("MISS");
  });

  it("forgets an answer when its time is over, and sooner for who wants a fresher one", async () => {
    const { give, state, clock } = startEdge();
    await give(saying(answer));
    await clock.advance(30_000);
    expect(await state({ headers: { "cache-control": "max-age=29" } })).toBe("MISS");
    expect(await state({ headers: { "cache-control": "min-fresh=31" } })).toBe("MISS");
    expect(await state({ headers: { "x-shoal-cache": "29" } })).toBe("MISS");
    expect(await state({ headers: { "cache-control": "max-age=31" } })).toBe("HIT");
    await clock.advance(30_000);
    expect(await state()).toBe("MISS");
  });

  it("passes by what is kept for no-cache, and keeps the new answer in its place", async () => {
    const { give, look } = startEdge();
    await give(saying(answer));
    const headers = { "cache-control": "no-cache" };
    expect((await look({ headers })).headers).toEqual({ "x-cache": "BYPASS" });
    await give(saying([textDelta("Anew."), endedBy("answer", "north/b")]), { headers });
    expect((await look()).replay?.planned.decision.plan).toMatchObject({ steps: [{ worker: "north/b" }] });
  });

  it("fails for only-if-cached when there is nothing, with or without a cache", async () => {
    const { give, ask, state } = startEdge();
    const headers = { "cache-control": "only-if-cached" };
    expect(await ask({ headers })).toEqual({ ok: false, error: { kind: "not_cached" } });
    expect(await ask({ headers, record: { cacheSeconds: null } })).toMatchObject({ ok: false });
    await give(saying(answer));
    expect(await state({ headers })).toBe("HIT");
  });

  it("keeps nothing of an answer that fails, or whose reader leaves", async () => {
    const { give, look, state, work } = startEdge();
    await give(saying([textDelta("Fish")], [failure(upstreamError("server"))]));
    expect(await state()).toBe("MISS");
    const { keep } = await look();
    const events = keep(saying(answer.slice(0, 1), answer.slice(1)));
    await events.next();
    await events.return();
    await Promise.all(work);
    expect(await state()).toBe("MISS");
  });

  it("keeps nothing larger than 256 kB", async () => {
    const { give, state } = startEdge();
    const [small, large] = [{ chat: chatOf("small") }, { chat: chatOf("large") }];
    await give(saying(longAnswer(130_000)), small);
    await give(saying(longAnswer(132_000)), large);
    expect(await state(small)).toBe("HIT");
    expect(await state(large)).toBe("MISS");
  });

  it("keeps no word of prompt or answer that can be read where it lies, and opens it under the same secret only", async () => {
    const { give, home, state } = startEdge();
    const chat = chatOf("a secret question");
    await give(saying(answer), { chat });
    const rows = await Promise.all(
      objectsOf()
        .cacheShards(home)
        .map((shard) =>
          runInDurableObject(shard, (_, { storage }) => storage.sql.exec("SELECT * FROM answers").toArray()),
        ),
    );
    expect(rows.flat()).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/Fish|secret question|north/);
    expect(await state({ chat })).toBe("HIT");
    const moved = startEdge({ settings: settingsOf({ KEY_SECRET: "secret-number-two" }) });
    expect(await moved.state({ chat, tenant: home })).toBe("MISS");
  });

  it("goes on without a cache that does not answer within 20 ms", async () => {
    const never = new Promise<never>(() => undefined);
    const slow = { find: () => never, keep: async () => undefined };
    const { ask, clock } = startEdge({ objects: { cache: () => slow } });
    const began = clock.now();
    const asked = ask();
    const answered = asked.then(() => clock.now() - began);
    await settle();
    await clock.advance(100);
    expect(await answered).toBe(20);
    expect(await asked).toMatchObject({ ok: true, value: { replay: null, headers: { "x-cache": "BYPASS" } } });
  });

  it("goes on without a cache that fails, and says so of nothing", async () => {
    const broken = { find: () => Promise.reject(new Error("gone")), keep: () => Promise.reject(new Error("gone")) };
    const { give, state } = startEdge({ objects: { cache: () => broken } });
    expect(await state()).toBe("BYPASS");
    expect(await give(saying(answer))).toEqual(answer);
  });
});

describe("a purge", () => {
  it("deletes what is kept and raises the epoch that the tenant's keys carry", async () => {
    const { give, home, state } = startEdge();
    const objects = objectsOf();
    const key = newKeyOf();
    await objects.tenant(home).createKey(key);
    const epoch = () =>
      runInDurableObject(
        objects.tenant(home),
        (_, { storage }) => findKey(storage.sql, { keyId: key.id, keyHash: key.hash }, Date.now())?.cacheEpoch,
      );
    await give(saying(answer));
    expect([await state(), await epoch()]).toEqual(["HIT", 0]);
    await purgeCache(home, objects);
    expect([await state(), await epoch()]).toEqual(["MISS", 1]);
    await purgeCache(home, objects);
    expect(await epoch()).toBe(2);
  });

  it("hides what an isolate that has not heard of it keeps", async () => {
    const { give, home, state } = startEdge();
    await purgeCache(home, objectsOf());
    await give(saying(answer));
    expect(await state({ record: { cacheEpoch: 1 } })).toBe("MISS");
  });
});
