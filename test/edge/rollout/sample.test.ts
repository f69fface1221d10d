import { describe, expect, it } from "vitest";
import type { Planned } from "../../../edge/plan/planned.ts";
import { takeSample, toForecast } from "../../../edge/rollout/sample.ts";
import type { Shadow } from "../../../edge/rollout/shadow.ts";
import { directPlan } from "../../../shared/plan.ts";

const score = (worker: string, costDollars: number) => ({
  worker,
  quality: 0.5,
  costDollars,
  latencyMs: 1,
  utility: 0,
});
const rollout = { mode: "canary", arm: "shoal", baseline: "n/base", stage: 1, conversation: "c" } as const;
const planned: Pick<Planned, "decision" | "source"> = {
  decision: {
    plan: directPlan("n/other"),
    scores: [score("n/other", 0.001), score("n/base", 0.002)],
    reason: "",
    taskType: null,
    support: 1,
    weights: "2026-11-01",
  },
  source: "conductor",
};
const shadow: Shadow = {
  kind: "workflow",
  worker: "n/other",
  workers: ["n/other"],
  source: "conductor",
  reason: "",
  quality: 0.5,
  baseline_quality: 0.5,
  cost_usd: 0.001,
  max_cost_usd: null,
  baseline_cost_usd: 0.002,
  latency_ms: 1,
};

describe("what the other arm would have cost", () => {
  it("stands beside whole answers", () => {
    const input = { planned, status: "complete", stream: false, timing: { total: 5 } } as const;
    expect(takeSample(rollout, input)?.foreseen).toEqual({ worker: "n/base", cost: 2000, most: 2000 });
    expect(toForecast(shadow, "complete")).toEqual({ worker: "n/other", cost: 1000, most: 1000 });
  });

  it.each(["failed", "aborted"] as const)("does not stand beside what a request that %s has cost", (status) => {
    expect(takeSample(rollout, { planned, status, stream: false, timing: {} })?.foreseen).toBeNull();
    expect(toForecast(shadow, status)).toBeNull();
  });
});
