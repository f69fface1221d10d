import * as fc from "fast-check";
import pLimit from "p-limit";
import { describe, expect, it } from "vitest";
import { createHealth } from "../../../edge/pool/health.ts";
import { createRunStep, type SignedCall, type StepRequest, type StepRun } from "../../../edge/execute/run-step.ts";
import { isSignedToolCall, ownerOfToolCall } from "../../../edge/conversation/tool-call-id.ts";
import type { AnswerEvent } from "../../../shared/events.ts";
import { google } from "../../../edge/providers/google.ts";
import { openrouter } from "../../../edge/providers/openai-compatible.ts";
import type { Provider } from "../../../edge/providers/provider.ts";
import { answerStep } from "../../../shared/plan.ts";
import { boundOf } from "../../../shared/pricing.ts";
import { countInput } from "../../../shared/tokens.ts";
import { chatStream, done, eventStream, openStream, wholeText } from "../../support/chat-stream.ts";
import { cardOf, memberOf, north, settingsOf } from "../../support/edge.ts";
import { chatOf, usageOf } from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const card = cardOf("north/a", { maxOutputTokens: 500 });
const price = { input: 1, output: 2 };
const chat = chatOf("How many fish?");
const bound = countInput(chat).bound;

const setUp = (answer: () => Response | Promise<Response>, member = memberOf(card)) => {
  const sent: unknown[] = [];
  const kept: SignedCall[] = [];
  const health = createHealth();
  const client = new AbortController();
  const clock = createHandClock();
  const runStep = createRunStep(
    {
      pool: [member],
      outputCap: (each) => Math.min(300, each.maxOutputTokens),
      signatures: {
        keepsThoughts: true,
        seal: async (signature) => `sealed ${signature}`,
        keep: async (calls) => void kept.push(...calls),
      },
    },
    {
      fetch: async (input, init) => {
        sent.push(await new Request(input, init).json());
        return answer();
      },
      slots: pLimit(5),
      settings: settingsOf(),
      health,
      clock,
      newId: () => crypto.randomUUID().replaceAll("-", ""),
      signal: client.signal,
    },
  );
  const start = (rest: Partial<StepRequest> = {}) =>
    runStep({ step: answerStep("north/a"), chat, whole: false, keep: false, ...rest });
  return { start, sent, kept, health, client, clock };
};

const drain = async (run: ReturnType<ReturnType<typeof setUp>["start"]>) => {
  const events: AnswerEvent[] = [];
  for (;;) {
    const next = await run.next();
    if (next.done) return { events, run: next.value satisfies StepRun };
    events.push(...next.value);
  }
};
const usageIn = (events: readonly AnswerEvent[]) => events.filter((event) => event.type === "usage");
const endIn = (events: readonly AnswerEvent[]) => events.find((event) => event.type === "step-end");

