import { describe, expect, it } from "vitest";
import { execute, type ExecuteDeps } from "../../../edge/execute/execute.ts";
import type { RunStep, StepRequest } from "../../../edge/execute/run-step.ts";
import { textOf } from "../../../shared/chat.ts";
import type { ShoalError } from "../../../shared/errors.ts";
import { answerText, collect, type AnswerEvent, type EndReason } from "../../../shared/events.ts";
import { teamPlan } from "../../../shared/team.ts";
import {
  chatOf,
  endedBy,
  reasoningDelta,
  start,
  stepEnd,
  stepStart,
  textDelta,
  toolCall,
  toolDelta,
  upstreamError,
  usageOf,
  used,
} from "../../support/events.ts";
import { settle } from "../../support/hand-clock.ts";

type Line = { readonly says?: readonly AnswerEvent[]; readonly error?: ShoalError; readonly end?: EndReason };

const overloaded: Line = { error: upstreamError("overloaded") };
const says = (text: string): Line => ({ says: [start, textDelta(text)] });
const signature: AnswerEvent = { type: "reasoning-signature", signature: "sealed" };
const spoken = new Set<AnswerEvent["type"]>(["text-delta", "reasoning-delta", "tool-call-start"]);

/** Workers that say at each step what a test has them say; a worker of its own is named `step worker`. */
const createStage = (lines: Readonly<Record<string, Line>>) => {
  const calls: string[] = [];
  const requests = new Map<string, StepRequest>();
  const runStep: RunStep = async function* (request) {
    const { step, keep } = request;
    const { says: words = [], error, end = "stop" } = lines[`${step.id} ${step.worker}`] ?? lines[step.id] ?? {};
    calls.push(`${step.id} ${step.worker}`);
    requests.set(step.id, request);
    yield [stepStart(step.id, step.worker, step.role)];
    for (const word of words) yield [word];
    const outcome = error ? "failed" : "done";
    yield [used(step.id, step.worker, usageOf(10, 5), 20), stepEnd(step.id, step.worker, outcome, error)];
    return {
      step,
      events: keep ? words : [],
      end: error ? null : end,
      error: error ?? null,
      spoke: words.some(({ type }) => spoken.has(type)),
    };
  };
  return { calls, requests, runStep };
};

const depsOf = (runStep: RunStep, rest: Partial<ExecuteDeps> = {}): ExecuteDeps => ({
  chat: chatOf("How deep is it?", { tools: [{ name: "depth" }] }),
  alternates: ["north/a", "south/b", "west/c"],
  providerOf: (worker) => worker,
  runStep,
  stream: true,
  extend: async () => true,
  fit: (_, chat) => chat,
  newBoundary: () => "boundary",
  random: () => 0,
  signal: new AbortController().signal,
  ...rest,
});

const run = async (
  lines: Readonly<Record<string, Line>>,
  { begins = false, ...rest }: Partial<ExecuteDeps> & { begins?: boolean } = {},
) => {
  const stage = createStage(lines);
  const events: AnswerEvent[] = [];
  const plan = teamPlan({ actor: "north/a", partner: "south/b", begins });
  for await (const batch of execute(plan, depsOf(stage.runStep, rest))) events.push(...batch);
  return {
    ...stage,
    events,
    text: answerText(collect(events)),
    seenBy: (step: string) => {
      const last = stage.requests.get(step)?.chat.messages.at(-1);
      return last ? textOf(last) : "";
    },
  };
};

const callsDepth: Line = {
  says: [start, textDelta("Let me look."), toolCall(0, "depth"), toolDelta(0, "{}")],
  end: "tool_calls",
};

