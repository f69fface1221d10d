import { describe, expect, it } from "vitest";
import { forecast, type Figures } from "../../shared/forecast.ts";
import { answerStep, directPlan, type Plan, type Step } from "../../shared/plan.ts";
import { teamPlan } from "../../shared/team.ts";

const price = { input: 1, output: 2 };
/** 100 tokens of input and 500 of output: 1,100 micro-dollars. */
const dollars = 0.0011;
const known: Readonly<Record<string, Figures>> = {
  "w/fast": { costDollars: dollars, latencyMs: 400, price },
  "w/slow": { costDollars: dollars, latencyMs: 1_000, price },
  "w/unpriced": { costDollars: null, latencyMs: 100, price: null },
  "w/unseen": { costDollars: dollars, latencyMs: null, price },
};
const unknown: Figures = { costDollars: null, latencyMs: null, price: null };
const foresee = (plan: Plan) => forecast(plan, { inputTokens: 100, figuresOf: (worker) => known[worker] ?? unknown });

const step = (id: string, worker: string, rest: Partial<Step> = {}): Step => ({ ...answerStep(worker), id, ...rest });
const workflow = (...steps: readonly Step[]): Plan => ({ kind: "workflow", steps: [...steps] });
const micro = (value: number | null) => (value === null ? null : Math.round(value * 1_000_000));

describe("forecast", () => {
  it("of one call is that call's", () => {
    const { dollars: cost, ms } = foresee(directPlan("w/slow"));
    expect([micro(cost.least), micro(cost.most)]).toEqual([1_100, 1_100]);
    expect(ms).toEqual({ least: 1_000, most: 1_000 });
  });

  it("of a workflow takes the longest chain, and counts what later steps read of earlier ones", () => {
    const {
      steps,
      dollars: cost,
      ms,
    } = foresee(
      workflow(
        step("a", "w/fast"),
        step("b", "w/slow"),
        step("c", "w/fast", { subtask: "Go on.", access: ["a"] }),
        step("d", "w/fast", { role: "judge", subtask: "Choose.", access: ["b", "c"] }),
      ),
    );
    expect(steps.map(({ beginsMs, endsMs }) => [beginsMs, endsMs])).toEqual([
      [0, 400],
      [0, 1_000],
      [400, 800],
      [1_000, 1_400],
    ]);
    expect(ms).toEqual({ least: 1_400, most: 1_400 });
    expect(steps.map((each) => micro(each.dollars))).toEqual([1_100, 1_100, 1_100 + 500, 1_100 + 1_000]);
    expect(micro(cost.most)).toBe(4 * 1_100 + 1_500);
  });

  it("of a workflow with a verifier is least where that accepts: what waits for others is not called", () => {
    const { dollars: cost, ms } = foresee(
      workflow(
        step("draft", "w/fast"),
        step("side", "w/slow"),
        step("check", "w/fast", { role: "verify", subtask: "Check.", access: ["draft"], maxOutputTokens: 100 }),
        step("last", "w/slow", { subtask: "Write.", access: ["draft", "side", "check"] }),
      ),
    );
    expect(ms).toEqual({ least: 800, most: 2_000 });
    const check = 100 + 500 + 2 * 100;
    expect(micro(cost.least)).toBe(2 * 1_100 + check);
    expect(micro(cost.most)).toBe(2 * 1_100 + check + 1_100 + 500 + 500 + 100);
  });

  it("of a verifier that sees no answer has nothing to end early with", () => {
    const { ms } = foresee(
      workflow(
        step("think", "w/fast", { role: "think", subtask: "Think." }),
        step("check", "w/fast", { role: "verify", subtask: "Check.", access: ["think"] }),
        step("last", "w/slow", { subtask: "Write.", access: ["check"] }),
      ),
    );
    expect(ms).toEqual({ least: 1_800, most: 1_800 });
  });

  it("of a team is least without its review", () => {
    const { ms } = foresee(teamPlan({ actor: "w/slow", partner: "w/fast", begins: true }));
    expect(ms).toEqual({ least: 1_400, most: 2_800 });
  });

  it("of a ballot is one wave at least, and at most every wave and the judge", () => {
    const order = ["w/fast", "w/slow", "w/fast"].map((worker) => ({ worker, logit: 1, costDollars: dollars }));
    const coefficients = { agree: 1, agreeLogit: 1, none: 0, noneDistinct: 0, noneUnread: 0 };
    const rest = { read: 3, right: 0, rightLogit: 1, repeat: -1 };
    const { dollars: cost, ms } = foresee({
      kind: "ballot",
      ballot: {
        extractor: "number",
        order,
        wave: 2,
        coefficients: { ...coefficients, ...rest },
        lambda: 1,
        judge: "w/fast",
      },
    });
    expect(ms).toEqual({ least: 1_000, most: 1_800 });
    expect(micro(cost.least)).toBe(2_200);
    expect(micro(cost.most)).toBe(4 * 1_100 + 3 * 500);
  });

  it("does not guess what is not known", () => {
    expect(foresee(directPlan("w/unpriced"))).toMatchObject({ dollars: { most: null }, ms: { most: 100 } });
    expect(foresee(directPlan("w/unseen"))).toMatchObject({ ms: { least: null, most: null } });
  });
});