describe("a step", () => {
  it("gives its words, and at the end what they cost", async () => {
    const { start } = setUp(() => eventStream(wholeText("Three.", 12, 3)));
    const { events, run } = await drain(start());
    expect(events.map(({ type }) => type)).toEqual(["step-start", "start", "text-delta", "usage", "step-end"]);
    expect(usageIn(events)).toMatchObject([
      { step: "answer", worker: "north/a", cost: 18, usage: { inputTokens: 12, outputTokens: 3, source: "reported" } },
    ]);
    expect(endIn(events)).toEqual({ type: "step-end", step: "answer", worker: "north/a", outcome: "done" });
    expect(run).toMatchObject({ end: "stop", error: null, spoke: true, events: [] });
  });

  it("gives the same whether it is read as it comes or at once", async () => {
    const { start } = setUp(() => eventStream(wholeText("Three.", 12, 3)));
    expect((await drain(start({ whole: true }))).events).toEqual((await drain(start())).events);
  });

  it("keeps its words where they are wanted", async () => {
    const { start } = setUp(() => eventStream(wholeText("Three.", 12, 3)));
    const { run } = await drain(start({ keep: true }));
    expect(run.events).toContainEqual({ type: "text-delta", text: "Three." });
  });

  it("sends the cap for which dollars are reserved", async () => {
    const { start, sent } = setUp(() => eventStream(wholeText("Three.", 12, 3)));
    await drain(start());
    expect(sent).toMatchObject([{ model: "a", max_tokens: 300, stream: true }]);
  });

  it("sends the request's own cap where that is smaller", async () => {
    const { start, sent } = setUp(() => eventStream(wholeText("Three.", 12, 3)));
    await drain(start({ chat: { ...chat, maxOutputTokens: 100 } }));
    expect(sent).toMatchObject([{ max_tokens: 100 }]);
  });

  it("charges what the host itself says that it charges, and the card's price where it says nothing", async () => {
    const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, cost: 0.000042 };
    const body = chatStream({ delta: { content: "Three." } }, { finish: "stop" }, { usage }) + done;
    const chargeBy = async (provider: Provider) => {
      const { start } = setUp(() => eventStream(body), { ...memberOf(card), provider });
      const { events } = await drain(start());
      return events.find((event) => event.type === "usage");
    };
    expect(await chargeBy(openrouter)).toEqual({
      type: "usage",
      step: "answer",
      worker: "north/a",
      provider: "openrouter",
      usage: usageOf(12, 3),
      cost: 42,
    });
    expect(await chargeBy(north)).toMatchObject({ provider: "north", cost: 12 * 1 + 3 * 2 });
  });

  it("tells whose key was used", async () => {
    const { start } = setUp(() => eventStream(wholeText("Three.", 12, 3)), {
      ...memberOf(card),
      own: true,
      ownKey: true,
    });
    expect((await drain(start())).events).toContainEqual(expect.objectContaining({ type: "usage", ownKey: true }));
  });

  it("gives a tool call an id that names the worker", async () => {
    const call = { index: 0, id: "theirs", type: "function", function: { name: "weather", arguments: "{}" } };
    const body = chatStream({ delta: { tool_calls: [call] } }, { finish: "tool_calls" }) + done;
    const { start } = setUp(() => eventStream(body));
    const { events, run } = await drain(start());
    const started = events.find((event) => event.type === "tool-call-start");
    expect(ownerOfToolCall(started?.id ?? "", ["north/b", "north/a"])).toBe("north/a");
    expect(run.end).toBe("tool_calls");
  });

  it("gives a thought's signature sealed", async () => {
    const detail = { type: "reasoning.encrypted", data: "proof", index: 0 };
    const body = chatStream(
      { delta: { reasoning_details: [detail] } },
      { delta: { content: "a" } },
      { finish: "stop" },
    );
    const { start, kept } = setUp(() => eventStream(body + done));
    const { events } = await drain(start());
    const signatures = events.flatMap((event) => (event.type === "reasoning-signature" ? [event.signature] : []));
    expect(signatures).toEqual([expect.stringMatching(/^sealed north\/a\|/)]);
    expect(kept).toEqual([]);
  });

  it("keeps the signed thoughts before a tool call with it", async () => {
    const detail = { type: "reasoning.encrypted", data: "proof", index: 0 };
    const call = { index: 0, id: "theirs", type: "function", function: { name: "weather", arguments: "{}" } };
    const body = chatStream(
      { delta: { reasoning_content: "hm" } },
      { delta: { reasoning_details: [detail] } },
      { delta: { tool_calls: [call] } },
      { finish: "tool_calls" },
    );
    const { start, kept } = setUp(() => eventStream(body + done));
    const { events } = await drain(start());
    const called = events.find((event) => event.type === "tool-call-start");
    expect(isSignedToolCall(called?.id ?? "")).toBe(true);
    expect(kept).toEqual([
      { id: called?.id, thoughts: [{ text: "hm", signature: expect.stringMatching(/^north\/a\|/) }] },
    ]);
  });

  it("keeps a tool call's signature before it ends, and tells nobody", async () => {
    const part = { functionCall: { name: "weather", args: {} }, thoughtSignature: "proof" };
    const chunk = { candidates: [{ content: { parts: [part] }, finishReason: "STOP" }] };
    const member = { ...memberOf(card), provider: google };
    const { start, kept } = setUp(() => eventStream(`data: ${JSON.stringify(chunk)}\n\n`), member);
    const { events } = await drain(start());
    const called = events.find((event) => event.type === "tool-call-start");
    expect(called).toEqual({ type: "tool-call-start", index: 0, id: expect.any(String), name: "weather" });
    expect(isSignedToolCall(called?.id ?? "")).toBe(true);
    expect(kept).toEqual([{ id: called?.id, signature: "google/a|proof" }]);
  });

  it("costs nothing known where the worker has no price", async () => {
    const { start } = setUp(() => eventStream(wholeText("Three.", 12, 3)), memberOf({ ...card, price: null }));
    expect(usageIn((await drain(start())).events)).toMatchObject([{ cost: null, usage: { inputTokens: 12 } }]);
  });

  it("is a bug when nobody in the pool has that name", async () => {
    const { start } = setUp(() => eventStream(""));
    await expect(drain(start({ step: answerStep("north/z") }))).rejects.toThrow("north/z");
  });

  it("tells how long a whole answer took, without the time its reader took", async () => {
    const { response, write, close } = openStream();
    const { start, clock, health } = setUp(() => response);
    const run = start();
    await run.next();
    const first = run.next();
    await clock.advance(1500);
    await write(chatStream({ delta: { content: "a" } }));
    await first;
    await clock.advance(90_000);
    void write(chatStream({ finish: "stop" }) + done).then(close);
    await drain(run);
    expect(health.latencyMs("north/a")).toBe(1500);
  });
});

