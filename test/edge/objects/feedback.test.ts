import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Trace } from "../../../edge/account/trace.ts";
import { keepScore } from "../../../edge/objects/tenant-log/feedback.ts";
import { findKey } from "../../../edge/objects/tenant/keys.ts";
import { packTrace } from "../../../edge/objects/packed-trace.ts";
import { newKeyOf, newTenant, objectsOf, traceOf } from "../../support/edge.ts";
import { usageOf } from "../../support/events.ts";

afterEach(() => void vi.useRealTimers());

const packed = (...args: Parameters<typeof traceOf>) => packTrace(traceOf(...args));

const day = 24 * 3_600_000;
const scoreOf = (worker: string, quality: number, bias?: number) => ({
  worker,
  quality,
  costDollars: 0.001,
  latencyMs: null,
  utility: quality,
  ...(bias !== undefined && { bias }),
});

const decided = (rest: Partial<Trace["plan"]> = {}): Trace["plan"] => ({
  source: "conductor",
  fallback: null,
  kind: "workflow",
  workers: ["north/a"],
  reason: "",
  task_type: { name: "math", probability: 0.9 },
  support: 1,
  weights: "2026-11-22-a",
  scores: [scoreOf("north/a", 0.8), scoreOf("north/b", 0.6, 0.01)],
  ...rest,
});

const stepOf = (worker: string, role = "answer"): Trace["steps"][number] => ({
  step: role,
  worker,
  role,
  started_ms: 0,
  ended_ms: 5,
  outcome: "done",
  error: null,
  usage: usageOf(10, 20),
  cost_usd: 0.001,
});

const today = new Date().toISOString().slice(0, 10);
const biasOf = (all: number) => ({ weights: "2026-11-22-a", day: today, workers: { "north/a": { all, types: {} } } });

const drawn = (worker: string) =>
  decided({
    exploration: { worker, explored: worker !== "north/a", propensities: { "north/a": 0.9, "north/b": 0.1 } },
  });

/** A tenant's log with answers by these ids. */
const setUp = async (ids: readonly string[], rest: Partial<Trace> = {}) => {
  const tenant = newTenant();
  const log = objectsOf().tenantLog(tenant);
  await log.write(ids.map((id) => packed(id, tenant, { plan: decided(), steps: [stepOf("north/a")], ...rest })));
  const keep = (answer: string, score: number, { keyId = "k1", about = null as string | null } = {}) =>
    log.keepScore({ answer, keyId, score, about });
  return { tenant, log, keep };
};

const ids = (count: number) => Array.from({ length: count }, (_, at) => `r${at}`);

describe("a score", () => {
  it("corrects the worker of the answer by what it is beside what was foreseen", async () => {
    const { keep } = await setUp(ids(10));
    for (const id of ids(10)) await keep(id, 0.7);
    const kept = await keep("r0", 0.7);
    expect(kept).toMatchObject({
      ok: true,
      value: {
        worker: "north/a",
        lesson: { worker: "north/a", quality: 0.8 },
        revised: { bias: { weights: "2026-11-22-a", workers: { "north/a": { types: { math: expect.any(Number) } } } } },
      },
    });
    const { all } = (kept.ok && kept.value.revised.bias.workers["north/a"]) || { all: 0 };
    expect(all).toBeLessThan(0);
    expect(all).toBeGreaterThanOrEqual(-0.012);
  });

  it("takes the place of the key's earlier one, and counts beside another key's", async () => {
    const { log, keep } = await setUp(["r1"]);
    await keep("r1", 0);
    await keep("r1", 1);
    await keep("r1", 0.5, { keyId: "k2" });
    expect(await log.listScored({ after: "", limit: 10 })).toMatchObject([
      {
        id: "r1",
        scores: [
          { keyId: "k1", about: null, score: 1 },
          { keyId: "k2", about: null, score: 0.5 },
        ],
      },
    ]);
  });

  it("comes with a revision that counts up", async () => {
    const { keep } = await setUp(ids(2));
    const revisions = [await keep("r0", 1), await keep("r1", 1), await keep("r0", 0)].map((kept) =>
      kept.ok ? kept.value.revised.revision : 0,
    );
    expect(revisions).toEqual([1, 2, 3]);
  });

  it("is refused for an answer that has no trace here, and for a request without an answer", async () => {
    const { keep } = await setUp(["r1"], { worker: null, status: "failed" });
    expect(await keep("r2", 1)).toMatchObject({ ok: false, error: { kind: "not_found" } });
    expect(await keep("r1", 1)).toMatchObject({ ok: false, error: { kind: "invalid_request", param: "request_id" } });
  });

  it("is not taken from one tenant's log for another's", async () => {
    await setUp(["r1"]);
    const { keep } = await setUp([]);
    expect(await keep("r1", 1)).toMatchObject({ ok: false, error: { kind: "not_found" } });
  });

  it("is refused after a thousand of one key on one day, changed ones included", async () => {
    const { log, keep } = await setUp(ids(1001));
    await runInDurableObject(log, (_, { storage }) =>
      storage.transactionSync(() => {
        for (const answer of ids(1000))
          keepScore(storage.sql, { answer, keyId: "k1", score: 1, about: null }, Date.now());
      }),
    );
    expect(await keep("r1000", 1)).toMatchObject({ ok: false, error: { kind: "rate_limited" } });
    expect(await keep("r0", 0)).toMatchObject({ ok: false, error: { kind: "rate_limited" } });
    expect(await keep("r1000", 1, { keyId: "k2" })).toMatchObject({ ok: true });
  });

  it("is not crowded out by another key that gives more", async () => {
    const { log, keep } = await setUp(["r1"]);
    await runInDurableObject(log, (_, { storage }) => {
      storage.sql.exec(
        `INSERT INTO feedback (answer, key_id, about, at, day, score)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10999)
         SELECT 'x' || i, CASE WHEN i < 10 THEN 'k2' ELSE 'k1' END, '', ?, '2026-11-22', 1 FROM n`,
        Date.now(),
      );
    });
    await keep("r1", 1, { keyId: "k2" });
    const counts = await runInDurableObject(log, (_, { storage }) =>
      storage.sql.exec("SELECT key_id AS key, count(*) AS n FROM feedback GROUP BY key_id ORDER BY key_id").toArray(),
    );
    expect(counts).toEqual([
      { key: "k1", n: 10_000 },
      { key: "k2", n: 10 },
    ]);
  });

  it("is forgotten after ninety days", async () => {
    const { tenant, log, keep } = await setUp(["r1"]);
    await keep("r1", 0);
    const later = Date.now() + 91 * day;
    vi.useFakeTimers({ toFake: ["Date"], now: later });
    await log.write([packed("r2", tenant, { at: later, plan: decided(), steps: [stepOf("north/a")] })]);
    await keep("r2", 0.8);
    expect(await log.listScored({ after: "", limit: 10 })).toMatchObject([{ id: "r2" }]);
  });
});

