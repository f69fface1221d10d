import { describe, expect, it } from "vitest";
import { createVerdictGate, readAcceptance } from "../../../edge/execute/verdict.ts";
import { endedBy, reasoningDelta, start, textDelta } from "../../support/events.ts";

describe("readAcceptance", () => {
  it.each([
    ["ACCEPT", [true], 0],
    ["ACCEPT 2", [true, true], 1],
    ["**accept: result 2.**", [false, true], 1],
    ["ACCEPT #1", [true, true], 0],
    ["ACCEPT", [false, true], 1],
  ])("takes %j, of results of which %j may be answers, for result %j", (text, acceptable, index) => {
    expect(readAcceptance(text, acceptable)).toBe(index);
  });

  it.each([
    ["ACCEPT", [true, true]],
    ["ACCEPT 3", [true, true]],
    ["ACCEPT 1", [false, true]],
    ["ACCEPT 0", [true]],
    ["I ACCEPT", [true]],
    ["ACCEPT, but the sum is wrong.", [true]],
    ["ACCEPT\nREVISE: the sum is wrong", [true]],
    ["ACCEPTABLE", [true]],
    ["", [true]],
    ["REVISE: it says ACCEPT", [true]],
  ])("takes %j, of results of which %j may be answers, for no acceptance", (text, acceptable) => {
    expect(readAcceptance(text, acceptable)).toBe(null);
  });
});

const passed = (texts: readonly string[]) => {
  const gate = createVerdictGate();
  return { gate, out: texts.map((text) => gate.pass([textDelta(text)])) };
};

describe("the gate of a verifier that may answer", () => {
  it("holds what may still become an acceptance", () => {
    const { gate, out } = passed(["**", "ACC", "EPT ", "result 1", ".**"]);
    expect(out.flat()).toEqual([]);
    expect(gate.spoke()).toBe(false);
    expect(gate.text()).toBe("**ACCEPT result 1.**");
  });

  it("lets everything out the moment that it cannot, and streams from then on", () => {
    const { gate, out } = passed(["AC", "tually", ", no."]);
    expect(out).toEqual([[], [textDelta("AC"), textDelta("tually")], [textDelta(", no.")]]);
    expect(gate.spoke()).toBe(true);
  });

  it("keeps thoughts on the verdict to itself", () => {
    expect(createVerdictGate().pass([start, reasoningDelta("It looks right.")])).toEqual([]);
  });

  it("gives what it still holds at the end", () => {
    const gate = createVerdictGate();
    gate.pass([start, textDelta("Accept 7")]);
    expect(gate.release()).toEqual([start, textDelta("Accept 7")]);
    expect(gate.pass([endedBy("check", "w/b")])).toHaveLength(1);
  });
});