describe("a step that fails", () => {
  it("costs nothing when the vendor refused", async () => {
    const { start } = setUp(() => Response.json({ error: { message: "busy" } }, { status: 503 }));
    const { events, run } = await drain(start());
    expect(usageIn(events)).toEqual([]);
    expect(endIn(events)).toMatchObject({ outcome: "failed", error: { cause: "overloaded" } });
    expect(run).toMatchObject({ end: null, spoke: false, error: { kind: "upstream" } });
  });

  it("costs nothing when the vendor was not reached", async () => {
    const { start } = setUp(() => Promise.reject(new Error("connection refused")));
    const { events } = await drain(start());
    expect(usageIn(events)).toEqual([]);
    expect(endIn(events)).toMatchObject({ outcome: "failed", error: { cause: "network" } });
  });

  it("counts against the worker, unless the request was wrong", async () => {
    const busy = setUp(() => new Response("", { status: 500 }));
    const wrong = setUp(() => Response.json({ error: { message: "no such field" } }, { status: 400 }));
    for (let time = 0; time < 3; time += 1) {
      await drain(busy.start());
      await drain(wrong.start());
    }
    expect(busy.health.isUp("north/a", busy.clock.now())).toBe(false);
    expect(wrong.health.isUp("north/a", wrong.clock.now())).toBe(true);
  });

  it("is charged for what it said when the body is cut", async () => {
    const { start } = setUp(() => eventStream(chatStream({ delta: { content: "Three fi" } })));
    const { events, run } = await drain(start());
    expect(usageIn(events)).toMatchObject([
      { usage: { inputTokens: bound, outputTokens: 8, source: "estimated" }, cost: bound + 16 },
    ]);
    expect(run).toMatchObject({ spoke: true, end: null });
  });
});

/** Output tokens of a call that is cut a tenth of a second after it began. */
const outputWhenCut = async (efforts: readonly ("low" | "high")[]) => {
  const { response, write } = openStream();
  const { start, client, clock } = setUp(() => response, memberOf({ ...card, efforts }));
  const run = start();
  await run.next();
  const first = run.next();
  await clock.advance(100);
  await write(chatStream({ delta: { content: "Three fi" } }));
  await first;
  client.abort();
  return usageIn((await drain(run)).events)[0]?.usage.outputTokens;
};

describe("a step whose reader leaves", () => {
  it("is canceled, charged for its input, what it had said and may have said since, and no fault of the worker's", async () => {
    const { response, write } = openStream();
    const { start, client, health, clock } = setUp(() => response);
    const run = start();
    await run.next();
    const first = run.next();
    await write(chatStream({ delta: { content: "Three fi" } }));
    await first;
    client.abort();
    const { events, run: ended } = await drain(run);
    expect(endIn(events)).toEqual({ type: "step-end", step: "answer", worker: "north/a", outcome: "canceled" });
    expect(usageIn(events)).toMatchObject([{ usage: { source: "estimated", inputTokens: bound, outputTokens: 33 } }]);
    expect(ended.error).not.toBeNull();
    for (let time = 0; time < 2; time += 1) health.failed("north/a", clock.now());
    expect(health.isUp("north/a", clock.now())).toBe(true);
  });

  it("is charged for what it may have thought unseen in the time", async () => {
    expect(await outputWhenCut(["low", "high"])).toBe(133);
    expect(await outputWhenCut([])).toBe(33);
  });

  it("ends by its own signal as well", async () => {
    const own = new AbortController();
    const { start } = setUp(() => openStream().response);
    const run = start({ signal: own.signal });
    await run.next();
    const rest = drain(run);
    own.abort();
    expect(endIn((await rest).events)).toMatchObject({ outcome: "canceled" });
  });

  it("never costs more than was reserved, whatever it said", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), { maxLength: 8 }),
        async (texts) => {
          const body = chatStream(...texts.map((content) => ({ delta: { content } })));
          const { start } = setUp(() => eventStream(body));
          const { events } = await drain(start());
          const [usage] = usageIn(events);
          expect(usage?.cost).toBeLessThanOrEqual(boundOf(price, bound, 300));
          expect(usage?.usage.outputTokens).toBeLessThanOrEqual(300);
        },
      ),
      { numRuns: 40 },
    );
  });
});
