import { describe, expect, it } from "vitest";
import { awaitPlanner } from "../../../inference/live/await-planner.ts";

const wait = async (...states: readonly string[]) => {
  let looks = 0;
  let waits = 0;
  const result = await awaitPlanner("http://inference", {
    fetch: async () => Response.json({ status: "ready", planner: states[(looks += 1) - 1] }),
    delay: () => Promise.resolve(),
    signal: new AbortController().signal,
    onWait: () => void (waits += 1),
  });
  return { result, looks, waits };
};

describe("awaitPlanner", () => {
  it("goes on at once where there is none, or one that is ready", async () => {
    expect(await wait("none")).toEqual({ result: { ok: true, value: "none" }, looks: 1, waits: 0 });
    expect(await wait("ready")).toEqual({ result: { ok: true, value: "ready" }, looks: 1, waits: 0 });
  });

  it("waits while the model is loading, and says so once", async () => {
    expect(await wait("loading", "loading", "ready")).toMatchObject({ result: { ok: true }, looks: 3, waits: 1 });
  });

  it("ends where the model cannot be loaded", async () => {
    expect(await wait("loading", "failed")).toMatchObject({ result: { ok: false }, looks: 2 });
  });
});
