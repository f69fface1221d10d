import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFit } from "../../../edge/execute/place-step.ts";
import { directPlan, maxSteps, needsOf, type Step } from "../../../shared/plan.ts";
import { countInput } from "../../../shared/tokens.ts";
import { cardOf } from "../../support/edge.ts";
import { chatOf, reasoningDelta, textDelta, upstreamError } from "../../support/events.ts";
import { settle } from "../../support/hand-clock.ts";
import { judgeOf, runPlan, stepOf, workflowOf } from "../../support/stage.ts";

describe("a workflow", () => {
  it("starts each step the moment that all it may see is complete", async () => {
    const plan = workflowOf(
      stepOf("a", "w/a"),
      stepOf("b", "w/b"),
      stepOf("c", "w/c", { role: "verify", subtask: "Check.", access: ["a"] }),
      stepOf("d", "w/d", { subtask: "Write.", access: ["b", "c"] }),
    );
    const { started, say, over, text, seenBy } = runPlan(plan);
    await settle();
    expect(started).toEqual(["a w/a", "b w/b"]);
    say("w/a", "from a");
    await settle();
    expect(started).toEqual(["a w/a", "b w/b", "c w/c"]);
    say("w/c", "from c");
    await settle();
    expect(started).toHaveLength(3);
    say("w/b", "from b");
    await settle();
    expect(started.at(-1)).toBe("d w/d");
    say("w/d", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(seenBy("c")).toContain("from a");
    expect(seenBy("c")).not.toContain("from b");
    expect(seenBy("d").indexOf("from b")).toBeLessThan(seenBy("d").indexOf("from c"));
  });

  it("gives what inner steps cost, never what they say", async () => {
    const { say, over, events } = runPlan(workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b"), judgeOf("w/c")));
    say("w/a", "draft one");
    say("w/b", "draft two");
    say("w/c", "the answer");
    await over;
    expect(events.filter((event) => event.type === "usage").map(({ worker }) => worker)).toEqual(["w/a", "w/b", "w/c"]);
    expect(events.filter((event) => event.type === "text-delta")).toEqual([textDelta("the answer")]);
    expect(events.at(-1)).toEqual({ type: "end", reason: "stop", step: "judge", worker: "w/c" });
  });

  it("streams the answering step, and reads inner ones whole", async () => {
    const { say, over, requests } = runPlan(workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b"), judgeOf("w/c")));
    for (const worker of ["w/a", "w/b", "w/c"]) say(worker, "text");
    await over;
    expect(["a", "b", "judge"].map((id) => requests.get(id)?.whole)).toEqual([true, true, false]);
  });

  it("reads the answering step whole as well when the client does not stream", async () => {
    const { say, over, requests } = runPlan(directPlan("w/a"), { stream: false });
    say("w/a", "text");
    await over;
    expect(requests.get("answer")?.whole).toBe(true);
  });

  it("skips what depends on a failed step alone", async () => {
    const plan = workflowOf(
      stepOf("a", "w/a"),
      stepOf("b", "w/b"),
      stepOf("c", "w/c", { access: ["a"] }),
      stepOf("d", "w/d", { subtask: "Write.", access: ["b", "c"] }),
    );
    const { started, say, fail, over, text, stepEnds, seenBy } = runPlan(plan);
    fail("w/a");
    say("w/b", "from b");
    say("w/d", "the answer");
    await over;
    expect(started).not.toContain("c w/c");
    expect(stepEnds()).toContain("c w/c skipped");
    expect(seenBy("d")).toContain('number="1"');
    expect(seenBy("d")).not.toContain('number="2"');
    expect(text()).toBe("the answer");
  });

  it("passes the one draft that is left on, without a judge", async () => {
    const { started, say, fail, over, text, events } = runPlan(
      workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b"), judgeOf("w/c")),
    );
    fail("w/a");
    say("w/b", "the only draft");
    await over;
    expect(started).not.toContain("judge w/c");
    expect(text()).toBe("the only draft");
    expect(events.at(-1)).toMatchObject({ type: "end", step: "b", worker: "w/b" });
  });

  it("does not take a check of an answer for the answer", async () => {
    const check = stepOf("b", "w/b", { role: "verify", subtask: "Check the claims." });
    const { started, say, fail, over, text } = runPlan(workflowOf(stepOf("a", "w/a"), check, judgeOf("w/c")));
    fail("w/a");
    say("w/b", "the claims are wrong");
    say("w/c", "the answer");
    await over;
    expect(started).toContain("judge w/c");
    expect(text()).toBe("the answer");
  });

  it("asks in the user's own words when no draft is left", async () => {
    const { say, fail, over, text, requests } = runPlan(
      workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b"), judgeOf("w/c")),
    );
    fail("w/a");
    fail("w/b");
    say("w/c", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(requests.get("judge")?.chat).toEqual(chatOf("How many fish?"));
  });
});

const verifier = (id: string, worker: string, access: Step["access"]): Step =>
  stepOf(id, worker, { role: "verify", subtask: "Check it.", access });

describe("a verifier within a workflow", () => {
  const plan = workflowOf(
    stepOf("draft", "w/a"),
    stepOf("slow", "w/s", { role: "think", subtask: "Ponder." }),
    verifier("check", "w/b", ["draft"]),
    stepOf("final", "w/c", { subtask: "Write.", access: ["draft", "slow", "check"] }),
  );

  it("ends the run early with the result that it accepts: what runs is canceled, what waits never starts", async () => {
    const { started, say, over, text, stepEnds, events } = runPlan(plan);
    say("w/a", "the draft");
    say("w/b", "ACCEPT 1");
    await over;
    expect(text()).toBe("the draft");
    expect(started).toEqual(["draft w/a", "slow w/s", "check w/b"]);
    expect(stepEnds()).toEqual(["draft w/a done", "check w/b done", "slow w/s canceled", "final w/c skipped"]);
    expect(events).toContainEqual(
      expect.objectContaining({ step: "final", skipped: { role: "answer", reason: "accepted" } }),
    );
    expect(events.at(-1)).toMatchObject({ type: "end", step: "draft", worker: "w/a" });
    expect(events.filter(({ type }) => type === "usage")).toHaveLength(3);
  });

  it("lets the run go on when it objects, and is read by the next", async () => {
    const { say, over, text, seenBy } = runPlan(plan);
    say("w/a", "the draft");
    say("w/s", "a thought");
    say("w/b", "The sum is wrong. ACCEPT is out of the question.");
    say("w/c", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(seenBy("final")).toContain("The sum is wrong.");
  });

  it("accepts nothing that is no answer", async () => {
    const { say, over, text, seenBy } = runPlan(
      workflowOf(
        stepOf("think", "w/a", { role: "think", subtask: "Ponder." }),
        verifier("check", "w/b", ["think"]),
        stepOf("final", "w/c", { subtask: "Write.", access: ["think", "check"] }),
      ),
    );
    say("w/a", "a thought");
    say("w/b", "ACCEPT 1");
    say("w/c", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(seenBy("check")).not.toContain("ACCEPT");
  });

  const checkedLast = workflowOf(stepOf("draft", "w/a"), verifier("check", "w/b", ["draft"]));

  it("sends the result that the last step accepts, and nothing of the verdict", async () => {
    const { say, over, text, events } = runPlan(checkedLast);
    say("w/a", "the draft");
    say("w/b", "**ACCEPT 1**");
    await over;
    expect(text()).toBe("the draft");
    expect(events.at(-1)).toMatchObject({ type: "end", step: "draft", worker: "w/a" });
  });

  it("sends the last step's own words when it accepts nothing", async () => {
    const { say, over, text, events, requests } = runPlan(checkedLast);
    say("w/a", "the draft");
    say("w/b", "Accepting that would be wrong: it is five.");
    await over;
    expect(text()).toBe("Accepting that would be wrong: it is five.");
    expect(events.at(-1)).toMatchObject({ type: "end", step: "check", worker: "w/b" });
    expect(requests.get("check")?.whole).toBe(false);
  });

  it("sends the draft when the last step fails before a word", async () => {
    const { say, fail, over, text, stepEnds } = runPlan(checkedLast);
    say("w/a", "the draft");
    fail("w/b");
    await over;
    expect(text()).toBe("the draft");
    expect(stepEnds()).toContain("check w/b failed");
  });

  it("is not asked to accept where the client wants JSON", async () => {
    const { say, over, requests, seenBy } = runPlan(checkedLast, {
      chat: chatOf("How many fish?", { output: { type: "json_object" } }),
    });
    say("w/a", '{"fish":4}');
    say("w/b", '{"fish":5}');
    await over;
    expect(seenBy("check")).not.toContain("ACCEPT");
    expect(requests.get("check")?.chat.output).toEqual({ type: "json_object" });
  });
});

/** Workers of which some can only take the request itself. */
const fitOnly =
  (...able: readonly string[]) =>
  (worker: string, chat: ReturnType<typeof chatOf>) =>
    chat.messages.length === 1 || able.includes(worker) ? chat : null;

describe("a workflow in trouble", () => {
  const drafts = [stepOf("a", "w/a"), stepOf("b", "w/b")] as const;

  it("sends the first draft when the judge fails before a word", async () => {
    const { say, fail, over, text, stepEnds, events } = runPlan(workflowOf(...drafts, judgeOf("w/c")));
    say("w/a", "draft one");
    say("w/b", "draft two");
    fail("w/c", upstreamError("invalid_request"));
    await over;
    expect(text()).toBe("draft one");
    expect(stepEnds()).toContain("judge w/c failed");
    expect(events.at(-1)).toMatchObject({ type: "end", step: "a", worker: "w/a" });
  });

  it.each([
    ["is empty", "", "stop"],
    ["was cut by the plan's cap", "the first half of", "length"],
  ] as const)("passes no draft on that %s", async (_, words, end) => {
    const capped = stepOf("b", "w/b", { maxOutputTokens: 100 });
    const { say, fail, over, text } = runPlan(workflowOf(stepOf("a", "w/a"), capped, judgeOf("w/c")));
    fail("w/a");
    say("w/b", words, end);
    say("w/c", "the answer");
    await over;
    expect(text()).toBe("the answer");
  });

  it("fails when the judge fails amid its words: they are out, and cannot be taken back", async () => {
    const { say, fail, over, events } = runPlan(workflowOf(...drafts, judgeOf("w/c")));
    say("w/a", "draft one");
    say("w/b", "draft two");
    fail("w/c", upstreamError("network"), "The ans");
    await over;
    expect(events.at(-1)).toMatchObject({ type: "error", error: { cause: "network" } });
  });

  it("says of every skipped step that it was, and why", async () => {
    const { fail, say, over, events } = runPlan(
      workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b", { subtask: "Go on.", access: ["a"] }), {
        ...judgeOf("w/c"),
        access: ["a", "b"],
      }),
    );
    fail("w/a");
    say("w/c", "the answer");
    await over;
    expect(events).toContainEqual({
      type: "step-end",
      step: "b",
      worker: "w/b",
      outcome: "skipped",
      skipped: { role: "answer", reason: "nothing_to_see" },
    });
  });

  it("starts no step once the client has left", async () => {
    const client = new AbortController();
    const { fail, over, started, stepEnds } = runPlan(
      workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b", { subtask: "Go on.", access: ["a"] }), judgeOf("w/c")),
      { signal: client.signal },
    );
    await settle();
    client.abort();
    fail("w/a", upstreamError("network"));
    await over;
    expect(started).toEqual(["a w/a"]);
    expect(stepEnds()).toEqual(["a w/a failed", "b w/b skipped", "judge w/c skipped"]);
  });

  it("gives a step whose results are too long for its worker to the next best that takes them", async () => {
    const { say, over, text, started, extended } = runPlan(workflowOf(...drafts, judgeOf("w/small")), {
      fit: fitOnly("w/large"),
      alternates: ["w/small", "w/other", "w/large"],
    });
    say("w/a", "draft one");
    say("w/b", "draft two");
    say("w/large", "the answer");
    await over;
    expect(started.at(-1)).toBe("judge w/large");
    expect(extended).toEqual(["w/large"]);
    expect(text()).toBe("the answer");
  });

  it("never sends a worker more than its context takes, whatever the others wrote", async () => {
    const cards = new Map([
      ["w/small", cardOf("w/small", { contextTokens: 8_000 })],
      ["w/large", cardOf("w/large", { contextTokens: 200_000 })],
    ]);
    const fit = createFit({ cardOf: (worker) => cards.get(worker) ?? cardOf(worker), outputCap: () => 4_000 });
    const { say, over, started, requests } = runPlan(
      workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b", { subtask: "Go on.", access: ["a"] }), judgeOf("w/small")),
      { fit, alternates: ["w/small", "w/large"] },
    );
    say("w/a", "a long story ".repeat(5_000));
    say("w/b", "short");
    say("w/large", "the answer");
    await over;
    expect(started).toEqual(["a w/a", "b w/b", "judge w/large"]);
    for (const { step, chat } of requests.values()) {
      const room = (cards.get(step.worker) ?? cardOf(step.worker)).contextTokens;
      expect(countInput(chat).likely + (chat.maxOutputTokens ?? 4_000)).toBeLessThanOrEqual(room);
    }
  });

  it("skips such a step when nobody takes them, and answers from what there is", async () => {
    const { say, over, text, started, stepEnds, events } = runPlan(
      workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b", { subtask: "Go on.", access: ["a"] }), judgeOf("w/c")),
      { fit: fitOnly(), alternates: ["w/a", "w/b", "w/c"] },
    );
    say("w/a", "a very long draft");
    await over;
    expect(started).toEqual(["a w/a"]);
    expect(stepEnds()).toEqual(["a w/a done", "b w/b skipped"]);
    expect(events).toContainEqual(
      expect.objectContaining({ step: "b", skipped: { role: "answer", reason: "too_long" } }),
    );
    expect(text()).toBe("a very long draft");
  });
});

/** Whether the last step reads the first draft first. */
const readsInOrder = async (role: "judge" | "answer", random: () => number) => {
  const last = stepOf("last", "w/z", { role, subtask: "Choose.", access: "all" });
  const { say, over, seenBy } = runPlan(workflowOf(stepOf("a", "w/a"), stepOf("b", "w/b"), last), { random });
  say("w/a", "first draft");
  say("w/b", "second draft");
  say("w/z", "the answer");
  await over;
  return seenBy("last").indexOf("first") < seenBy("last").indexOf("second");
};

describe("isolation within a workflow", () => {
  /** Steps that see earlier ones at random, all of them thoughts; the last sees all. */
  const anyPlan = fc.integer({ min: 2, max: maxSteps }).chain((count) =>
    fc
      .tuple(
        ...Array.from({ length: count - 1 }, (_, at) => fc.subarray(Array.from({ length: at }, (__, id) => `s${id}`))),
      )
      .map((access) =>
        workflowOf(
          ...access.map((seen, at) =>
            stepOf(`s${at}`, `w/${at}`, {
              role: "think",
              subtask: `Task ${at}.`,
              access: seen.length > 0 ? seen : "none",
            }),
          ),
          stepOf("last", "w/last", { subtask: "Write.", access: "all" }),
        ),
      ),
  );

  it("shows a step the words of those on its access list, and of nobody else", async () => {
    await fc.assert(
      fc.asyncProperty(anyPlan, async (plan) => {
        const { say, over, seenBy, requests } = runPlan(plan);
        for (const { id, worker } of plan.steps) say(worker, `secret of ${id}.`);
        await over;
        for (const step of plan.steps) {
          const shown = plan.steps.filter(({ id }) => seenBy(step.id).includes(`secret of ${id}.`)).map(({ id }) => id);
          expect(shown).toEqual(needsOf(step, plan.steps));
          expect(requests.get(step.id)?.chat.messages.slice(0, -1)).toEqual(chatOf("How many fish?").messages);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("shows no thoughts and no names", async () => {
    const { say, over, seenBy } = runPlan(
      workflowOf(stepOf("draft_of_a", "north/a"), stepOf("draft_of_b", "south/b"), judgeOf("w/c")),
      {},
      [reasoningDelta("a secret thought")],
    );
    say("north/a", "draft one");
    say("south/b", "draft two");
    say("w/c", "the answer");
    await over;
    expect(seenBy("judge")).toContain("draft one");
    expect(seenBy("judge")).not.toMatch(/secret|north|south|draft_of/);
  });

  it("shows a judge the answers in an order drawn at random, and others in the plan's", async () => {
    expect(await readsInOrder("judge", () => 0)).toBe(true);
    expect(await readsInOrder("judge", () => 0.9)).toBe(false);
    expect(await readsInOrder("answer", () => 0.9)).toBe(true);
  });
});
