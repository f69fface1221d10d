/** Everyone who competes; what ships stands first. */
import type { Candidate } from "./candidate.ts";
import { evolvedPolicy } from "./evolved-policy.ts";
import { neighbors } from "./neighbors.ts";
import { policyFromTypes, policyFromZero } from "./policy-gradient.ts";
import { residual, ridge } from "./ridge.ts";
import { softLabels } from "./soft-labels.ts";
import { taskTypes } from "./task-types.ts";

export const candidates: readonly Candidate[] = [
  taskTypes,
  residual,
  ridge,
  softLabels,
  policyFromZero,
  policyFromTypes,
  evolvedPolicy,
  neighbors,
];
