import { describe, expect, it } from "vitest";
import type { Ballot } from "../../../shared/ballot.ts";
import { directPlan, type Plan } from "../../../shared/plan.ts";
import { chatOf, textDelta, upstreamError } from "../../support/events.ts";
import { settle } from "../../support/hand-clock.ts";
import { runPlan } from "../../support/stage.ts";

describe("failover", () => {
  const alternates = ["w/a", "w/b", "w/c", "w/d"];

  it("lets the next best answer in a failed worker's place, once its dollars are set aside", async () => {
    const { fail, say, over, text, extended, events } = runPlan(directPlan("w/a"), { alternates });
    fail("w/a");
    say("w/b", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(extended).toEqual(["w/b"]);
    expect(events.at(-1)).toMatchObject({ type: "end", worker: "w/b" });
  });

  it("asks another provider before another worker of the one that failed", async () => {
    const { fail, say, over, started } = runPlan(directPlan("w/a"), {
      alternates,
      providerOf: (worker) => (worker === "w/c" ? "other" : "same"),
    });
    fail("w/a");
    say("w/c", "the answer");
    await over;
    expect(started).toEqual(["answer w/a", "answer w/c"]);
  });

  it("tries three workers at most", async () => {
    const { fail, over, started, events } = runPlan(directPlan("w/a"), { alternates });
    for (const worker of alternates) fail(worker);
    await over;
    expect(started).toEqual(["answer w/a", "answer w/b", "answer w/c"]);
    expect(events.at(-1)).toEqual({ type: "error", error: upstreamError("overloaded") });
  });

  it("never happens after the first word", async () => {
    const { fail, over, started, events } = runPlan(directPlan("w/a"), { alternates });
    fail("w/a", upstreamError("network"), "The ans");
    await over;
    expect(started).toEqual(["answer w/a"]);
    expect(events.at(-1)).toMatchObject({ type: "error", error: { cause: "network" } });
  });

  it("never happens for what is the client's own fault", async () => {
    const { fail, over, started } = runPlan(directPlan("w/a"), { alternates });
    fail("w/a", upstreamError("invalid_request"));
    await over;
    expect(started).toEqual(["answer w/a"]);
  });

  it("ends with the first failure when there are no dollars for another", async () => {
    const { fail, over, started, events } = runPlan(directPlan("w/a"), { alternates, extend: async () => false });
    fail("w/a");
    await over;
    expect(started).toEqual(["answer w/a"]);
    expect(events.at(-1)).toMatchObject({ type: "error", error: { cause: "overloaded" } });
  });

  it("never happens once the client has left", async () => {
    const client = new AbortController();
    const { fail, over, started, extended } = runPlan(directPlan("w/a"), { alternates, signal: client.signal });
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
    const { say, over, started, text } = runPlan(ballotOf([1.2, 1.1, 1]));
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
    const { say, over, started, text } = runPlan(ballotOf([8, 0, 0]));
    say("w/0", "4");
    await over;
    expect(started).toEqual(["vote1 w/0"]);
    expect(text()).toBe("4");
  });

  it("sends nothing before it is decided, and never a loser's words", async () => {
    const { say, over, events } = runPlan(ballotOf([1.2, 1.1, 1]));
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
    const { say, over, started, stepEnds, events } = runPlan(ballotOf([8, 0, 0], { wave: 3 }));
    await settle();
    expect(started).toEqual(["vote1 w/0", "vote2 w/1", "vote3 w/2"]);
    say("w/0", "4");
    await over;
    expect(stepEnds()).toEqual(["vote1 w/0 done", "vote2 w/1 canceled", "vote3 w/2 canceled"]);
    expect(events.filter((event) => event.type === "usage")).toHaveLength(3);
  });

  it("counts a failed worker as one that could not be read", async () => {
    const { say, fail, over, started, text } = runPlan(ballotOf([1, 8, 0]));
    fail("w/0");
    say("w/1", "4");
    await over;
    expect(started).toEqual(["vote1 w/0", "vote2 w/1"]);
    expect(text()).toBe("4");
  });

  it("has the judge write the answer when most could not be read", async () => {
    const { say, over, text, requests, seenBy } = runPlan(ballotOf([1, 1, 1], { judge: "w/judge" }));
    for (const [worker, name] of names) say(worker, `no idea, says ${name}`);
    say("w/judge", "the judge's answer");
    await over;
    expect(text()).toBe("the judge's answer");
    expect(requests.get("judge")?.step.worker).toBe("w/judge");
    expect(seenBy("judge")).toContain("no idea, says Cod");
  });

  it("passes the best worker's words on when nobody judges", async () => {
    const { say, over, text } = runPlan(ballotOf([1, 1, 1], { judge: null }));
    for (const [worker, name] of names) say(worker, `no idea, says ${name}`);
    await over;
    expect(text()).toBe("no idea, says Ann");
  });

  it("asks the judge alone when every voter has failed", async () => {
    const { fail, say, over, text, requests } = runPlan(ballotOf([1, 1], { judge: "w/judge" }));
    fail("w/0");
    fail("w/1");
    say("w/judge", "the answer");
    await over;
    expect(text()).toBe("the answer");
    expect(requests.get("answer")?.chat).toEqual(chatOf("How many fish?"));
  });

  it("fails when every voter has failed and nobody judges", async () => {
    const { fail, over, events } = runPlan(ballotOf([1, 1], { judge: null }));
    fail("w/0");
    fail("w/1");
    await over;
    expect(events.at(-1)).toMatchObject({ type: "error", error: { kind: "no_worker" } });
  });

  it("asks no further voter once the client has left", async () => {
    const client = new AbortController();
    const { fail, over, started } = runPlan(ballotOf([1, 1, 1, 1], { judge: null }), { signal: client.signal });
    await settle();
    client.abort();
    fail("w/0", upstreamError("network"));
    await over;
    expect(started.filter((each) => each.startsWith("vote"))).toEqual(["vote1 w/0"]);
  });
});
