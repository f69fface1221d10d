import { describe, expect, it } from "vitest";
import { createHealth } from "../../../edge/pool/health.ts";
import { decideAnew, plan } from "../../../edge/plan/plan.ts";
import type { PlanInput } from "../../../edge/plan/planned.ts";
import type { ModelChoice } from "../../../edge/pool/resolve-model.ts";
import { makeToolCallId } from "../../../edge/conversation/tool-call-id.ts";
import type { ChatRequest, Message } from "../../../shared/chat.ts";
import { planRequestSchema, type Decision } from "../../../shared/decision.ts";
import { answerStep, directPlan, isDirect, parsePlan, type Plan } from "../../../shared/plan.ts";
import { defaultPreference } from "../../../shared/preference.ts";
import { teamOf, teamPlan } from "../../../shared/team.ts";
import { countInput } from "../../../shared/tokens.ts";
import { cardOf, keyOf, memberOf, settingsOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const pool = ["north/a", "north/b", "north/c"].map((id) => memberOf(cardOf(id)));
const mini: ModelChoice = { kind: "tier", tier: "mini" };
const ultra: ModelChoice = { kind: "tier", tier: "ultra" };
const choiceQuestion = "Which is a fish?\nA) cod\nB) crow\nC) cat\nD) cow\nAnswer with the letter only.";

const inputOf = (rest: Partial<PlanInput> = {}): PlanInput => {
  const chat = rest.chat ?? chatOf("Tell me something about fish.");
  return {
    chat,
    choice: mini,
    pool,
    input: countInput(chat),
    preference: defaultPreference,
    rounds: 1,
    plannerCard: () => null,
    affinityWorker: null,
    grant: { record: keyOf() },
    ...rest,
  };
};

const decisionOf = (made: unknown, rest: Partial<Decision> = {}): object => ({
  plan: made,
  scores: [{ worker: "north/b", quality: 0.8, costDollars: 0.01, latencyMs: null, utility: 0.6 }],
  reason: "task type fish",
  taskType: { name: "fish", probability: 0.9 },
  support: 0.7,
  weights: "v1",
  ...rest,
});

const workflow: Plan = {
  kind: "workflow",
  steps: [
    { ...answerStep("north/a"), id: "draft" },
    { ...answerStep("north/b"), id: "judge", role: "judge", subtask: "Choose.", access: "all" },
  ],
};

const ballotOf = (extractor: "choice" | "number"): Plan => ({
  kind: "ballot",
  ballot: {
    extractor,
    order: [{ worker: "north/a", logit: 1, costDollars: 0.01 }],
    wave: 1,
    coefficients: {
      agree: 1,
      agreeLogit: 1,
      none: 0,
      noneDistinct: 0,
      noneUnread: 0,
      read: 3,
      right: 0,
      rightLogit: 1,
      repeat: -1,
    },
    lambda: 1,
    judge: null,
  },
});

/** The edge with a conductor that answers like this. */
const setUp = (answer: (signal: AbortSignal) => Response | Promise<Response>) => {
  const asked: Request[] = [];
  const clock = createHandClock();
  const health = createHealth();
  return {
    asked,
    clock,
    health,
    deps: {
      random: () => 0.5,
      settings: settingsOf({ INFERENCE_URL: "http://conductor.example.com/", INFERENCE_SECRET: "conductor-secret" }),
      health,
      clock,
      fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
        const request = new Request(input, init);
        asked.push(request.clone());
        return answer(request.signal);
      },
    },
  };
};

const says = (decision: unknown) => setUp(() => Response.json(decision));
const never = (signal: AbortSignal) =>
  new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));

const user = (text: string): Message => ({ role: "user", content: [{ type: "text", text }] });
const toolTurn = (id: string): Partial<ChatRequest> => ({
  messages: [
    user("hi"),
    { role: "assistant", content: [{ type: "tool-call", id, name: "f", arguments: "{}" }] },
    { role: "tool", toolCallId: id, content: [{ type: "text", text: "rain" }] },
  ],
});
const callOf = (worker: string) => makeToolCallId(worker, "0123456789abcdef");

