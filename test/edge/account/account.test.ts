import { describe, expect, it } from "vitest";
import { account, type Subject } from "../../../edge/account/account.ts";
import { affinityKeys, recallWorker } from "../../../edge/conversation/affinity.ts";
import type { Events } from "../../../edge/execute/execute.ts";
import { createOutbox } from "../../../edge/objects/outbox.ts";
import { createHealth } from "../../../edge/pool/health.ts";
import { startTiming } from "../../../edge/runtime/timing.ts";
import type { AnswerEvent } from "../../../shared/events.ts";
import { directPlan } from "../../../shared/plan.ts";
import { createTenant, settingsOf } from "../../support/edge.ts";
import {
  chatOf,
  endedBy,
  failure,
  stepEnd,
  stepStart,
  textDelta,
  upstreamError,
  usageOf,
  used,
} from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const inner = [stepStart("draft", "w/a"), used("draft", "w/a", usageOf(10, 5), 20), stepEnd("draft", "w/a", "done")];
const answer = [
  stepStart("answer", "w/b"),
  textDelta("Three"),
  used("answer", "w/b", usageOf(30, 7), 44),
  stepEnd("answer", "w/b", "done"),
  endedBy("answer", "w/b"),
];

const setUp = async (rest: Partial<Subject> = {}) => {
  const { identity, grant, objects } = await createTenant();
  const clock = createHandClock();
  const outbox = createOutbox(objects, clock);
  const health = createHealth();
  const client = new AbortController();
  const work: Promise<unknown>[] = [];
  const requestId = crypto.randomUUID();
  const chat = chatOf(`How many fish in ${requestId}?`);
  const affinity = await affinityKeys(chat, identity.tenant, "secret-number-one");
  const subject: Subject = {
    grant,
    client: { chat, stream: true, includeUsage: false },
    choice: { kind: "tier", tier: "mini" },
    planned: {
      decision: {
        plan: directPlan("w/b"),
        scores: [],
        reason: "the best",
        taskType: null,
        support: 0.5,
        weights: "v1",
      },
      source: "conductor",
      fallback: null,
    },
    pool: [],
    affinity,
    ...rest,
  };
  const accounted = (events: Events) =>
    account(events, subject, {
      requestId,
      arrivedAt: clock.now(),
      settings: settingsOf(),
      timing: startTiming(() => clock.now()),
      clock,
      outbox,
      health,
      waitUntil: (promise) => void work.push(promise),
      signal: client.signal,
      abort: () => client.abort(),
    });
  /** Lets the records travel, and reads them where they arrive. */
  const written = async () => {
    await clock.advance(1_000);
    await Promise.all(work);
    const { tenant } = identity;
    return {
      row: await objects.tenant(tenant).ledgerRow(requestId),
      trace: await objects.tenantLog(tenant).read(requestId),
    };
  };
  const readRow = () => objects.tenant(identity.tenant).ledgerRow(requestId);
  return { accounted, written, readRow, clock, client, affinity, work, health, subject };
};

const start = (model: string) => ({ type: "start" as const, model });

async function* saying(...batches: readonly (readonly AnswerEvent[])[]): Events {
  yield* batches;
}

const read = async (events: Events): Promise<readonly AnswerEvent[]> => {
  const seen: AnswerEvent[] = [];
  for await (const batch of events) seen.push(...batch);
  return seen;
};

