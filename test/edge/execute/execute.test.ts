import { describe, expect, it } from "vitest";
import { execute, type ExecuteDeps } from "../../../edge/execute/execute.ts";
import type { RunStep, StepRequest } from "../../../edge/execute/run-step.ts";
import { textOf } from "../../../shared/chat.ts";
import type { Ballot } from "../../../shared/ballot.ts";
import type { ShoalError } from "../../../shared/errors.ts";
import { answerText, collect, type AnswerEvent } from "../../../shared/events.ts";
import { answerStep, directPlan, type Plan, type Step } from "../../../shared/plan.ts";
import { chatOf, stepEnd, stepStart, textDelta, upstreamError, usageOf, used } from "../../support/events.ts";
import { settle } from "../../support/hand-clock.ts";

type Line = { readonly text?: string; readonly error?: ShoalError };

/** Workers that say what a test has them say, when it has them say it. */
const createStage = () => {
  const started: string[] = [];
  const requests = new Map<string, StepRequest>();
  const lines = new Map<string, PromiseWithResolvers<Line>>();
  const lineOf = (worker: string) => {
    const line = lines.get(worker) ?? Promise.withResolvers<Line>();
    lines.set(worker, line);
    return line;
  };
  const runStep: RunStep = async function* (request) {
    const { step, signal, keep } = request;
    started.push(`${step.id} ${step.worker}`);
    requests.set(step.id, request);
    yield [stepStart(step.id, step.worker, step.role)];
    const canceled = new Promise<Line>((resolve) =>
      signal?.addEventListener("abort", () => resolve({ error: upstreamError("network") }), { once: true }),
    );
    const { text, error } = await Promise.race([lineOf(step.worker).promise, canceled]);
    const words = text === undefined ? [] : [textDelta(text)];
    if (words.length > 0) yield words;
    const outcome = error === undefined ? "done" : signal?.aborted ? "canceled" : "failed";
    yield [used(step.id, step.worker, usageOf(10, 5), 20), stepEnd(step.id, step.worker, outcome, error)];
    return {
      step,
      events: keep ? words : [],
      end: error ? null : "stop",
      error: error ?? null,
      spoke: words.length > 0,
    };
  };
  return {
    started,
    requests,
    runStep,
    say: (worker: string, text: string) => lineOf(worker).resolve({ text }),
    fail: (worker: string, error: ShoalError = upstreamError("overloaded"), text?: string) =>
      lineOf(worker).resolve({ error, ...(text !== undefined && { text }) }),
  };
};

const run = (plan: Plan, deps: Partial<ExecuteDeps> = {}) => {
  const stage = createStage();
  const extended: string[] = [];
  const events: AnswerEvent[] = [];
  const generator = execute(plan, {
    chat: chatOf("How many fish?"),
    alternates: [],
    runStep: stage.runStep,
    stream: true,
    extend: async (worker) => {
      extended.push(worker);
      return true;
    },
    providerOf: (worker) => worker,
    fit: (_, chat) => chat,
    newBoundary: () => "boundary",
    random: () => 0,
    signal: new AbortController().signal,
    ...deps,
  });
  const over = (async () => {
    for await (const batch of generator) events.push(...batch);
  })();
  return {
    ...stage,
    events,
    extended,
    over,
    text: () => answerText(collect(events)),
    stepEnds: () =>
      events.flatMap((event) => (event.type === "step-end" ? [`${event.step} ${event.worker} ${event.outcome}`] : [])),
    seenBy: (step: string) => {
      const last = stage.requests.get(step)?.chat.messages.at(-1);
      return last ? textOf(last) : "";
    },
  };
};

const step = (id: string, worker: string, rest: Partial<Step> = {}): Step => ({ ...answerStep(worker), id, ...rest });
const workflow = (...steps: readonly Step[]): Plan => ({ kind: "workflow", steps: [...steps] });
const judge = (worker: string): Step => step("judge", worker, { role: "judge", subtask: "Choose.", access: "all" });