describe("a turn that ends in a tool call", () => {
  it("is one call in the midst of a task, and nobody checks it", async () => {
    const { calls, events } = await run({ act: callsDepth });
    expect(calls).toEqual(["act north/a"]);
    expect(events.at(-1)).toEqual(endedBy("act", "north/a", "tool_calls"));
    expect(collect(events).content).toMatchObject([
      { type: "text", text: "Let me look." },
      { type: "tool-call", name: "depth", arguments: "{}" },
    ]);
  });

  it("gives the words before the call when it begins, and the call as it is written", async () => {
    const gate = Promise.withResolvers<void>();
    const runStep: RunStep = async function* ({ step }) {
      yield [textDelta("Let me look.")];
      yield [toolCall(0, "depth")];
      await gate.promise;
      yield [toolDelta(0, "{}")];
      return { step, events: [], end: "tool_calls", error: null, spoke: true };
    };
    const events: AnswerEvent[] = [];
    const generator = execute(teamPlan({ actor: "north/a", partner: "south/b", begins: false }), depsOf(runStep));
    const over = (async () => {
      for await (const batch of generator) events.push(...batch);
    })();
    await settle();
    expect(events).toEqual([textDelta("Let me look."), toolCall(0, "depth")]);
    gate.resolve();
    await over;
    expect(events.at(-1)?.type).toBe("end");
  });

  it("shows thoughts as they come, their proof with the call that it belongs to", async () => {
    const { events } = await run({
      act: { says: [reasoningDelta("Hm."), signature, toolCall(0, "depth")], end: "tool_calls" },
    });
    expect(collect(events).content).toMatchObject([
      { type: "reasoning", text: "Hm.", signature: "sealed" },
      { type: "tool-call" },
    ]);
  });
});

describe("the first turn of a task", () => {
  it("is planned by another worker in words, which the acting worker sees quoted", async () => {
    const { calls, seenBy, events, requests } = await run(
      { plan: says("Look it up."), act: callsDepth },
      { begins: true },
    );
    expect(calls).toEqual(["plan south/b", "act north/a"]);
    expect(seenBy("act")).toContain("\nLook it up.\n</result-boundary>");
    expect(requests.get("plan")?.chat.tools).toEqual([]);
    expect(requests.get("act")?.chat.tools).toHaveLength(1);
    expect(answerText(collect(events))).toBe("Let me look.");
  });

  it.each<[string, Line]>([
    ["fails", overloaded],
    ["calls a tool that it does not have", { says: [toolCall(0, "depth")], end: "tool_calls" }],
  ])("is carried out as it is when the planner %s", async (_, plan) => {
    const { seenBy, events } = await run({ plan, act: callsDepth }, { begins: true });
    expect(seenBy("act")).toBe("How deep is it?");
    expect(events.filter(({ type }) => type === "tool-call-start")).toHaveLength(1);
    expect(events.at(-1)).toEqual(endedBy("act", "north/a", "tool_calls"));
  });
});

describe("a turn that ends in an answer", () => {
  it("goes out unchanged once another worker has accepted it", async () => {
    const { calls, events, text, seenBy } = await run({ act: says("95 m."), verify: says("ACCEPT") });
    expect(calls).toEqual(["act north/a", "verify south/b"]);
    expect(text).toBe("95 m.");
    expect(seenBy("verify")).toContain("\n95 m.\n</result-boundary>");
    const verified = events.findIndex((event) => event.type === "step-end" && event.step === "verify");
    expect(events.findIndex(({ type }) => type === "text-delta")).toBeGreaterThan(verified);
    expect(events.at(-1)).toEqual(endedBy("act", "north/a"));
  });

  it("is revised once by the acting worker where the verifier objects", async () => {
    const { calls, events, text, seenBy, requests } = await run({
      act: { says: [reasoningDelta("Hm."), signature, textDelta("59 m.")] },
      verify: says("REVISE: The record says 95."),
      revise: { says: [reasoningDelta("Oh."), signature, textDelta("95 "), textDelta("m.")] },
    });
    expect(calls).toEqual(["act north/a", "verify south/b", "revise north/a"]);
    expect(text).toBe("95 m.");
    expect(seenBy("revise")).toMatch(/59 m\.[\s\S]*The record says 95\./);
    expect(requests.get("revise")).toMatchObject({ whole: false, chat: { toolChoice: "none" } });
    expect(collect(events).content).toEqual([
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "95 m." },
    ]);
    expect(events.at(-1)).toEqual(endedBy("revise", "north/a"));
  });

  it.each<[string, Readonly<Record<string, Line>>]>([
    ["the verifier fails", { verify: overloaded }],
    ["the verdict cannot be read", { verify: says("Hmm.") }],
    ["the verifier calls a tool", { verify: { says: [toolCall(0, "depth")], end: "tool_calls" } }],
    ["the revision fails before its first word", { verify: says("REVISE: No."), revise: overloaded }],
    ["the revision is empty", { verify: says("REVISE: No."), revise: { says: [start] } }],
    [
      "the revision is a call",
      { verify: says("REVISE: No."), revise: { says: [toolCall(0, "depth")], end: "tool_calls" } },
    ],
  ])("goes out unchanged when %s", async (_, lines) => {
    const { events, text } = await run({ act: says("95 m."), ...lines });
    expect(text).toBe("95 m.");
    expect(events.at(-1)).toEqual(endedBy("act", "north/a"));
    expect(events.some(({ type }) => type === "tool-call-start")).toBe(false);
  });

  it.each<[string, Line]>([
    ["was cut", { says: [textDelta("95")], end: "length" }],
    ["was filtered", { says: [textDelta("95")], end: "content_filter" }],
    ["says nothing", { says: [] }],
  ])("is not checked when it %s", async (_, act) => {
    const { calls, events } = await run({ act });
    expect(calls).toEqual(["act north/a"]);
    expect(events.at(-1)).toEqual(endedBy("act", "north/a", act.end ?? "stop"));
  });

  it("goes out unchecked when the dollars for it cannot be had", async () => {
    const { calls, text } = await run({ act: says("95 m.") }, { extend: async () => false });
    expect(calls).toEqual(["act north/a"]);
    expect(text).toBe("95 m.");
  });

  it("tells of an error when the revision breaks off", async () => {
    const { events, text } = await run({
      act: says("59 m."),
      verify: says("REVISE: No."),
      revise: { says: [textDelta("95")], error: upstreamError("network") },
    });
    expect(text).toBe("95");
    expect(events.at(-1)?.type).toBe("error");
  });
});

