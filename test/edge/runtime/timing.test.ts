import { describe, expect, it } from "vitest";
import { phases, startTiming } from "../../../edge/runtime/timing.ts";
import { createHandClock } from "../../support/hand-clock.ts";

describe("timing", () => {
  it("says when each phase had ended, and null of those not reached", async () => {
    const clock = createHandClock();
    const timing = startTiming(() => clock.now());
    timing.mark("authenticate");
    await clock.advance(5);
    timing.mark("plan");
    expect(timing.read()).toEqual({
      ...Object.fromEntries(phases.map((phase) => [phase, null])),
      authenticate: 0,
      plan: 5,
      object_waits: 0,
    });
  });

  it("counts the first mark of a phase", async () => {
    const clock = createHandClock();
    const timing = startTiming(() => clock.now());
    timing.mark("first_token");
    await clock.advance(5);
    timing.mark("first_token");
    expect(timing.read()["first_token"]).toBe(0);
  });

  it("writes how long each phase took as a server-timing header", async () => {
    const clock = createHandClock();
    const timing = startTiming(() => clock.now());
    await clock.advance(2);
    timing.mark("authenticate");
    await clock.advance(3);
    timing.mark("admit");
    timing.waited();
    expect(timing.header()).toBe('authenticate;dur=2, admit;dur=3, object_waits;desc="1"');
  });
});