describe("a settled turn", () => {
  it("goes straight to the worker that the client names", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    const planned = await plan(inputOf({ choice: { kind: "worker", id: "north/c", effort: null } }), deps);
    expect(planned).toMatchObject({ source: "client", fallback: null, decision: { plan: directPlan("north/c") } });
    expect(asked).toHaveLength(0);
  });

  it("goes straight to the baseline where that serves the key", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    const choice = { kind: "worker", id: "north/c", effort: null, by: "baseline" } as const;
    expect(await plan(inputOf({ choice, affinityWorker: "north/a" }), deps)).toMatchObject({
      source: "baseline",
      decision: { plan: directPlan("north/c"), reason: "the key is served by its baseline" },
    });
    expect(asked).toHaveLength(0);
  });

  it("goes back to the worker that made the tool call", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    const chat = chatOf("", toolTurn(callOf("north/a")));
    expect(await plan(inputOf({ chat, affinityWorker: "north/c" }), deps)).toMatchObject({
      source: "tool_owner",
      decision: { plan: directPlan("north/a") },
    });
    expect(asked).toHaveLength(0);
  });

  it("goes back to it within a team of ultra, and still waits for no conductor", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    const chat = chatOf("", toolTurn(callOf("north/a")));
    const { source, decision } = await plan(inputOf({ chat, choice: ultra }), deps);
    expect(source).toBe("tool_owner");
    expect(teamOf(decision.plan)).toMatchObject({
      plan: null,
      act: { worker: "north/a" },
      revise: { worker: "north/a" },
    });
    expect(asked).toHaveLength(0);
  });

  it("goes back to it too when the user says something beside the result", async () => {
    const { deps } = says(decisionOf(directPlan("north/b")));
    const { messages = [] } = toolTurn(callOf("north/a"));
    const chat = chatOf("", { messages: [...messages, user("and hurry")] });
    expect(await plan(inputOf({ chat }), deps)).toMatchObject({
      source: "tool_owner",
      decision: { plan: directPlan("north/a") },
    });
  });

  it.each([
    ["a worker outside the pool", callOf("north/z")],
    ["nobody we know", "toolu_01A09q90qw90lq917835lq9"],
  ])("is decided anew when %s made the call", async (_, id) => {
    const { deps } = says(decisionOf(directPlan("north/b")));
    expect(await plan(inputOf({ chat: chatOf("", toolTurn(id)) }), deps)).toMatchObject({ source: "conductor" });
  });

  it("stays with the conversation's worker", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    expect(await plan(inputOf({ affinityWorker: "north/c" }), deps)).toMatchObject({
      source: "affinity",
      decision: { plan: directPlan("north/c") },
    });
    expect(asked).toHaveLength(0);
  });

  it("is decided anew when that worker is not in the pool, or the tier asks several", async () => {
    const { deps } = says(decisionOf(directPlan("north/b")));
    expect(await plan(inputOf({ affinityWorker: "north/z" }), deps)).toMatchObject({ source: "conductor" });
    expect(await plan(inputOf({ affinityWorker: "north/c", choice: ultra }), deps)).toMatchObject({
      source: "conductor",
    });
  });

  it("shows the conductor's decision in a dry run all the same", async () => {
    const { deps } = says(decisionOf(directPlan("north/b")));
    expect(await decideAnew(inputOf({ affinityWorker: "north/c" }), deps)).toMatchObject({ source: "conductor" });
  });
});

describe("the conductor", () => {
  it("is asked with its secret, for the pool, in its own vocabulary", async () => {
    const { asked, deps, health } = says(decisionOf(directPlan("north/b")));
    health.succeeded("north/b", 1234);
    await plan(inputOf({ chat: chatOf(choiceQuestion), choice: ultra }), deps);
    const [request] = asked;
    expect(request?.url).toBe("http://conductor.example.com/v1/plan");
    expect(request?.headers.get("authorization")).toBe("Bearer conductor-secret");
    const body = planRequestSchema.parse(await request?.json());
    expect(body).toMatchObject({
      tier: "ultra",
      extractor: "choice",
      tools: false,
      lambda: defaultPreference.lambda,
      deadlineMs: 1500,
    });
    expect(body.candidates.map(({ worker, latencyMs }) => [worker, latencyMs])).toEqual([
      ["north/a", null],
      ["north/b", 1234],
      ["north/c", null],
    ]);
  });

  it("is told of tools, and then not of an extractor", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    await plan(inputOf({ chat: chatOf(choiceQuestion, { tools: [{ name: "f" }] }) }), deps);
    expect(planRequestSchema.parse(await asked[0]?.json())).toMatchObject({ tools: true, extractor: null });
  });

  it("decides", async () => {
    const decision = decisionOf(directPlan("north/b"));
    const { deps, clock } = says(decision);
    expect(await plan(inputOf(), deps)).toEqual({ decision, source: "conductor", fallback: null });
    expect(clock.pending()).toBe(0);
  });

  it.each<[string, Plan, Partial<PlanInput>]>([
    ["a workflow", workflow, { choice: ultra }],
    ["a vote on answers that can be compared", ballotOf("choice"), { choice: ultra, chat: chatOf(choiceQuestion) }],
  ])("may ask several where the tier does: %s", async (_, made, input) => {
    const { deps } = says(decisionOf(made));
    expect(await plan(inputOf(input), deps)).toMatchObject({
      source: "conductor",
      decision: { plan: { kind: made.kind } },
    });
  });
});

