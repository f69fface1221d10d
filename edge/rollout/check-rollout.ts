import type { ShoalError } from "../../shared/errors.ts";
import { recordOf, type Policy } from "../objects/tenant/policy.ts";
import { allowsWorker } from "../pool/allowed.ts";

/**
 * Whether a mode can be served as a policy has it: with a baseline wherever that may serve, and one that is allowed.
 * `own`: a key's, which goes before its tenant's. The error names the field.
 */
export const checkRollout = (tenant: Policy, own: Policy = {}): ShoalError | null => {
  const record = recordOf({ id: "", name: "", policy: own }, tenant);
  const { mode, baseline } = record.rollout;
  if (mode === "on") return null;
  if (baseline === null) {
    const message = `mode '${mode}' serves a baseline: name one, as 'baseline'`;
    return { kind: "invalid_request", param: "baseline", message };
  }
  if (!allowsWorker(record, baseline)) {
    const message = `'baseline': '${baseline}' is not among the allowed_workers`;
    return { kind: "invalid_request", param: "baseline", message };
  }
  return null;
};
