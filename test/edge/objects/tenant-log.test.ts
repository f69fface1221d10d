import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { packTrace } from "../../../edge/objects/packed-trace.ts";
import { newTenant, objectsOf, traceOf } from "../../support/edge.ts";

afterEach(() => void vi.useRealTimers());

const packed = (...args: Parameters<typeof traceOf>) => packTrace(traceOf(...args));

const day = 24 * 3_600_000;

describe("a tenant's log", () => {
  it("gives a trace back as it was written, and nothing for another id", async () => {
    const tenant = newTenant();
    const log = objectsOf().tenantLog(tenant);
    const trace = traceOf("r1", tenant, { cost_usd: 0.25 });
    await log.write([packTrace(trace)]);
    expect(await log.read("r1")).toEqual(trace);
    expect(await log.read("r2")).toBeNull();
  });

  it("keeps one tenant's traces from another", async () => {
    const [a, b] = [newTenant(), newTenant()];
    await objectsOf()
      .tenantLog(a)
      .write([packed("r1", a)]);
    expect(await objectsOf().tenantLog(b).read("r1")).toBeNull();
  });

  it("keeps the first of two traces of one request", async () => {
    const tenant = newTenant();
    const log = objectsOf().tenantLog(tenant);
    await log.write([packed("r1", tenant, { model: "first" }), packed("r1", tenant, { model: "second" })]);
    expect(await log.read("r1")).toMatchObject({ model: "first" });
  });

  it("forgets traces after a week", async () => {
    const tenant = newTenant();
    const log = objectsOf().tenantLog(tenant);
    const now = Date.now();
    await log.write([packed("old", tenant, { at: now - 6 * day }), packed("new", tenant, { at: now })]);
    vi.useFakeTimers({ toFake: ["Date"], now: now + 2 * day });
    await log.write([packed("newest", tenant, { at: now + 2 * day })]);
    expect(await log.read("old")).toBeNull();
    expect(await log.read("new")).not.toBeNull();
  });

  it("holds the ten thousand newest", async () => {
    const tenant = newTenant();
    const log = objectsOf().tenantLog(tenant);
    const traces = Array.from({ length: 10_003 }, (_, index) => packed(`r${index}`, tenant));
    await log.write(traces.slice(0, 6000));
    await log.write(traces.slice(6000));
    const count = await runInDurableObject(log, (_, state) =>
      state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM traces").one(),
    );
    expect(count.n).toBe(10_000);
    expect(await log.read("r2")).toBeNull();
    expect(await log.read("r3")).not.toBeNull();
  });

  it("forgets what has expired when nobody comes back, and sleeps when nothing is left", async () => {
    const tenant = newTenant();
    const log = objectsOf().tenantLog(tenant);
    const now = Date.now();
    await log.write([packed("r1", tenant, { at: now })]);
    await log.keepTurn({ id: "resp_1", previous: null, sealed: "sealed" });
    await log.keepSignatures([{ call: "call_1", sealed: "sealed" }]);
    await log.keepScore({ answer: "r1", keyId: "key00001", score: 1, about: null });
    const left = () =>
      runInDurableObject(log, (_, { storage: { sql } }) =>
        ["traces", "turns", "signatures", "feedback", "scored_answers"].filter(
          (table) => sql.exec(`SELECT 1 FROM ${table}`).toArray().length > 0,
        ),
      );
    const alarm = () => runInDurableObject(log, (_, { storage }) => storage.getAlarm());
    const after: string[][] = [];
    for (const days of [1, 7, 30, 90]) {
      vi.useFakeTimers({ toFake: ["Date"], now: now + days * day + 3_600_000 + 60_000 });
      expect(await alarm()).toBeLessThan(Date.now());
      await runDurableObjectAlarm(log);
      after.push(await left());
    }
    expect(after).toEqual([
      ["traces", "turns", "feedback", "scored_answers"],
      ["turns", "feedback", "scored_answers"],
      ["feedback", "scored_answers"],
      [],
    ]);
    expect(await alarm()).toBeNull();
  });
});
