import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  adviceTokens,
  directPlan,
  isDirect,
  maxSteps,
  needsOf,
  parsePlan,
  workersOf,
  type Plan,
  type Step,
  type Workflow,
} from "../../shared/plan.ts";

const pool = new Set(["north/a", "north/b", "south/c"]);

const step = (id: string, access: Step["access"] = "none", rest: Partial<Step> = {}): Step => ({
  id,
  worker: "north/a",
  role: "think",
  subtask: null,
  access,
  ...rest,
});

const workflow = (...steps: readonly Step[]): Workflow => ({ kind: "workflow", steps: [...steps] });

const ballot = (workers: readonly string[], judge: string | null = null): Plan => ({
  kind: "ballot",
  ballot: {
    extractor: "number",
    order: workers.map((worker) => ({ worker, logit: 1, costDollars: 0.01 })),
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
    judge,
  },
});

const stepsOf = (input: unknown): readonly Step[] => {
  const parsed = parsePlan(input, pool);
  if (!parsed.ok) throw new Error(parsed.error);
  if (parsed.value.kind !== "workflow") throw new Error("not a workflow");
  return parsed.value.steps;
};

const errorOf = (input: unknown): string => {
  const parsed = parsePlan(input, pool);
  if (parsed.ok) throw new Error("the plan was accepted");
  return parsed.error;
};

