import { describe, expect, it } from "vitest";
import type { PlanInput, Planned } from "../../../edge/plan/planned.ts";
import { tryAnother } from "../../../edge/plan/try-another.ts";
import type { Score } from "../../../shared/decision.ts";
import { answererOf, directPlan, type Plan } from "../../../shared/plan.ts";
import { keyOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";

const scoreOf = (worker: string, utility: number, costDollars = 0.01): Score => ({
  worker,
  quality: 0.5,
  costDollars,
  latencyMs: null,
  utility,
});

const planned: Planned = {
  decision: {
    plan: directPlan("north/a"),
    scores: [scoreOf("north/a", 0.8), scoreOf("north/b", 0.78), scoreOf("north/c", 0.4)],
    reason: "task type fish",
    taskType: null,
    support: 1,
    weights: "v1",
  },
  source: "conductor",
  fallback: null,
};

type Change = Partial<Pick<PlanInput, "chat" | "choice">> & { readonly share?: number; readonly baseline?: string };

const draw = (random: number, { share = 0.1, baseline, ...rest }: Change = {}, from = planned) =>
  tryAnother(
    from,
    {
      chat: chatOf("Name a fish."),
      choice: { kind: "tier", tier: "mini" },
      grant: {
        record: keyOf({ exploration: share, rollout: { mode: "on", canaryPercent: 0, baseline: baseline ?? null } }),
      },
      ...rest,
    },
    { random: () => random },
  );

describe("a key that explores", () => {
  it("gives a share of its decisions to another worker that is worth it, and says so", () => {
    const { decision, exploration, source } = draw(0.09);
    expect(answererOf(decision.plan)).toBe("north/b");
    expect(decision.reason).toBe("task type fish; explored: drawn among the 2 workers worth it");
    expect(exploration).toEqual({
      worker: "north/b",
      explored: true,
      propensities: { "north/a": expect.closeTo(0.95), "north/b": expect.closeTo(0.05) },
    });
    expect(source).toBe("conductor");
  });

  it("keeps how likely each worker was with the decisions that stay as they are", () => {
    const { decision, exploration } = draw(0.5);
    expect(decision).toBe(planned.decision);
    expect(exploration).toMatchObject({ worker: "north/a", explored: false });
    expect(exploration?.propensities["north/a"]).toBeCloseTo(0.95);
  });

  it("draws the baseline however it ranks", () => {
    expect(answererOf(draw(0.099, { baseline: "north/c" }).decision.plan)).toBe("north/c");
  });

  const several: Plan = {
    kind: "workflow",
    steps: [...directPlan("north/a").steps, { ...directPlan("north/b").steps[0]!, id: "judge", role: "judge" }],
  };

  it.each<[string, Change, Planned?]>([
    ["without a share", { share: 0 }],
    ["with tools", { chat: chatOf("How deep is it?", { tools: [{ name: "depth" }] }) }],
    ["in the tier of several calls", { choice: { kind: "tier", tier: "ultra" } }],
    ["where several work", {}, { ...planned, decision: { ...planned.decision, plan: several } }],
    ["without scores", {}, { ...planned, decision: { ...planned.decision, scores: [] } }],
  ])("draws nothing %s", (_, change, from = planned) => {
    expect(draw(0, change, from)).toBe(from);
  });
});