describe("what a score teaches", () => {
  const team = {
    plan: decided({ workers: ["north/a", "north/b", "north/a"] }),
    steps: [stepOf("north/a"), stepOf("north/b"), stepOf("north/a", "judge")],
  };

  it("is nothing of one worker where several had a part", async () => {
    const { keep } = await setUp(["r1"], team);
    expect(await keep("r1", 0)).toMatchObject({
      ok: true,
      value: { lesson: { why: expect.stringContaining("several") } },
    });
  });

  it("is of the worker that is named, if it gave an answer of its own", async () => {
    const { keep } = await setUp(["r1"], team);
    expect(await keep("r1", 0, { about: "north/b" })).toMatchObject({
      ok: true,
      value: { lesson: { worker: "north/b", quality: 0.6 } },
    });
    expect(await keep("r1", 0, { about: "north/c" })).toMatchObject({
      ok: false,
      error: { kind: "invalid_request", param: "worker" },
    });
  });

  it("is nothing where no quality was foreseen", async () => {
    const { keep } = await setUp(["r1"], { plan: decided({ source: "affinity", scores: [], weights: null }) });
    expect(await keep("r1", 0)).toMatchObject({ value: { lesson: { why: expect.stringContaining("settled") } } });
  });
});

describe("an evaluation", () => {
  it("rests on the drawn answers of the worker that was drawn", async () => {
    const { tenant, log, keep } = await setUp(ids(90), { plan: drawn("north/a") });
    const others = ids(20).map((id) => `b${id}`);
    await log.write(
      others.map((id) => packed(id, tenant, { worker: "north/b", plan: drawn("north/b"), steps: [stepOf("north/b")] })),
    );
    // Another stood in for the one that was drawn; and one that was not drawn for.
    await log.write([
      packed("x", tenant, { worker: "north/c", plan: drawn("north/a"), steps: [stepOf("north/c")] }),
      packed("y", tenant, { plan: decided(), steps: [stepOf("north/a")] }),
    ]);
    for (const id of [...ids(90), "x", "y"]) await keep(id, 1);
    for (const id of others) await keep(id, 0);
    expect(await log.evaluate("north/b")).toMatchObject({
      identified: true,
      answers: 110,
      usable: 110,
      difference: { value: expect.any(Number) },
    });
    expect(await log.evaluate("north/c")).toMatchObject({ identified: false, reason: expect.stringContaining("110") });
  });

  it("has nothing to say of a tenant that does not explore", async () => {
    const { log, keep } = await setUp(["r1"]);
    await keep("r1", 1);
    expect(await log.evaluate("north/a")).toMatchObject({ identified: false, answers: 0 });
  });
});

describe("biases in a tenant's object", () => {
  it("come with the key's record, and older ones do not take the place of newer", async () => {
    const tenant = objectsOf().tenant(newTenant());
    const key = newKeyOf();
    await tenant.createKey(key);
    const recordOf = () =>
      runInDurableObject(tenant, (_, { storage }) =>
        findKey(storage.sql, { keyId: key.id, keyHash: key.hash }, Date.now()),
      );
    expect(await recordOf()).not.toHaveProperty("bias");
    await tenant.keepBias({ revision: 7, bias: biasOf(0.02) });
    await tenant.keepBias({ revision: 6, bias: biasOf(-0.02) });
    expect(await recordOf()).toMatchObject({ keyId: key.id, bias: biasOf(0.02) });
  });
});
