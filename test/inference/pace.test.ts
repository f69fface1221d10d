import { describe, expect, it } from "vitest";
import { createPace } from "../../inference/pace.ts";

describe("pace", () => {
  it("estimates from what was done lately", () => {
    const pace = createPace(() => 0);
    pace.learn(100, 50);
    expect(pace.estimate(10, 5)).toBe(30);
  });

  it("is not thrown off by one hiccup", () => {
    const pace = createPace(() => 0);
    for (const ms of [10, 10, 5000, 10, 10]) pace.learn(ms, 10);
    expect(pace.estimate(10, 10)).toBe(20);
  });

  it("goes by the best when nothing waits", () => {
    const pace = createPace(() => 0);
    for (const ms of [500, 10, 500, 500]) pace.learn(ms, 10);
    expect(pace.estimate(10, 0)).toBe(10);
  });

  it("forgets a slow spell, so that refusals end", () => {
    let time = 0;
    const pace = createPace(() => time);
    pace.learn(5000, 10);
    time = 10_001;
    expect(pace.estimate(10, 100)).toBe(0);
  });
});
