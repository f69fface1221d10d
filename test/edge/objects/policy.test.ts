import { describe, expect, it } from "vitest";
import { policySchema, recordOf, type Policy } from "../../../edge/objects/tenant/policy.ts";
import { scopes } from "../../../edge/objects/records.ts";

const recordFor = (policy: Policy, tenant: Policy = {}) => recordOf({ id: "key00001", name: "a key", policy }, tenant);

describe("a key's policy", () => {
  it("allows everything when nothing is said", () => {
    expect(recordFor({})).toEqual({
      keyId: "key00001",
      name: "a key",
      scopes,
      allowedModels: null,
      allowedWorkers: null,
      allowedVendors: null,
      allowedDataRegions: null,
      preference: null,
      outputCap: null,
      tokensPerMinute: null,
      hasBudget: false,
      rollout: { mode: "on", canaryPercent: 0, baseline: null },
      cacheSeconds: null,
      exploration: 0,
    });
  });

  it("narrows its tenant's lists and caps, and never widens them", () => {
    const tenant: Policy = { allowed_workers: ["north/a", "north/b"], max_output_tokens: 500, scopes: ["answers"] };
    const record = recordFor({ allowed_workers: ["north/b", "north/c"], max_output_tokens: 900 }, tenant);
    expect(record).toMatchObject({ allowedWorkers: ["north/b"], outputCap: 500, scopes: ["answers"] });
  });

  it("goes before its tenant's in how it is served", () => {
    const tenant: Policy = { mode: "shadow", baseline: "north/a", preference: "economy", cache: { ttl_seconds: 60 } };
    const record = recordFor({ mode: "canary:10", preference: "quality" }, tenant);
    expect(record).toMatchObject({
      rollout: { mode: "canary", canaryPercent: 10, baseline: "north/a" },
      preference: "quality",
      cacheSeconds: 60,
    });
  });

  it("is served by its own baseline where the tenant is switched off", () => {
    const record = recordFor({ mode: "on", baseline: "north/b" }, { mode: "off", baseline: "north/a" });
    expect(record.rollout).toEqual({ mode: "off", canaryPercent: 0, baseline: "north/b" });
  });

  it("has a budget when dollars are limited at either", () => {
    expect(recordFor({ limits: { usd_per_day: 0 } }).hasBudget).toBe(true);
    expect(recordFor({}, { limits: { usd_per_month: 5 } }).hasBudget).toBe(true);
    expect(recordFor({}, { limits: { requests_per_minute: 5 } }).hasBudget).toBe(false);
  });

  it.each(["canary:101", "canary:-1", "canary:1.5", "canary", "half"])("refuses the mode %s", (mode) => {
    expect(policySchema.safeParse({ mode }).success).toBe(false);
  });
});
