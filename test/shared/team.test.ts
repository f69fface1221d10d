import { describe, expect, it } from "vitest";
import { answererOf, directPlan, isDirect, parsePlan } from "../../shared/plan.ts";
import { readVerdict, teamOf, teamPlan, withoutReview } from "../../shared/team.ts";

const members = { actor: "north/a", partner: "south/b" };
const pool = new Set(["north/a", "south/b"]);

describe("a team's plan", () => {
  it("is a valid plan of phases, whose answer is the acting worker's", () => {
    const plan = teamPlan({ ...members, begins: true });
    expect(parsePlan(plan, pool)).toEqual({ ok: true, value: plan });
    expect(plan.steps.map(({ id, worker }) => [id, worker])).toEqual([
      ["plan", "south/b"],
      ["act", "north/a"],
      ["verify", "south/b"],
      ["revise", "north/a"],
    ]);
    expect(answererOf(plan)).toBe("north/a");
    expect(isDirect(plan)).toBe(false);
  });

  it("has no planning when the task is under way", () => {
    const plan = teamPlan({ ...members, begins: false });
    expect(parsePlan(plan, pool)).toEqual({ ok: true, value: plan });
    expect(teamOf(plan)?.plan).toBeNull();
  });

  it("surely runs up to the act; any other plan as a whole", () => {
    expect(withoutReview(teamPlan({ ...members, begins: true }))).toMatchObject({
      steps: [{ id: "plan" }, { id: "act" }],
    });
    expect(withoutReview(teamPlan({ ...members, begins: false }))).toMatchObject({ steps: [{ id: "act" }] });
    expect(withoutReview(directPlan("north/a"))).toEqual(directPlan("north/a"));
  });
});

describe("a verdict", () => {
  it.each([
    ["REVISE: The North Sea is not in Asia.", "The North Sea is not in Asia."],
    ["**REVISE**\nTwo things are wrong.\nBoth are small.", "Two things are wrong.\nBoth are small."],
  ])("objects in its own words: %j", (text, objection) => expect(readVerdict(text)).toBe(objection));

  it.each(["ACCEPT", "ACCEPT. One could REVISE: the style.", "", "REVISE:", "It is fine.", '{"accepted":false}'])(
    "lets the answer go out when it accepts or cannot be read: %j",
    (text) => expect(readVerdict(text)).toBeNull(),
  );

  it("is bounded", () => expect(readVerdict(`REVISE: ${"x".repeat(10_000)}`)).toHaveLength(4_000));
});
