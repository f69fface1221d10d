import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createKeptTurns } from "../../../edge/conversation/kept-turns.ts";
import { keepTurn } from "../../../edge/conversation/keep-turn.ts";
import type { AnswerHead, KeptTurn, KeptTurns, Recall } from "../../../edge/formats/format.ts";
import { err } from "../../../shared/result.ts";
import { noUsage } from "../../../shared/usage.ts";
import type { AnswerEvent } from "../../../shared/events.ts";
import { newTenant, objectsOf, settingsOf } from "../../support/edge.ts";
import { endedBy, failure, textDelta, upstreamError } from "../../support/events.ts";

afterEach(() => void vi.useRealTimers());

const day = 24 * 3_600_000;
const newId = () => crypto.randomUUID().replaceAll("-", "");
const turnsOf = (tenant: string, secret = "secret-number-one") =>
  createKeptTurns(tenant, { settings: settingsOf({ KEY_SECRET: secret }), objects: objectsOf(), newId });

const head = { id: "resp_1", created: 1, model: "shoal-mini", includeUsage: true } satisfies Omit<AnswerHead, "now">;
const turn = (id: string, previous: string | null = null, text = id): KeptTurn => ({
  id,
  previous,
  messages: [{ role: "user", content: [{ type: "text", text }] }],
  answer: { content: [{ type: "text", text: "yes" }], end: "stop", error: null, model: null },
  bill: { usage: { answer: noUsage, orchestration: noUsage }, cost: 0 },
  head,
  endedAt: 2,
});

/** What a request that continues `after` is joined with. */
const found = async (turns: ReturnType<typeof turnsOf>, after: string | null, others: readonly string[] = []) => {
  let given: KeptTurns | null = null;
  const recall: Recall = {
    after: after === null ? null : { turn: after, id: `resp_${after}` },
    others,
    join(kept) {
      given = kept;
      return err({ kind: "internal" });
    },
  };
  const recalled = await turns.recall(recall);
  return given ?? recalled;
};

describe("kept turns", () => {
  it("come back as they were, oldest first", async () => {
    const turns = turnsOf(newTenant());
    for (const kept of [turn("a"), turn("b", "a"), turn("c", "b"), turn("x")]) await turns.keep(kept);
    expect(await turns.read("b")).toEqual(turn("b", "a"));
    expect(await found(turns, "c", ["x", "y"])).toEqual({
      after: [turn("a"), turn("b", "a"), turn("c", "b")],
      others: [turn("x")],
    });
  });

  it("of several megabytes are whole", async () => {
    const turns = turnsOf(newTenant());
    const long = turn("a", null, "ä".repeat(2_500_000));
    await turns.keep(long);
    expect(await turns.read("a")).toEqual(long);
  });

  it("are one tenant's own", async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    await turnsOf(tenant).keep(turn("a"));
    expect(await turnsOf(other).read("a")).toBeNull();
  });

  it("do not open without the secret, and say nothing to who reads the storage", async () => {
    const tenant = newTenant();
    await turnsOf(tenant).keep(turn("a", null, "a word"));
    expect(await turnsOf(tenant, "secret-number-two").read("a")).toBeNull();
    expect(await turnsOf(tenant, "secret-number-two,secret-number-one").read("a")).not.toBeNull();
    const stored = await runInDurableObject(objectsOf().tenantLog(tenant), (_, state) =>
      state.storage.sql.exec<{ text: string }>("SELECT text FROM turns").one(),
    );
    expect(atob(stored.text)).not.toContain("a word");
  });

  it("that are gone end what continues from them", async () => {
    const turns = turnsOf(newTenant());
    for (const kept of [turn("a"), turn("b", "a")]) await turns.keep(kept);
    expect(await turns.remove("a")).toBe(true);
    expect(await turns.remove("a")).toBe(false);
    expect(await found(turns, "b")).toEqual({ after: null, others: [] });
  });

  it("are forgotten thirty days after they were last used", async () => {
    const turns = turnsOf(newTenant());
    const now = Date.now();
    for (const kept of [turn("a"), turn("b", "a"), turn("x")]) await turns.keep(kept);
    vi.useFakeTimers({ toFake: ["Date"], now: now + 20 * day });
    await found(turns, "b");
    vi.setSystemTime(now + 40 * day);
    expect(await found(turns, "b")).toMatchObject({ after: [{ id: "a" }, { id: "b" }] });
    expect(await turns.read("x")).toBeNull();
  });

  it("that do not fit into one message are refused by name", async () => {
    const turns = turnsOf(newTenant());
    for (const kept of [turn("a", null, "x".repeat(10_000_000)), turn("b", "a", "x".repeat(10_000_000))]) {
      await turns.keep(kept);
    }
    expect(await found(turns, "b")).toMatchObject({ ok: false, error: { param: "previous_response_id" } });
  });
});

const tap = async (events: readonly AnswerEvent[], keep: (kept: KeptTurn) => Promise<void>) => {
  const given: string[] = [];
  const source = (async function* batches() {
    for (const event of events) yield [event];
  })();
  const deps = { requestId: "a", turns: { keep }, waitUntil: () => undefined };
  const { messages } = turn("a", null, "hi");
  for await (const batch of keepTurn(source, { previous: null, messages, head: { ...head, now: () => 2 } }, deps)) {
    given.push(...batch.map(({ type }) => type));
  }
  return given;
};

describe("keeping a turn", () => {
  it("is done before the last event leaves", async () => {
    const order: string[] = [];
    const given = await tap([textDelta("yes"), endedBy("a", "w/a")], async (kept) => {
      order.push(kept.id);
      expect(kept).toEqual(turn("a", null, "hi"));
    });
    expect(order).toEqual(["a"]);
    expect(given).toEqual(["text-delta", "end"]);
  });

  it("is left out for an answer that failed", async () => {
    const keep = vi.fn<(kept: KeptTurn) => Promise<void>>();
    await tap([textDelta("ye"), failure(upstreamError("network"))], keep);
    expect(keep).not.toHaveBeenCalled();
  });

  it("that fails does not cost the answer", async () => {
    const given = await tap([textDelta("yes"), endedBy("a", "w/a")], () => Promise.reject(new Error("no disk")));
    expect(given).toEqual(["text-delta", "end"]);
  });
});
