import { describe, expect, it } from "vitest";
import { readSettings } from "../../../edge/runtime/settings.ts";

const plannerOf = (env: object) => readSettings({ SHOAL_REGION: "us", ...env }).planner;

describe("readSettings", () => {
  it("needs nothing but a region", () => {
    expect(readSettings({ SHOAL_REGION: "us" })).toMatchObject({
      region: "us",
      jurisdiction: null,
      inference: null,
      devKey: "",
      adminKey: "",
      planMs: { mini: 150, ultra: 1_500 },
      maxBodyBytes: 4_194_304,
    });
  });

  it("takes no secret that a key's check would give away, old or new", () => {
    expect(() => readSettings({ SHOAL_REGION: "us", KEY_SECRET: "short" })).toThrow("KEY_SECRET");
    expect(() => readSettings({ SHOAL_REGION: "us", KEY_SECRET: "secret-number-one,short" })).toThrow("KEY_SECRET");
  });

  it("reads numbers, hosts and the conductor's address", () => {
    const settings = readSettings({
      SHOAL_REGION: "eu",
      SHOAL_JURISDICTION: "eu",
      SHOAL_PLAN_MINI_MS: "200",
      PUBLIC_HOSTS: " us=us.example.com , eu=eu.example.com, wrong, =x, y=",
      INFERENCE_URL: "http://127.0.0.1:8788//",
      INFERENCE_SECRET: "s",
    });
    expect(settings).toMatchObject({
      jurisdiction: "eu",
      planMs: { mini: 200 },
      inference: { url: "http://127.0.0.1:8788", secret: "s" },
    });
    expect([...settings.publicHosts]).toEqual([
      ["us", "us.example.com"],
      ["eu", "eu.example.com"],
    ]);
  });

  it.each([
    ["us", "", ["global"]],
    ["eu", "", ["eu"]],
    ["ap", "", ["ap"]],
    ["moon", "", ["global"]],
    ["us", "us", ["us"]],
    ["eu", "eu, us", ["eu", "us"]],
  ])("of region %s with data regions '%s' admits %j", (region, stated, admitted) => {
    const settings = readSettings({ SHOAL_REGION: region, SHOAL_DATA_REGIONS: stated });
    expect(settings.dataRegions).toEqual(admitted);
  });

  it("names every wrong value at once, so that the operator need not guess", () => {
    const wrong = {
      SHOAL_REGION: "EU-1",
      SHOAL_TOTAL_MS: "soon",
      SHOAL_MAX_BODY_BYTES: "-1",
      SHOAL_LOCAL_CHAT: "yes",
      SHOAL_DATA_REGIONS: "mars",
    };
    for (const name of Object.keys(wrong)) expect(() => readSettings(wrong)).toThrow(name);
  });

  it("refuses an environment without a region", () => {
    expect(() => readSettings({})).toThrow(/SHOAL_REGION/);
  });

  it("waits for a planner as long as the operator says, and knows whose it is", () => {
    expect(plannerOf({})).toBeNull();
    expect(plannerOf({ SHOAL_PLANNER: "none" })).toBeNull();
    expect(plannerOf({ SHOAL_PLANNER: "conductor" })).toEqual({ worker: null, ms: 20_000 });
    expect(plannerOf({ SHOAL_PLANNER: "north/a@low" })).toEqual({ worker: "north/a@low", ms: 20_000 });
    expect(plannerOf({ SHOAL_PLANNER: "north/a", SHOAL_PLANNER_MS: "7" })).toEqual({ worker: "north/a", ms: 7 });
    expect(() => plannerOf({ SHOAL_PLANNER: "somebody" })).toThrow("is not none, conductor or <provider>/<model>");
  });
});
