import { describe, expect, it } from "vitest";
import { runRounds, type Revise } from "../../../edge/execute/rounds.ts";
import type { ExecuteDeps } from "../../../edge/execute/execute.ts";
import { settle } from "../../support/hand-clock.ts";
import { runStage, stepOf, workflowOf } from "../../support/stage.ts";
import { reasoningDelta, upstreamError } from "../../support/events.ts";
import type { AnswerEvent } from "../../../shared/events.ts";
import type { Workflow } from "../../../shared/plan.ts";

const first = workflowOf(
  stepOf("step_1", "w/a"),
  stepOf("step_2", "w/b", { subtask: "Write the answer.", access: ["step_1"] }),
);
const revision = workflowOf(
  stepOf("revision_1", "w/c", { role: "verify", subtask: "Check it.", access: ["step_2"] }),
  stepOf("revision_2", "w/d", { subtask: "Write it anew.", access: ["step_2", "revision_1"] }),
);

type Shown = Parameters<Revise>[0];

/** Runs the first workflow, and after it what a planner that saw its answer gives. */
const run = (
  revised: Workflow | null | "forbidden",
  deps: Partial<ExecuteDeps> = {},
  thoughts: readonly AnswerEvent[] = [],
) => {
  const shown: Shown[] = [];
  // oxlint-disable-next-line require-yield
  const revise: Revise = async function* (answered) {
    shown.push(answered);
    return revised === "forbidden" ? null : revised;
  };
  const staged = runStage(
    (all) =>
      // oxlint-disable-next-line require-yield
      runRounds(async function* () {
        return { plan: first, revise: revised === "forbidden" ? null : revise };
      }, all),
    deps,
    thoughts,
  );
  return { ...staged, shown };
};

describe("one more round", () => {
  it("revises the answer, which nobody has seen until then", async () => {
    const { say, over, text, shown, seenBy, events, requests } = run(revision);
    say("w/a", "a draft");
    say("w/b", "the first answer");
    await settle();
    expect(text()).toBe("");
    expect(shown).toMatchObject([{ answer: "the first answer", step: { id: "step_2", worker: "w/b" } }]);
    say("w/c", "It lacks a reason.");
    say("w/d", "the better answer");
    await over;
    expect(text()).toBe("the better answer");
    expect(seenBy("revision_1")).toContain("the first answer");
    expect(seenBy("revision_1")).not.toContain("a draft");
    expect(seenBy("revision_2")).toContain("It lacks a reason.");
    expect(events.at(-1)).toMatchObject({ type: "end", step: "revision_2", worker: "w/d" });
    expect(events.filter(({ type }) => type === "usage")).toHaveLength(4);
    // Nobody waits for the words of an answer that is held; those of its revision stream.
    expect(["step_2", "revision_2"].map((id) => requests.get(id)?.whole)).toEqual([true, false]);
  });

  it("sends the answer as it is where the planner keeps it", async () => {
    const { say, over, text, started, events } = run(null);
    say("w/a", "a draft");
    say("w/b", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(started).toEqual(["step_1 w/a", "step_2 w/b"]);
    expect(events.at(-1)).toMatchObject({ type: "end", step: "step_2", worker: "w/b" });
  });

  it("sends the answer as it is where a verifier of the second round accepts it", async () => {
    const { say, over, text, started } = run(revision);
    say("w/a", "a draft");
    say("w/b", "the answer");
    say("w/c", "ACCEPT 1");
    await over;
    expect(text()).toBe("the answer");
    expect(started).not.toContain("revision_2 w/d");
  });

  it.each([
    ["its last step fails", "w/d"],
    ["all that it rests on fails", "w/c"],
  ])("sends the answer of the first where %s", async (_, failing) => {
    const alone = workflowOf(
      stepOf("revision_1", "w/c", { role: "think", subtask: "Think." }),
      stepOf("revision_2", "w/d", { subtask: "Write.", access: ["revision_1"] }),
    );
    const { say, fail, over, text } = run(alone);
    say("w/a", "a draft");
    say("w/b", "the answer");
    for (const worker of ["w/c", "w/d"]) {
      if (worker === failing) fail(worker);
      else say(worker, "something");
    }
    await over;
    expect(text()).toBe("the answer");
  });

  it.each([true, false])("is not sent where it was cut before it came to anything (streamed: %s)", async (stream) => {
    for (const end of ["length", "content_filter"] as const) {
      const { say, over, text, events } = run(revision, { stream });
      say("w/a", "a draft");
      say("w/b", "the answer");
      say("w/c", "It lacks a reason.");
      say("w/d", stream ? "" : "half a", end);
      await over;
      expect(text()).toBe("the answer");
      expect(events.filter(({ type }) => type === "end")).toEqual([
        { type: "end", reason: "stop", step: "step_2", worker: "w/b" },
      ]);
    }
  });

  it.each([true, false])("takes no answer along when it breaks amid its thoughts (streamed: %s)", async (stream) => {
    const { say, fail, over, text, events } = run(revision, { stream }, [reasoningDelta("Hm.")]);
    say("w/a", "a draft");
    say("w/b", "the answer");
    say("w/c", "It lacks a reason.");
    fail("w/d", upstreamError("network"), stream ? "" : "half a");
    await over;
    expect(text()).toBe("the answer");
    expect(events.some(({ type }) => type === "error")).toBe(false);
  });

  it("lets words that have gone out stand, and says that they broke off", async () => {
    const { say, fail, over, text, events } = run(revision);
    say("w/a", "a draft");
    say("w/b", "the answer");
    say("w/c", "It lacks a reason.");
    fail("w/d", upstreamError("network"), "half a better");
    await over;
    expect(text()).toBe("half a better");
    expect(events.at(-1)).toMatchObject({ type: "error" });
  });

  it("asks no other worker for one that failed: there is an answer", async () => {
    const { say, fail, over, text, started } = run(revision, { alternates: ["w/c", "w/d", "w/e"] });
    say("w/a", "a draft");
    say("w/b", "the answer");
    say("w/c", "It lacks a reason.");
    fail("w/d");
    await over;
    expect(text()).toBe("the answer");
    expect(started).not.toContain("revision_2 w/e");
  });

  it("is not asked for of an answer that failed or was cut", async () => {
    const cut = run(revision);
    cut.say("w/a", "a draft");
    cut.say("w/b", "half an ans", "length");
    await cut.over;
    expect(cut.shown).toEqual([]);
    expect(cut.text()).toBe("half an ans");

    const failed = run(revision);
    failed.fail("w/a");
    failed.fail("w/b");
    await failed.over;
    expect(failed.shown).toEqual([]);
    expect(failed.events.at(-1)).toMatchObject({ type: "error" });
  });

  it("does not come where it is forbidden: the answer streams", async () => {
    const { say, over, text, shown, requests } = run("forbidden");
    say("w/a", "a draft");
    say("w/b", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(shown).toEqual([]);
    expect(requests.get("step_2")?.whole).toBe(false);
  });

  it("asks nobody when the client has left", async () => {
    const leave = new AbortController();
    const { say, over, shown } = run(revision, { signal: leave.signal });
    say("w/a", "a draft");
    await settle();
    leave.abort();
    say("w/b", "the answer");
    await over;
    expect(shown).toEqual([]);
  });
});
