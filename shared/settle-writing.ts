import { tellShape } from "./decide.ts";
import type { Decision, PlanRequest, Writing } from "./decision.ts";
import { isDirect } from "./plan.ts";
import { readWrittenPlan } from "./written-plan.ts";

/** What asking a planner took. */
export type WritingCall = Pick<Writing, "by" | "inputTokens" | "outputTokens" | "ms">;

/** A planner that was not asked, or of whose call nothing is known. */
export const uncalled = (by: string): WritingCall => ({ by, inputTokens: 0, outputTokens: 0, ms: 0 });

/** Whether a planner is to write this decision's workflow: a team is worth it, and there is a planner. */
export const wantsWriting = ({ plan }: Decision, { planner }: Pick<PlanRequest, "planner">): boolean =>
  planner !== undefined && plan.kind === "workflow" && !isDirect(plan);

/** The decision with the workflow that a planner wrote; as it is where that cannot be read. `workers`: by ordinal. */
export const withWriting = (
  decision: Decision,
  { text, workers, call }: { readonly text: string; readonly workers: readonly string[]; readonly call: WritingCall },
): Decision => {
  const read = readWrittenPlan(text, workers);
  if (!read.ok) return withoutWriting(decision, "invalid", call, [read.error]);
  const { workflow, repairs, unused } = read.value;
  const steps = workflow.steps.length === 1 ? "one call" : `a workflow of ${workflow.steps.length} steps`;
  const repaired = repairs.length === 0 ? "" : `, put right in ${repairs.length} places`;
  return {
    ...decision,
    plan: workflow,
    reason: `${decision.reason}; ${steps}, written by the planner${repaired}`,
    writing: { ...call, outcome: "written", problems: repairs.slice(0, maxProblems), unused },
  };
};

/** As the schema has it. */
const maxProblems = 32;

/** The decision in its fixed shape, and why. */
export const withoutWriting = (
  decision: Decision,
  outcome: Exclude<Writing["outcome"], "written">,
  call: WritingCall,
  problems: readonly string[] = [],
): Decision => ({
  ...decision,
  reason: `${decision.reason}; ${causes[outcome]}: ${tellShape(decision.plan)}`,
  writing: { ...call, outcome, problems: problems.map((problem) => problem.slice(0, 300)), unused: 0 },
});

const causes: Readonly<Record<Exclude<Writing["outcome"], "written">, string>> = {
  late: "the planner is not done in time",
  invalid: "the planner's workflow cannot be used",
  failed: "the planner failed",
  not_available: "no planner is available",
};
