import { describe, expect, it } from "vitest";
import { plan } from "../../../edge/plan/plan.ts";
import type { PlanInput, Planned } from "../../../edge/plan/planned.ts";
import { writeWorkflow, type Asked } from "../../../edge/plan/write-workflow.ts";
import { createHealth } from "../../../edge/pool/health.ts";
import { planRequestSchema, type Decision } from "../../../shared/decision.ts";
import { answerStep, directPlan, type Plan } from "../../../shared/plan.ts";
import { preferenceTable } from "../../../shared/preference.ts";
import { countInput } from "../../../shared/tokens.ts";
import { cardOf, keyOf, memberOf, settingsOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const chat = chatOf("Tell me about fish.");
const drafts: Plan = {
  kind: "workflow",
  steps: [
    { ...answerStep("north/a"), id: "draft_1" },
    { ...answerStep("north/b"), id: "judge", role: "judge", subtask: "Choose.", access: "all" },
  ],
};
const decision: Decision = {
  plan: drafts,
  scores: ["north/a", "north/b"].map((worker) => ({
    worker,
    quality: 0.6,
    costDollars: 0.001,
    latencyMs: 900,
    utility: 0.5,
  })),
  reason: "a team would add much",
  taskType: null,
  support: 0.7,
  weights: "v1",
};
const planned: Planned = { decision, source: "conductor", fallback: null, unwritten: true };
const written = { steps: [{ role: "answer", worker: 0, access: [], subtask: null }] };

/** A planner that answers like this, when it is asked by a request of this kind. */
const write = async (answer: (signal: AbortSignal) => Promise<Asked | null> | Asked | null, drawn = [0.1, 0.2]) => {
  const clock = createHandClock();
  const numbers = drawn.values();
  const writing = writeWorkflow(
    { chat, planned, by: "south/p", waitMs: 1000 },
    {
      ask: async (_, signal) => answer(signal),
      clock,
      newId: () => "0123456789abcdef0123456789abcdef",
      random: () => numbers.next().value ?? 0,
    },
  );
  await clock.advance(1000);
  return writing;
};
const says = (text: string): Asked => ({ text, inputTokens: 900, outputTokens: 40 });

describe("writeWorkflow", () => {
  it("puts the planner's workflow in the place of the fixed shape, ordinals mapped back", async () => {
    const made = await write(() => says(JSON.stringify(written)), [0.9, 0.1]);
    expect(made).toEqual({
      source: "conductor",
      fallback: null,
      decision: {
        ...decision,
        plan: directPlan("north/b"),
        reason: "a team would add much; one call, written by the planner",
        writing: {
          by: "south/p",
          outcome: "written",
          problems: [],
          unused: 0,
          inputTokens: 900,
          outputTokens: 40,
          ms: expect.any(Number),
        },
      },
    });
  });

  it.each<[string, Parameters<typeof write>[0], string]>([
    ["cannot be called", () => null, "not_available"],
    ["fails", () => ({ text: null, inputTokens: 0, outputTokens: 0 }), "failed"],
    ["is idle talk", () => says("Of course!"), "invalid"],
    [
      "is late",
      (signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve({ text: null, inputTokens: 9, outputTokens: 0 }));
        }),
      "late",
    ],
  ])("leaves the fixed shape where the planner %s, and says so", async (_, answer, outcome) => {
    const made = await write(answer);
    expect(made).toMatchObject({
      fallback: `planner_${outcome}`,
      decision: { plan: drafts, writing: { by: "south/p", outcome } },
    });
    expect(made.decision.reason).toMatch(/^a team would add much; .*planner.*: 1 drafts, then a judge/);
    expect(made.unwritten).toBeUndefined();
  });
});

describe("plan", () => {
  const pool = ["north/a", "north/b"].map((id) => memberOf(cardOf(id)));
  const input: PlanInput = {
    chat,
    choice: { kind: "tier", tier: "ultra" },
    pool,
    input: countInput(chat),
    preference: { ...preferenceTable.quality, lambda: 0, mu: 0 },
    affinityWorker: null,
    grant: { record: keyOf() },
  };
  const inference = { INFERENCE_URL: "http://conductor.example.com", INFERENCE_SECRET: "conductor-secret" };

  const decide = async (env: Record<string, string>, rest: Partial<PlanInput> = {}, answer: unknown = decision) => {
    const asked: string[] = [];
    const made = await plan(
      { ...input, ...rest },
      {
        settings: settingsOf({ ...inference, ...env }),
        health: createHealth(),
        clock: createHandClock(),
        random: () => 0.5,
        fetch: async (url, init) => {
          asked.push(await new Request(url, init).text());
          return answer === null ? new Response("", { status: 500 }) : Response.json(answer);
        },
      },
    );
    return { made, request: planRequestSchema.parse(JSON.parse(asked[0] ?? "")) };
  };

  it("sends the request's own words only where the inference service is to write of them", async () => {
    const task = { system: "", text: "Tell me about fish.", attachments: 0, earlier: [] };
    expect((await decide({ SHOAL_PLANNER: "conductor", SHOAL_PLANNER_MS: "9000" })).request.planner).toEqual({
      costDollars: 0,
      waitMs: 0,
      task,
      deadlineMs: 9000,
    });
    expect((await decide({ SHOAL_PLANNER: "south/p" })).request.planner).toEqual({ costDollars: null, waitMs: 5000 });
    expect((await decide({})).request.planner).toBeUndefined();
  });

  it.each<[string, Partial<PlanInput>]>([
    ["mini", { choice: { kind: "tier", tier: "mini" } }],
    ["turns with tools", { chat: chatOf("hi", { tools: [{ name: "f" }] }) }],
    ["answers that can be compared", { chat: chatOf("Is 7 prime?\nA) yes\nB) no\nAnswer with the letter only.") }],
  ])("asks no planner for %s", async (_, rest) => {
    const { request } = await decide({ SHOAL_PLANNER: "conductor" }, rest, null);
    expect(request.planner).toBeUndefined();
  });

  it("has a hosted planner write where a team is worth it, whoever decided that", async () => {
    expect((await decide({ SHOAL_PLANNER: "south/p" })).made).toMatchObject({ source: "conductor", unwritten: true });
    const alone = await decide({ SHOAL_PLANNER: "south/p" }, {}, null);
    expect(alone.made).toMatchObject({ source: "edge_head", fallback: "failed", unwritten: true });
  });

  it("takes the workflow that the inference service's planner wrote, and why it wrote none", async () => {
    const writing = { by: "conductor", problems: [], unused: 0, inputTokens: 800, outputTokens: 90, ms: 700 };
    const full = { ...decision, writing: { ...writing, outcome: "written" } };
    const { made } = await decide({ SHOAL_PLANNER: "conductor" }, {}, full);
    expect(made).toMatchObject({ decision: { writing: full.writing }, source: "conductor", fallback: null });
    expect(made.unwritten).toBeUndefined();
    const late = { ...decision, writing: { ...writing, outcome: "late" } };
    expect((await decide({ SHOAL_PLANNER: "conductor" }, {}, late)).made.fallback).toBe("planner_late");
    const lost = await decide({ SHOAL_PLANNER: "conductor" }, {}, null);
    expect(lost.made).toMatchObject({
      fallback: "failed",
      decision: { writing: { outcome: "not_available" }, reason: expect.stringContaining("no planner is available") },
    });
  });
});