const invalid: readonly [string, unknown, Partial<PlanInput>?][] = [
  ["no JSON object", "fish"],
  ["no decision", { plan: directPlan("north/b") }],
  ["a plan for a worker outside the pool", decisionOf(directPlan("north/z"))],
  [
    "a plan in a circle",
    decisionOf({ kind: "workflow", steps: [{ ...answerStep("north/a"), access: ["answer"] }] }),
    { choice: ultra },
  ],
  [
    "scores of a worker outside the pool",
    decisionOf(directPlan("north/b"), {
      scores: [{ worker: "north/z", quality: 1, costDollars: 0, latencyMs: 0, utility: 1 }],
    }),
  ],
  ["several calls in the tier of one", decisionOf(workflow)],
  ["a reason that would fill a trace", decisionOf(directPlan("north/b"), { reason: "x".repeat(2_001) })],
  ["more than a decision can hold", decisionOf(directPlan("north/b"), { weights: "x".repeat(1_000_000) })],
  [
    "several calls for a turn with tools",
    decisionOf(workflow),
    { choice: ultra, chat: chatOf("hi", { tools: [{ name: "f" }] }) },
  ],
  [
    "a team, which the edge alone forms",
    decisionOf(teamPlan({ actor: "north/a", partner: "north/b", begins: true })),
    { choice: ultra },
  ],
  ["a vote on prose", decisionOf(ballotOf("number")), { choice: ultra }],
  ["a vote by another extractor", decisionOf(ballotOf("number")), { choice: ultra, chat: chatOf(choiceQuestion) }],
];

describe("the edge head", () => {
  it.each(invalid)("decides when the conductor answers with %s", async (_, answer, input = {}) => {
    const { deps } = says(answer);
    expect(await plan(inputOf(input), deps)).toMatchObject({ source: "edge_head", fallback: "invalid" });
  });

  it.each<[string, () => Response | Promise<Response>, string]>([
    ["has no time left", () => new Response("", { status: 503 }), "late"],
    ["fails", () => new Response("", { status: 500 }), "failed"],
    ["refuses", () => Response.json({ error: {} }, { status: 401 }), "failed"],
    ["cannot be reached", () => Promise.reject(new Error("connection refused")), "failed"],
    ["answers HTML", () => new Response("<html>"), "invalid"],
  ])("decides when the conductor %s", async (_, answer, fallback) => {
    const { deps, clock } = setUp(answer);
    expect(await plan(inputOf(), deps)).toMatchObject({ source: "edge_head", fallback });
    expect(clock.pending()).toBe(0);
  });

  it.each([
    ["mini", mini, 150],
    ["ultra", ultra, 1_500],
  ])("decides when the conductor is late, by the tier's deadline: %s", async (_, choice, deadline) => {
    const { deps, clock } = setUp(never);
    let planned = false;
    const planning = plan(inputOf({ choice }), deps).then((result) => {
      planned = true;
      return result;
    });
    await clock.advance(deadline - 1);
    expect(planned).toBe(false);
    await clock.advance(1);
    expect(await planning).toMatchObject({ source: "edge_head", fallback: "late" });
  });

  it("decides when there is no conductor", async () => {
    const { deps } = says(decisionOf(directPlan("north/b")));
    const alone = { ...deps, settings: settingsOf() };
    expect(await plan(inputOf(), alone)).toMatchObject({ source: "edge_head", fallback: "not_configured" });
  });

  it("makes a plan that holds, of one call in the tier of one, with every worker rated", async () => {
    const { deps } = setUp(() => new Response("", { status: 500 }));
    for (const choice of [mini, ultra]) {
      const { decision } = await plan(inputOf({ choice }), deps);
      expect(parsePlan(decision.plan, new Set(pool.map(({ worker }) => worker.card.id)))).toMatchObject({ ok: true });
      expect(isDirect(decision.plan)).toBe(choice === mini);
      expect(decision.scores.map(({ worker }) => worker).toSorted()).toEqual(["north/a", "north/b", "north/c"]);
    }
  });
});

describe("what a tenant's feedback corrects", () => {
  it("goes to the conductor with each worker, and with the weights that it corrects", async () => {
    const { asked, deps } = says(decisionOf(directPlan("north/b")));
    const bias = {
      weights: "2026-11-22-a",
      day: "2026-11-22",
      workers: { "north/b": { all: 0.03, types: { fish: -0.01 } } },
    };
    await plan(inputOf({ grant: { record: keyOf({ bias }) } }), deps);
    const request = planRequestSchema.parse(await asked[0]?.json());
    expect(request.biasWeights).toBe("2026-11-22-a");
    expect(request.candidates).toMatchObject([
      { worker: "north/a", bias: 0 },
      { worker: "north/b", bias: 0.03, typeBias: { fish: -0.01 } },
      { worker: "north/c", bias: 0 },
    ]);
  });
});