describe("a workflow", () => {
  it("starts each step the moment that all it may see is complete", async () => {
    const plan = workflow(
      step("a", "w/a"),
      step("b", "w/b"),
      step("c", "w/c", { role: "verify", subtask: "Check.", access: ["a"] }),
      step("d", "w/d", { subtask: "Write.", access: ["b", "c"] }),
    );
    const { started, say, over, text, seenBy } = run(plan);
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
    const { say, over, events } = run(workflow(step("a", "w/a"), step("b", "w/b"), judge("w/c")));
    say("w/a", "draft one");
    say("w/b", "draft two");
    say("w/c", "the answer");
    await over;
    expect(events.filter((event) => event.type === "usage").map(({ worker }) => worker)).toEqual(["w/a", "w/b", "w/c"]);
    expect(events.filter((event) => event.type === "text-delta")).toEqual([textDelta("the answer")]);
    expect(events.at(-1)).toEqual({ type: "end", reason: "stop", step: "judge", worker: "w/c" });
  });

  it("streams the answering step, and reads inner ones whole", async () => {
    const { say, over, requests } = run(workflow(step("a", "w/a"), step("b", "w/b"), judge("w/c")));
    for (const worker of ["w/a", "w/b", "w/c"]) say(worker, "text");
    await over;
    expect(["a", "b", "judge"].map((id) => requests.get(id)?.whole)).toEqual([true, true, false]);
  });

  it("reads the answering step whole as well when the client does not stream", async () => {
    const { say, over, requests } = run(directPlan("w/a"), { stream: false });
    say("w/a", "text");
    await over;
    expect(requests.get("answer")?.whole).toBe(true);
  });

  it("skips what depends on a failed step alone", async () => {
    const plan = workflow(
      step("a", "w/a"),
      step("b", "w/b"),
      step("c", "w/c", { access: ["a"] }),
      step("d", "w/d", { subtask: "Write.", access: ["b", "c"] }),
    );
    const { started, say, fail, over, text, stepEnds, seenBy } = run(plan);
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
    const { started, say, fail, over, text, events } = run(workflow(step("a", "w/a"), step("b", "w/b"), judge("w/c")));
    fail("w/a");
    say("w/b", "the only draft");
    await over;
    expect(started).not.toContain("judge w/c");
    expect(text()).toBe("the only draft");
    expect(events.at(-1)).toMatchObject({ type: "end", step: "b", worker: "w/b" });
  });

  it("does not take a check of an answer for the answer", async () => {
    const check = step("b", "w/b", { role: "verify", subtask: "Check the claims." });
    const { started, say, fail, over, text } = run(workflow(step("a", "w/a"), check, judge("w/c")));
    fail("w/a");
    say("w/b", "the claims are wrong");
    say("w/c", "the answer");
    await over;
    expect(started).toContain("judge w/c");
    expect(text()).toBe("the answer");
  });

  it("asks in the user's own words when no draft is left", async () => {
    const { say, fail, over, text, requests } = run(workflow(step("a", "w/a"), step("b", "w/b"), judge("w/c")));
    fail("w/a");
    fail("w/b");
    say("w/c", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(requests.get("judge")?.chat).toEqual(chatOf("How many fish?"));
  });
});

describe("failover", () => {
  const alternates = ["w/a", "w/b", "w/c", "w/d"];

  it("lets the next best answer in a failed worker's place, once its dollars are set aside", async () => {
    const { fail, say, over, text, extended, events } = run(directPlan("w/a"), { alternates });
    fail("w/a");
    say("w/b", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(extended).toEqual(["w/b"]);
    expect(events.at(-1)).toMatchObject({ type: "end", worker: "w/b" });
  });

  it("asks another provider before another worker of the one that failed", async () => {
    const { fail, say, over, started } = run(directPlan("w/a"), {
      alternates,
      providerOf: (worker) => (worker === "w/c" ? "other" : "same"),
    });
    fail("w/a");
    say("w/c", "the answer");
    await over;
    expect(started).toEqual(["answer w/a", "answer w/c"]);
  });

  it("tries three workers at most", async () => {
    const { fail, over, started, events } = run(directPlan("w/a"), { alternates });
    for (const worker of alternates) fail(worker);
    await over;
    expect(started).toEqual(["answer w/a", "answer w/b", "answer w/c"]);
    expect(events.at(-1)).toEqual({ type: "error", error: upstreamError("overloaded") });
  });

  it("never happens after the first word", async () => {
    const { fail, over, started, events } = run(directPlan("w/a"), { alternates });
    fail("w/a", upstreamError("network"), "The ans");
    await over;
    expect(started).toEqual(["answer w/a"]);
    expect(events.at(-1)).toMatchObject({ type: "error", error: { cause: "network" } });
  });

  it("never happens for what is the client's own fault", async () => {
    const { fail, over, started } = run(directPlan("w/a"), { alternates });
    fail("w/a", upstreamError("invalid_request"));
    await over;
    expect(started).toEqual(["answer w/a"]);
  });

  it("ends with the first failure when there are no dollars for another", async () => {
    const { fail, over, started, events } = run(directPlan("w/a"), { alternates, extend: async () => false });
    fail("w/a");
    await over;
    expect(started).toEqual(["answer w/a"]);
    expect(events.at(-1)).toMatchObject({ type: "error", error: { cause: "overloaded" } });
  });

  it("never happens once the client has left", async () => {
    const client = new AbortController();
    const { fail, over, started, extended } = run(directPlan("w/a"), { alternates, signal: client.signal });
    client.abort();
    fail("w/a", upstreamError("network"));
    await over;
    expect(started).toEqual(["answer w/a"]);
    expect(extended).toEqual([]);
  });
});

const ballotOf = (logits: readonly number[], rest: Partial<Ballot> = {}): Plan => ({
  kind: "ballot",
  ballot: {
    extractor: "number",
    order: logits.map((logit, at) => ({ worker: `w/${at}`, logit, costDollars: 0.001 })),
    wave: 1,
    coefficients: {
      agree: 0.8,
      agreeLogit: 0.7,
      none: 0.5,
      noneDistinct: 0.4,
      noneUnread: 0.1,
      read: 3,
      right: 0,
      rightLogit: 1,
      repeat: -1,
    },
    lambda: 0,
    judge: "w/0",
    ...rest,
  },
});

/** No digits: nothing to read as a number. */
const names = [
  ["w/0", "Ann"],
  ["w/1", "Bob"],
  ["w/2", "Cod"],
] as const;

describe("a ballot", () => {
  it("asks one after the other until it is decided", async () => {
    const { say, over, started, text } = run(ballotOf([1.2, 1.1, 1]));
    say("w/0", "4");
    await settle();
    expect(started).toEqual(["vote1 w/0", "vote2 w/1"]);
    say("w/1", "The answer is 5.");
    await settle();
    expect(started).toHaveLength(3);
    say("w/2", "5");
    await over;
    expect(started).toHaveLength(3);
    expect(text()).toBe("The answer is 5.");
  });

  it("is content with the first worker when that is hardly ever wrong", async () => {
    const { say, over, started, text } = run(ballotOf([8, 0, 0]));
    say("w/0", "4");
    await over;
    expect(started).toEqual(["vote1 w/0"]);
    expect(text()).toBe("4");
  });

  it("sends nothing before it is decided, and never a loser's words", async () => {
    const { say, over, events } = run(ballotOf([1.2, 1.1, 1]));
    say("w/0", "4");
    say("w/1", "5");
    await settle();
    expect(events.filter((event) => event.type === "text-delta")).toEqual([]);
    say("w/2", "5");
    await over;
    expect(events.filter((event) => event.type === "text-delta")).toEqual([textDelta("5")]);
    expect(events.at(-1)).toMatchObject({ type: "end", step: "vote2", worker: "w/1" });
  });

  it("asks a whole wave at once, and cancels those it no longer needs, at their cost", async () => {
    const { say, over, started, stepEnds, events } = run(ballotOf([8, 0, 0], { wave: 3 }));
    await settle();
    expect(started).toEqual(["vote1 w/0", "vote2 w/1", "vote3 w/2"]);
    say("w/0", "4");
    await over;
    expect(stepEnds()).toEqual(["vote1 w/0 done", "vote2 w/1 canceled", "vote3 w/2 canceled"]);
    expect(events.filter((event) => event.type === "usage")).toHaveLength(3);
  });

  it("counts a failed worker as one that could not be read", async () => {
    const { say, fail, over, started, text } = run(ballotOf([1, 8, 0]));
    fail("w/0");
    say("w/1", "4");
    await over;
    expect(started).toEqual(["vote1 w/0", "vote2 w/1"]);
    expect(text()).toBe("4");
  });

  it("has the judge write the answer when most could not be read", async () => {
    const { say, over, text, requests, seenBy } = run(ballotOf([1, 1, 1], { judge: "w/judge" }));
    for (const [worker, name] of names) say(worker, `no idea, says ${name}`);
    say("w/judge", "the judge's answer");
    await over;
    expect(text()).toBe("the judge's answer");
    expect(requests.get("judge")?.step.worker).toBe("w/judge");
    expect(seenBy("judge")).toContain("no idea, says Cod");
  });

  it("passes the best worker's words on when nobody judges", async () => {
    const { say, over, text } = run(ballotOf([1, 1, 1], { judge: null }));
    for (const [worker, name] of names) say(worker, `no idea, says ${name}`);
    await over;
    expect(text()).toBe("no idea, says Ann");
  });

  it("asks the judge alone when every voter has failed", async () => {
    const { fail, say, over, text, requests } = run(ballotOf([1, 1], { judge: "w/judge" }));
    fail("w/0");
    fail("w/1");
    say("w/judge", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(requests.get("answer")?.chat).toEqual(chatOf("How many fish?"));
  });

  it("fails when every voter has failed and nobody judges", async () => {
    const { fail, over, events } = run(ballotOf([1, 1], { judge: null }));
    fail("w/0");
    fail("w/1");
    await over;
    expect(events.at(-1)).toMatchObject({ type: "error", error: { kind: "no_worker" } });
  });

  it("asks no further voter once the client has left", async () => {
    const client = new AbortController();
    const { fail, over, started } = run(ballotOf([1, 1, 1, 1], { judge: null }), { signal: client.signal });
    await settle();
    client.abort();
    fail("w/0", upstreamError("network"));
    await over;
    expect(started.filter((each) => each.startsWith("vote"))).toEqual(["vote1 w/0"]);
  });
});