describe("account", () => {
  it("has in the trace each step that was skipped, and why, and nothing of it in the ledger", async () => {
    const { accounted, written } = await setUp();
    const skipped: AnswerEvent = {
      type: "step-end",
      step: "check",
      worker: "w/c",
      outcome: "skipped",
      skipped: { role: "verify", reason: "accepted" },
    };
    await read(accounted(saying(inner, [skipped], answer)));
    const { row, trace } = await written();
    expect(trace?.steps.map(({ step, outcome }) => `${step} ${outcome}`)).toEqual([
      "draft done",
      "check skipped",
      "answer done",
    ]);
    expect(trace?.steps[1]).toMatchObject({ role: "verify", skipped: "accepted", usage: null, cost_usd: null });
    expect(row?.calls.map(({ step }) => step)).toEqual(["draft", "answer"]);
  });

  it("passes every event on unchanged", async () => {
    const { accounted } = await setUp();
    expect(await read(accounted(saying(inner, answer)))).toEqual([...inner, ...answer]);
  });

  it("tells the pool what the answering call cost beside what was foreseen", async () => {
    const { subject } = await setUp();
    const { planned } = subject;
    const score = { worker: "w/b", quality: 0.5, costDollars: 0.000_022, latencyMs: null, utility: 0.5 };
    const foreseen = { ...planned, decision: { ...planned.decision, scores: [score] } };
    const { accounted, health } = await setUp({ planned: foreseen });
    await read(accounted(saying(answer)));
    // 44 micro-dollars where 22 were foreseen, beside the five calls that the profile counts for.
    expect(health.costFactor("w/b")).toBeCloseTo((5 * 0.95 + 2) / (5 * 0.95 + 1), 10);
  });

  it("writes one row with the sum of all calls", async () => {
    const { accounted, written } = await setUp();
    await read(accounted(saying(inner, answer)));
    expect((await written()).row).toMatchObject({
      status: "complete",
      worker: "w/b",
      model: "shoal-mini",
      inputTokens: 40,
      outputTokens: 12,
      cost: 64,
      usageSource: "reported",
    });
  });

  it("writes a replayed answer as one request, for nothing, to nobody, whatever its reader is shown", async () => {
    const { subject } = await setUp();
    const planned = { ...subject.planned, source: "cache" as const };
    const { accounted, written } = await setUp({ planned });
    const shown = [textDelta("Three"), used("answer", "w/b", usageOf(30, 7), 0), endedBy("answer", "w/b")];
    expect(await read(accounted(saying(shown)))).toEqual(shown);
    const { row, trace } = await written();
    expect(row).toMatchObject({ status: "complete", worker: "w/b", inputTokens: 0, outputTokens: 0, cost: 0 });
    expect(row?.calls).toMatchObject([{ worker: "cache", cost: 0 }]);
    expect(trace).toMatchObject({ plan: { source: "cache" }, steps: [], cost_usd: 0 });
  });

  it("keeps the isolate alive from the start until the row is written", async () => {
    const { accounted, work, clock } = await setUp();
    const events = accounted(saying(inner, answer));
    await events.next();
    expect(work).toHaveLength(1);
    let over = false;
    void work[0]?.then(() => {
      over = true;
    });
    await read(events);
    expect(over).toBe(false);
    await clock.advance(100);
    await Promise.all(work);
    expect(over).toBe(true);
  });

  it("writes a trace of who did what, without a word of prompt or answer", async () => {
    const { accounted, written } = await setUp();
    await read(accounted(saying(inner, answer)));
    const { trace } = await written();
    expect(trace).toMatchObject({
      object: "trace",
      status: "complete",
      worker: "w/b",
      tier: "mini",
      plan: {
        source: "conductor",
        fallback: null,
        kind: "workflow",
        workers: ["w/b"],
        reason: "the best",
        weights: "v1",
      },
      steps: [
        { step: "draft", worker: "w/a", outcome: "done", cost_usd: 0.00002 },
        { step: "answer", worker: "w/b", outcome: "done", cost_usd: 0.000044 },
      ],
      cost_usd: 0.000064,
      usage_source: "reported",
    });
    expect(JSON.stringify(trace)).not.toContain("fish");
    expect(JSON.stringify(trace)).not.toContain("Three");
  });

  it("tells a failed worker from the one that took its place", async () => {
    const { accounted, written } = await setUp();
    const failed = [stepStart("answer", "w/a"), stepEnd("answer", "w/a", "failed", upstreamError("overloaded"))];
    await read(accounted(saying(failed, answer)));
    const { row, trace } = await written();
    expect(row).toMatchObject({ status: "complete", worker: "w/b", cost: 44 });
    expect(trace?.steps).toMatchObject([
      { worker: "w/a", outcome: "failed", error: { status: 503 }, cost_usd: null },
      { worker: "w/b", outcome: "done", error: null },
    ]);
  });

  it("writes a failure with what it cost until then", async () => {
    const { accounted, written } = await setUp();
    await read(accounted(saying(inner, [failure(upstreamError("timeout"))])));
    const { row, trace } = await written();
    expect(row).toMatchObject({ status: "failed", worker: null, cost: 20 });
    // A vendor's words may quote the request.
    expect(JSON.stringify(trace)).not.toContain("not today");
    expect(trace).toMatchObject({ status: "failed", error: { status: 504, code: "upstream_timeout" } });
  });

  it("says of a cost with an unknown part that it is unknown", async () => {
    const { accounted, written } = await setUp();
    await read(accounted(saying(inner, [used("answer", "w/x", usageOf(1, 1), null), endedBy("answer", "w/x")])));
    expect((await written()).trace?.cost_usd).toBeNull();
  });

  it("remembers the conversation's worker here and in the tenant's object", async () => {
    const { accounted, written, affinity } = await setUp();
    await read(accounted(saying(answer)));
    await written();
    expect(recallWorker({ previous: affinity.next, next: "" })).toBe("w/b");
  });

  it("remembers no worker that the client named itself, and none that failed", async () => {
    const named = await setUp({ choice: { kind: "worker", id: "w/b", effort: null }, affinity: null });
    await read(named.accounted(saying(answer)));
    expect(recallWorker({ previous: named.affinity.next, next: "" })).toBeNull();
    const failed = await setUp();
    await read(failed.accounted(saying([failure(upstreamError("server"))])));
    expect(recallWorker({ previous: failed.affinity.next, next: "" })).toBeNull();
  });

  it("keeps the vendor's own name of the model that answered", async () => {
    const { accounted, written } = await setUp();
    await read(
      accounted(
        saying([
          stepStart("answer", "w/a"),
          start("model-a-2026-10-01"),
          stepStart("answer", "w/b"),
          start("model-b-2026-11-01"),
          textDelta("x"),
          endedBy("answer", "w/b"),
        ]),
      ),
    );
    expect((await written()).trace?.upstream_model).toBe("model-b-2026-11-01");
  });

  it("keeps the time of each phase", async () => {
    const { accounted, written, clock } = await setUp();
    async function* slowly(): Events {
      yield [stepStart("answer", "w/b")];
      await clock.advance(30);
      yield [{ type: "start" }, textDelta("a")];
      await clock.advance(50);
      yield [endedBy("answer", "w/b")];
    }
    await read(accounted(slowly()));
    expect((await written()).trace?.timing).toMatchObject({
      first_call: 0,
      first_event: 30,
      first_token: 30,
      total: 80,
    });
  });
});