describe("another worker", () => {
  it("takes the place of one that fails before its first word, and revises its own answer", async () => {
    const { calls, text } = await run({
      "act north/a": overloaded,
      "act south/b": overloaded,
      act: says("59 m."),
      verify: says("REVISE: No."),
      revise: says("95 m."),
    });
    expect(calls).toEqual(["act north/a", "act south/b", "act west/c", "verify south/b", "revise west/c"]);
    expect(text).toBe("95 m.");
  });

  it("takes the place of one that breaks off in words that have not gone out", async () => {
    const { calls, text } = await run({
      "act north/a": { says: [start, textDelta("Let me")], error: upstreamError("network") },
      "act south/b": overloaded,
      act: says("95 m."),
      verify: says("ACCEPT"),
    });
    expect(calls).toEqual(["act north/a", "act south/b", "act west/c", "verify south/b"]);
    expect(text).toBe("95 m.");
  });

  it("never checks itself", async () => {
    const { calls, text } = await run({ "act north/a": overloaded, act: says("95 m.") });
    expect(calls).toEqual(["act north/a", "act south/b"]);
    expect(text).toBe("95 m.");
  });

  it("is not asked after a thought has gone out", async () => {
    const { calls } = await run({ act: { says: [reasoningDelta("Hm.")], error: upstreamError("network") } });
    expect(calls).toEqual(["act north/a"]);
  });

  it("is not asked after a tool call has begun", async () => {
    const { calls, events } = await run({ act: { says: [toolCall(0, "depth")], error: upstreamError("network") } });
    expect(calls).toEqual(["act north/a"]);
    expect(events.filter(({ type }) => type === "tool-call-start")).toHaveLength(1);
    expect(events.at(-1)?.type).toBe("error");
  });

  it.each([
    ["plan", true],
    ["act", false],
    ["verify", false],
  ])("is not asked once the client has left during %s", async (during, begins) => {
    const controller = new AbortController();
    const stage = createStage({ plan: says("Look."), act: says("59 m."), verify: says("REVISE: No.") });
    const runStep: RunStep = async function* (request) {
      const result = yield* stage.runStep(request);
      if (request.step.id === during) controller.abort();
      return result;
    };
    const plan = teamPlan({ actor: "north/a", partner: "south/b", begins });
    for await (const _ of execute(plan, depsOf(runStep, { signal: controller.signal })));
    expect(stage.calls.at(-1)).toMatch(new RegExp(`^${during} `));
  });
});
