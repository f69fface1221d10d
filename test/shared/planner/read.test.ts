import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxSteps, parsePlan } from "../../../shared/plan.ts";
import { readRevision, readWrittenPlan, writtenPlanJsonSchema, writtenRoles } from "../../../shared/planner/read.ts";

const workers = ["a/one", "b/two", "c/three"];

const step = (rest: object = {}) => ({ role: "answer", worker: 0, access: [] as number[], subtask: "Do it.", ...rest });
const read = (...steps: readonly object[]) => readWrittenPlan(JSON.stringify({ steps }), workers);
const valueOf = (...steps: readonly object[]) => {
  const result = read(...steps);
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

/** Whatever is of the form, sense or not. */
const written = fc.record({
  steps: fc.array(
    fc.record({
      role: fc.constantFrom(...writtenRoles),
      worker: fc.integer({ min: -1, max: 4 }),
      access: fc.array(fc.integer({ min: -1, max: 7 }), { maxLength: 6 }),
      subtask: fc.option(fc.constantFrom("", "  ", "secretword", "secretword ".repeat(300))),
    }),
    { maxLength: 7 },
  ),
});

describe("readWrittenPlan", () => {
  it("maps ordinals back to workers and positions to steps", () => {
    const { workflow, repairs, unused } = valueOf(
      step({ role: "think", worker: 2 }),
      step({ worker: 1, subtask: null }),
      step({ role: "judge", access: [1, 2], subtask: "Weigh them." }),
    );
    expect(workflow.steps).toMatchObject([
      { id: "step_1", worker: "c/three", role: "think", subtask: "Do it.", access: "none" },
      { id: "step_2", worker: "b/two", role: "answer", subtask: null, access: "none" },
      { id: "step_3", worker: "a/one", role: "judge", subtask: "Weigh them.", access: ["step_1", "step_2"] },
    ]);
    expect({ repairs, unused }).toEqual({ repairs: [], unused: 0 });
  });

  it("makes one step a call in the user's own words", () => {
    expect(valueOf(step({ worker: 1 })).workflow.steps).toEqual([
      { id: "answer", worker: "b/two", role: "answer", subtask: null, access: "none" },
    ]);
  });

  it.each([
    ["no JSON", "Sure! Here is the plan.", "not JSON"],
    ["another form", '{"plan":[]}', "not JSON of the form"],
    ["no step", '{"steps":[]}', "no step"],
  ])("refuses %s", (_, text, why) => {
    const result = readWrittenPlan(text, workers);
    expect(result.ok ? "" : result.error).toContain(why);
  });

  it.each([
    ["a worker beyond the pool", [step({ worker: 3 })], "step 1 names a worker that is not in the pool"],
    ["a negative worker", [step(), step({ worker: -1 })], "step 2 names a worker"],
    ["six steps", Array.from({ length: 6 }, () => step()), "6 steps"],
    ["a role that no planner may give", [step({ role: "act" })], "form"],
    ["half a worker", [step({ worker: 0.5 })], "form"],
  ])("refuses %s", (_, steps, why) => {
    const result = read(...steps);
    expect(result.ok ? "" : result.error).toContain(why);
  });

  it.each([
    ["a circle", [step({ access: [2] }), step({ access: [1] })], "step 1 may not see step 2"],
    ["itself", [step(), step({ access: [1, 2] })], "step 2 may not see step 2"],
    ["a later step", [step({ access: [2] }), step(), step({ access: [1, 2] })], "step 1 may not see step 2"],
    ["a step before the first", [step(), step({ access: [0, 1] })], "step 2 may not see step 0"],
    ["a last step that only thinks", [step(), step({ role: "think", access: [1] })], "step 2 is the last"],
    ["a verifier who sees nothing", [step({ role: "verify" }), step({ access: [1] })], "nothing to verify"],
    ["a judge without a task", [step(), step({ role: "judge", access: [1], subtask: " " })], "no subtask"],
    ["an endless subtask", [step({ subtask: "x".repeat(2001) }), step({ access: [1] })], "cut to 2000"],
  ])("puts %s right, and says so", (_, steps, why) => {
    const { workflow, repairs } = valueOf(...steps);
    expect(repairs.join()).toContain(why);
    expect(parsePlan(workflow, new Set(workers)).ok).toBe(true);
  });

  it("takes a plan out of a code block", () => {
    const plan = JSON.stringify({ steps: [step()] });
    expect(readWrittenPlan(`\`\`\`json\n${plan}\n\`\`\``, workers)).toMatchObject({
      ok: true,
      value: { repairs: ["the plan stood in a code block"] },
    });
  });

  it("leaves out what the answer does not rest on", () => {
    const { workflow, unused } = valueOf(step(), step({ worker: 1 }), step({ access: [2] }));
    expect(workflow.steps.map(({ id }) => id)).toEqual(["step_2", "step_3"]);
    expect(unused).toBe(1);
  });

  it("gives of whatever is of the form a plan that runs, or a reason without its words", () => {
    fc.assert(
      fc.property(written, (plan) => {
        const result = readWrittenPlan(JSON.stringify(plan), workers);
        expect(result.ok ? result.value.repairs.join() : result.error).not.toContain("secretword");
        if (!result.ok) return;
        const { workflow } = result.value;
        expect(workflow.steps.length).toBeLessThanOrEqual(maxSteps);
        expect(parsePlan(workflow, new Set(workers)).ok).toBe(true);
      }),
    );
  });
});

describe("readRevision", () => {
  const answered = { id: "step_3" };
  const pool = new Set(workers);
  const readAgain = (...steps: readonly object[]) => readRevision(JSON.stringify({ steps }), workers, answered);
  const revisionOf = (...steps: readonly object[]) => {
    const result = readAgain(...steps);
    if (!result.ok || result.value.workflow === null) throw new Error(result.ok ? "it keeps the answer" : result.error);
    return { ...result.value, steps: result.value.workflow.steps };
  };

  it("keeps the answer where it has no step", () => {
    expect(readAgain()).toEqual({ ok: true, value: { workflow: null, repairs: [], unused: 0 } });
  });

  it("keeps the answer where no step stands in a code block, and says so", () => {
    expect(readRevision('```json\n{"steps":[]}\n```', workers, answered)).toEqual({
      ok: true,
      value: { workflow: null, repairs: ["the plan stood in a code block"], unused: 0 },
    });
  });

  it("shows its steps the answer as the work of step 0", () => {
    const { steps, repairs, unused } = revisionOf(
      step({ role: "verify", worker: 2, access: [0], subtask: "Check it." }),
      step({ worker: 1, access: [0, 1] }),
    );
    expect(steps).toMatchObject([
      { id: "revision_1", worker: "c/three", role: "verify", access: ["step_3"] },
      { id: "revision_2", worker: "b/two", role: "answer", access: ["step_3", "revision_1"] },
    ]);
    expect({ repairs, unused }).toEqual({ repairs: [], unused: 0 });
  });

  it.each(["answer", "verify", "judge"])("leaves a single step to %s as it is written", (role) => {
    expect(revisionOf(step({ role, worker: 1, access: [0] }))).toMatchObject({
      repairs: [],
      steps: [{ id: "revision_1", worker: "b/two", role, subtask: "Do it.", access: ["step_3"] }],
    });
  });

  it.each([
    ["a later step", [step({ access: [2] }), step({ access: [0, 1] })], "step 1 may not see step 2"],
    ["itself", [step({ access: [0, 1] })], "step 1 may not see step 1"],
    ["a step before the answer", [step({ access: [-1, 0] })], "step 1 may not see step -1"],
    ["a judge who sees nothing", [step({ role: "judge" })], "step 1 sees nothing to judge"],
    ["a last step that only thinks", [step({ role: "think", access: [0] })], "step 1 is the last"],
    ["an answer without a task", [step({ access: [0], subtask: null })], "no subtask"],
  ])("puts %s right, and says so", (_, steps, why) => {
    const revision = revisionOf(...steps);
    expect(revision.repairs.join()).toContain(why);
    expect(parsePlan(revision.workflow, pool, [answered.id]).ok).toBe(true);
  });

  it.each([
    ["no JSON", "The answer is right.", "not JSON"],
    ["half of it", '{"steps":[{"role":"answer","worker":0,', "not JSON"],
    ["six steps", JSON.stringify({ steps: Array.from({ length: 6 }, () => step({ access: [0] })) }), "6 steps"],
    ["a stranger", JSON.stringify({ steps: [step({ access: [0], worker: 3 })] }), "step 1 names a worker"],
    ["words around a code block", 'Here:\n```json\n{"steps":[]}\n```', "not JSON"],
  ])("refuses %s", (_, text, why) => {
    const result = readRevision(text, workers, answered);
    expect(result.ok ? "" : result.error).toContain(why);
  });

  it("leaves out what the revised answer does not rest on", () => {
    const { steps, unused } = revisionOf(step({ role: "think" }), step({ access: [0] }), step({ access: [2] }));
    expect(steps.map(({ id }) => id)).toEqual(["revision_2", "revision_3"]);
    expect(unused).toBe(1);
  });

  it("gives of whatever is of the form a round that runs beside the answer, or a reason without its words", () => {
    fc.assert(
      fc.property(written, (plan) => {
        const result = readAgain(...plan.steps);
        expect(result.ok ? result.value.repairs.join() : result.error).not.toContain("secretword");
        if (!result.ok || result.value.workflow === null) return;
        const { workflow } = result.value;
        expect(workflow.steps.length).toBeLessThanOrEqual(maxSteps);
        expect(workflow.steps.map(({ id }) => id)).not.toContain(answered.id);
        expect(parsePlan(workflow, pool, [answered.id])).toEqual({ ok: true, value: workflow });
      }),
    );
  });
});

describe("writtenPlanJsonSchema", () => {
  it("has no keyword that a vendor's structured output refuses", () => {
    const text = JSON.stringify(writtenPlanJsonSchema());
    for (const keyword of ["$schema", "minimum", "maximum", "minItems", "maxItems", "pattern", "prefixItems"]) {
      expect(text).not.toContain(`"${keyword}"`);
    }
    expect(writtenPlanJsonSchema()).toMatchObject({ additionalProperties: false, required: ["steps"] });
  });
});
