import * as z from "zod";
import { limitsSchema, policySchema, type Policy } from "./policy.ts";

type Shape = Readonly<Record<string, z.ZodOptional<z.ZodType>>>;

/** The same fields, each of which may also be null. */
const orNull = (shape: Shape): Readonly<Record<string, z.ZodType>> =>
  Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, field.unwrap().nullish()]));

/**
 * A change of a policy, as JSON Merge Patch says it: null deletes a field, of limits each by itself.
 * https://www.rfc-editor.org/rfc/rfc7396
 */
export const policyPatchShape: Readonly<Record<string, z.ZodType>> = {
  ...orNull(policySchema.shape),
  limits: z.strictObject(orNull(limitsSchema.shape)).nullish(),
};

export type PolicyPatch = Readonly<Record<string, unknown>>;

/** Throws for a patch that its schema has not let through. */
export const patchPolicy = (policy: Policy, patch: PolicyPatch): Policy => policySchema.parse(merge(policy, patch));

const merge = (target: unknown, patch: PolicyPatch): Readonly<Record<string, unknown>> => {
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else if (value !== undefined) merged.set(name, isObject(value) ? merge(merged.get(name), value) : value);
  }
  return Object.fromEntries(merged);
};

const isObject = (value: unknown): value is PolicyPatch =>
  typeof value === "object" && value !== null && !Array.isArray(value);
