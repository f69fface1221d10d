import { describe, expect, it } from "vitest";
import * as z from "zod";
import { patchPolicy, policyPatchShape } from "../../../edge/objects/tenant/policy-patch.ts";
import { policySchema, type Policy } from "../../../edge/objects/tenant/policy.ts";

const policy: Policy = { preference: "quality", limits: { usd_per_month: 5, concurrency: 2 } };
const schema = z.strictObject(policyPatchShape);

describe("a change of a policy", () => {
  it("leaves what it does not name, and deletes what is null", () => {
    expect(patchPolicy(policy, { preference: null, baseline: "north/a" })).toEqual({
      limits: { usd_per_month: 5, concurrency: 2 },
      baseline: "north/a",
    });
  });

  it("changes limits one by one", () => {
    expect(patchPolicy(policy, { limits: { concurrency: null, usd_per_day: 1 } }).limits).toEqual({
      usd_per_month: 5,
      usd_per_day: 1,
    });
    expect(patchPolicy(policy, { limits: null })).toEqual({ preference: "quality" });
  });

  it("may set every field of a policy to null, and no other", () => {
    const fields = Object.keys(policySchema.shape);
    expect(schema.safeParse(Object.fromEntries(fields.map((field) => [field, null]))).success).toBe(true);
    expect(schema.safeParse({ colour: null }).success).toBe(false);
  });

  it("is refused where the policy itself would be", () => {
    expect(schema.safeParse({ mode: "half" }).success).toBe(false);
    expect(schema.safeParse({ limits: { usd_per_month: -1 } }).success).toBe(false);
  });
});