/** Workflows of which a good part is valid: ids of a small alphabet that refer to one another at random. */
const anyWorkflow = fc
  .array(
    fc.record({
      id: fc.constantFrom("a", "b", "c", "d", "e"),
      worker: fc.constantFrom(...pool),
      role: fc.constantFrom("answer", "think", "verify", "judge"),
      subtask: fc.option(fc.string({ minLength: 1, maxLength: 20 })),
      access: fc.oneof(
        fc.constantFrom("none", "all"),
        fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 5 }),
      ),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((steps) => ({ kind: "workflow", steps }));

describe("parsePlan", () => {
  it("never throws, whatever the JSON", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anyWorkflow), (input) => {
        expect(typeof parsePlan(input, pool).ok).toBe("boolean");
      }),
    );
  });

  it("gives every accepted workflow in an order in which each step's needs come before it", () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyWorkflow, (input) => {
        const parsed = parsePlan(input, pool);
        if (!parsed.ok || parsed.value.kind !== "workflow") return;
        accepted += 1;
        const { steps } = parsed.value;
        const before = new Set<string>();
        for (const each of steps) {
          expect(needsOf(each, steps).filter((need) => !before.has(need))).toEqual([]);
          before.add(each.id);
        }
        expect(steps.at(-1)?.id).toBe(input.steps.at(-1)?.id);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it("caps those that advise, where the plan does not, and never the answer", () => {
    const steps = stepsOf(
      workflow(
        step("a"),
        step("b", "none", { role: "verify", maxOutputTokens: 100 }),
        step("c", "none", { role: "answer" }),
        step("d", "all", { role: "verify" }),
      ),
    );
    expect(steps.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([adviceTokens, 100, undefined, undefined]);
  });

  it("keeps only steps that the answer rests on, and each result once", () => {
    fc.assert(
      fc.property(anyWorkflow, (input) => {
        const parsed = parsePlan(input, pool);
        if (!parsed.ok || parsed.value.kind !== "workflow") return;
        const { steps } = parsed.value;
        const seen = new Set(steps.flatMap((each) => needsOf(each, steps)));
        expect(steps.slice(0, -1).filter(({ id }) => !seen.has(id))).toEqual([]);
        for (const each of steps) {
          const needs = needsOf(each, steps);
          expect(new Set(needs).size).toBe(needs.length);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("accepts a direct plan unchanged", () => {
    expect(parsePlan(directPlan("north/a"), pool)).toEqual({ ok: true, value: directPlan("north/a") });
  });

  it("moves a step behind a later one that it may see", () => {
    const steps = stepsOf(workflow(step("a", ["b"]), step("b"), step("c", ["a"])));
    expect(steps.map(({ id }) => id)).toEqual(["b", "a", "c"]);
  });

  it("keeps what `all` meant when steps change places", () => {
    const steps = stepsOf(workflow(step("a", ["c"]), step("b", "all"), step("c"), step("d", "all")));
    expect(steps.map(({ id, access }) => [id, access])).toEqual([
      ["c", "none"],
      ["a", ["c"]],
      ["b", ["a"]],
      ["d", ["a", "b", "c"]],
    ]);
  });

  it("drops a step whose result nobody sees, and what only that step saw", () => {
    const steps = stepsOf(workflow(step("a"), step("b", ["a"]), step("c"), step("d", ["c"])));
    expect(steps.map(({ id }) => id)).toEqual(["c", "d"]);
  });

  it("lets a step see a result once though it is named twice", () => {
    expect(stepsOf(workflow(step("a"), step("b", ["a", "a"]))).at(-1)?.access).toEqual(["a"]);
  });

  const refusals: readonly [string, unknown, RegExp][] = [
    ["a circle", workflow(step("a", ["b"]), step("b", ["a"]), step("c", ["a"])), /circle/],
    ["a step that sees itself", workflow(step("a", ["a"]), step("b", ["a"])), /circle/],
    ["an answering step that sees itself", workflow(step("a"), step("b", ["b"])), /last step, b/],
    ["a step that sees the answer", workflow(step("a", ["b"]), step("b")), /last step, b/],
    ["an id that does not exist", workflow(step("a"), step("b", ["z"])), /may see z/],
    ["one id twice", workflow(step("a"), step("a"), step("b", "all")), /same id/],
    ["a worker that is not in the pool", workflow(step("a", "none", { worker: "west/x" })), /west\/x/],
    ["no steps", workflow(), /steps/],
    ["six steps", workflow(...["a", "b", "c", "d", "e", "f"].map((id) => step(id, "all"))), /steps/],
    ["an id that is no identifier", workflow(step("<result>")), /id/],
    ["an empty subtask", workflow(step("a", "none", { subtask: "" })), /subtask/],
    ["a subtask of a novel's length", workflow(step("a", "none", { subtask: "x".repeat(2001) })), /subtask/],
    ["a field that is not in the vocabulary", { ...workflow(step("a")), url: "http://x" }, /url/],
    ["a worker that votes twice", ballot(["north/a", "north/a"]), /twice/],
    ["nine voters", ballot(Array.from({ length: 9 }, () => "north/a")), /order/],
    ["a voter that is not in the pool", ballot(["north/a", "west/x"]), /west\/x/],
    ["a judge that is not in the pool", ballot(["north/a"], "west/x"), /west\/x/],
  ];
  it.each(refusals)("refuses %s", (_, input, message) => {
    expect(errorOf(input)).toMatch(message);
  });

  describe("beside results that are there already", () => {
    it("lets a step see them, and keeps the order in which the others need one another", () => {
      const parsed = parsePlan(workflow(step("a", ["b", "r"]), step("b", ["r"]), step("c", ["a"])), pool, ["r"]);
      expect(parsed).toMatchObject({
        value: {
          steps: [
            { id: "b", access: ["r"] },
            { id: "a", access: ["b", "r"] },
            { id: "c", access: ["a"] },
          ],
        },
      });
    });

    it("shows none of them to a step that may see all steps before it", () => {
      const parsed = parsePlan(workflow(step("a"), step("b", "all")), pool, ["r"]);
      expect(parsed).toMatchObject({ value: { steps: [{ access: "none" }, { access: ["a"] }] } });
    });

    it("refuses a step that takes the name of one, and one that is not among them", () => {
      expect(parsePlan(workflow(step("r")), pool, ["r"])).toMatchObject({
        ok: false,
        error: expect.stringContaining("same id"),
      });
      expect(parsePlan(workflow(step("a", ["r"])), pool)).toMatchObject({
        ok: false,
        error: expect.stringContaining("may see r"),
      });
    });
  });

  it("accepts as many steps as the cap allows", () => {
    const ids = ["a", "b", "c", "d", "e"];
    expect(stepsOf(workflow(...ids.map((id) => step(id, "all"))))).toHaveLength(maxSteps);
  });
});

describe("plans", () => {
  it("name every worker they may call", () => {
    expect(workersOf(workflow(step("a"), step("b", "all", { worker: "south/c" })))).toEqual(["north/a", "south/c"]);
    expect(workersOf(ballot(["north/a", "north/b"], "south/c"))).toEqual(["north/a", "north/b", "south/c"]);
  });

  it("are direct when they are one call", () => {
    expect(isDirect(directPlan("north/a"))).toBe(true);
    expect(isDirect(workflow(step("a"), step("b", "all")))).toBe(false);
    expect(isDirect(ballot(["north/a"]))).toBe(false);
  });
});
