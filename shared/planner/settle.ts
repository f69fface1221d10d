import { tellShape } from "../decide.ts";
import type { Decision, PlanRequest } from "../decision.ts";
import { isDirect, type Plan, type Step, type Workflow } from "../plan.ts";
import { readRevision, readWrittenPlan, type ReadPlan } from "./read.ts";
import type { Unwritten, Writing, WritingOutcome } from "./outcome.ts";

/** What asking a planner took. */
export type WritingCall = Pick<Writing, "by" | "inputTokens" | "outputTokens" | "ms">;

/** A planner's text, and the workers by the ordinals that it was shown. */
export type PlannerText = { readonly text: string; readonly workers: readonly string[] };

/** What is to be run after a planner was asked, why in plain words, and what came of it. */
export type Settled<P extends Plan | null = Plan> = {
  readonly plan: P;
  readonly reason: string;
  readonly writing: Writing;
};

/** Whether a planner is to write this decision's workflow: a team is worth it, and there is a planner. */
export const wantsWriting = ({ plan }: Decision, { planner }: Pick<PlanRequest, "planner">): boolean =>
  planner !== undefined && plan.kind === "workflow" && !isDirect(plan);

/** The workflow that a planner wrote; `fixed` where that cannot be read. */
export const settleWritten = ({ text, workers }: PlannerText, fixed: Plan, call: WritingCall): Settled => {
  const read = readWrittenPlan(text, workers);
  if (!read.ok) return settleUnwritten("invalid", fixed, call, [read.error]);
  const { workflow } = read.value;
  return {
    plan: workflow,
    reason: tellWritten(workflow, read.value),
    writing: writingOf("written", call, read.value),
  };
};

/** The fixed shape, and why. */
export const settleUnwritten = (
  outcome: Unwritten,
  fixed: Plan,
  call: WritingCall,
  problems: readonly string[] = [],
): Settled => ({
  plan: fixed,
  reason: `${causes[outcome]}: ${tellShape(fixed)}`,
  writing: writingOf(outcome, call, { repairs: problems, unused: 0 }),
});

/** The workflow that revises the answer of a step; none where what the planner wrote cannot be read, or keeps it. */
export const settleRevised = (
  { text, workers }: PlannerText,
  answered: Pick<Step, "id">,
  call: WritingCall,
): Settled<Workflow | null> => {
  const read = readRevision(text, workers, answered);
  if (!read.ok) return settleUnrevised("invalid", call, [read.error]);
  const { workflow } = read.value;
  return {
    plan: workflow,
    reason: workflow === null ? "the planner keeps the answer" : `one more round: ${tellWritten(workflow, read.value)}`,
    writing: writingOf(workflow === null ? "kept" : "written", call, read.value),
  };
};

/** The answer as it is, and why. */
export const settleUnrevised = (
  outcome: Unwritten,
  call: WritingCall,
  problems: readonly string[] = [],
): Settled<null> => ({
  plan: null,
  reason: `no second round: ${causes[outcome]}`,
  writing: writingOf(outcome, call, { repairs: problems, unused: 0 }),
});

type Read = Pick<ReadPlan, "repairs" | "unused">;

const tellWritten = ({ steps }: Workflow, { repairs }: Read): string => {
  const shape = steps.length === 1 ? "one call" : `a workflow of ${steps.length} steps`;
  return `${shape}, written by the planner${repairs.length === 0 ? "" : `, put right in ${repairs.length} places`}`;
};

const most = { problems: 32, characters: 300 } as const;

const writingOf = (outcome: WritingOutcome, call: WritingCall, { repairs, unused }: Read): Writing => ({
  ...call,
  outcome,
  problems: repairs.slice(0, most.problems).map((problem) => problem.slice(0, most.characters)),
  unused,
});

const causes: Readonly<Record<Unwritten, string>> = {
  late: "the planner is not done in time",
  invalid: "the planner's workflow cannot be used",
  failed: "the planner failed",
  not_available: "no planner is available",
  unaffordable: "the planner's work would pass a limit or the budget",
  canceled: "the client has left",
};