describe("a reader that leaves", () => {
  it("between two events is charged for what the call still reports", async () => {
    const { accounted, written, client } = await setUp();
    const rest = [
      used("answer", "w/b", usageOf(30, 3, { source: "estimated" }), 36),
      stepEnd("answer", "w/b", "canceled"),
    ];
    async function* cut(): Events {
      yield [stepStart("answer", "w/b"), textDelta("Thr")];
      expect(client.signal.aborted).toBe(true);
      yield rest;
      yield [failure(upstreamError("network"))];
    }
    const events = accounted(cut());
    await events.next();
    await events.return();
    const { row, trace } = await written();
    expect(row).toMatchObject({ status: "aborted", worker: null, cost: 36, usageSource: "estimated" });
    expect(trace).toMatchObject({ status: "aborted", error: null, steps: [{ outcome: "canceled" }] });
  });

  it("while a call is pending ends the call and is charged once", async () => {
    const { accounted, written, client } = await setUp();
    async function* pending(): Events {
      yield [stepStart("answer", "w/b")];
      await new Promise((resolve) => client.signal.addEventListener("abort", resolve, { once: true }));
      yield [used("answer", "w/b", usageOf(30, 0, { source: "estimated" }), 30)];
      yield [failure(upstreamError("network"))];
    }
    const events = accounted(pending());
    await events.next();
    const waiting = events.next();
    const leaving = events.return();
    client.abort();
    await Promise.all([waiting, leaving]);
    await events.return();
    expect((await written()).row).toMatchObject({ status: "aborted", cost: 30, usageSource: "estimated" });
  });

  it("after the last event has had a complete answer", async () => {
    const { accounted, written } = await setUp();
    const events = accounted(saying(answer));
    await events.next();
    await events.return();
    expect((await written()).row).toMatchObject({ status: "complete", cost: 44 });
  });
});

describe("a request in shadow", () => {
  const rollout = { mode: "shadow", arm: "baseline", baseline: "w/b", stage: 1, conversation: "c" } as const;
  const shadow = {
    kind: "workflow",
    worker: "w/a",
    workers: ["w/a"],
    source: "conductor",
    reason: "the best",
    quality: 0.7,
    baseline_quality: 0.6,
    cost_usd: 0.00002,
    max_cost_usd: 0.00002,
    baseline_cost_usd: 0.00004,
    latency_ms: 900,
  } as const;

  it("asks what the conductor would have done once the answer has ended, and is settled without it", async () => {
    const planned = Promise.withResolvers<typeof shadow>();
    let asked = false;
    const { accounted, clock, readRow, written } = await setUp({
      rollout,
      shadow: () => {
        asked = true;
        return planned.promise;
      },
    });
    const events = accounted(saying(answer));
    await events.next();
    expect(asked).toBe(false);
    await read(events);
    expect(asked).toBe(true);
    await clock.advance(1_000);
    expect(await readRow()).toMatchObject({ cost: 44, status: "complete" });
    planned.resolve(shadow);
    const { trace } = await written();
    expect(trace?.rollout).toEqual({ ...rollout, shadow });
  });
});
