import type { Told } from "../../shared/events.ts";
import type { Plan, Step, Workflow } from "../../shared/plan.ts";
import type { PlannerTask } from "../../shared/planner/task.ts";
import {
  settleRevised,
  settleUnrevised,
  settleUnwritten,
  settleWritten,
  type PlannerText,
  type Settled,
  type WritingCall,
} from "../../shared/planner/settle.ts";
import { figuresOf } from "../../shared/planner/prompt.ts";
import { toFirstRound, type Figures, type PlannerJob } from "../../shared/planner/job.ts";
import type { Unwritten } from "../../shared/planner/outcome.ts";
import type { Clock } from "../runtime/clock.ts";

/** A planner's text, or why there is none; and the tokens of its call. */
export type Asked = ({ readonly text: string } | { readonly refusal: Unwritten }) & {
  readonly inputTokens: number;
  readonly outputTokens: number;
};

/** Calls a planner; gives the accounting of the call as it comes. */
export type AskPlanner = (job: PlannerJob, signal: AbortSignal) => Told<Asked>;

/** Who writes the workflows of one request. */
export type Planner = {
  /** A worker's id, or `conductor`. */
  readonly by: string;
  /** How long a workflow is waited for. */
  readonly waitMs: number;
  readonly task: PlannerTask;
  /** By the ordinals that it is shown. */
  readonly workers: readonly ({ readonly worker: string } & Figures)[];
  readonly ask: AskPlanner;
  /**
   * Sets dollars aside for a plan that is to be run; false where they cannot be had. `given`: steps whose results are
   * there already.
   */
  readonly cover: (plan: Plan, given: readonly Step[]) => Promise<boolean>;
  readonly clock: Clock;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
};

/** What is run in the first round; `text`: the planner's own words, null where it has the fixed shape. */
export type FirstPlan = { readonly plan: Plan; readonly text: string | null };

/**
 * Has a planner write the workflow of a decision that wants one. Late, failed, invalid, not available or unaffordable:
 * the fixed shape. Never fails; the last event says what came of it.
 */
export async function* writeWorkflow(fixed: Plan, planner: Planner): Told<FirstPlan> {
  const { asked, call } = yield* askInTime(jobOf(planner), planner);
  if (!("text" in asked)) return yield* tellFirst(settleUnwritten(asked.refusal, fixed, call), null);
  const settled = settleWritten(toText(asked, planner), fixed, call);
  if (settled.writing.outcome !== "written") return yield* tellFirst(settled, null);
  if (await planner.cover(settled.plan, [])) return yield* tellFirst(settled, asked.text);
  return yield* tellFirst(settleUnwritten("unaffordable", fixed, call), null);
}

/** What the first round gave: the planner's words, the step that answered, and its answer. */
export type Answered = { readonly plan: string; readonly step: Step; readonly answer: string };

/**
 * Conductor's recursion (arXiv 2512.04388, figure 14): shows the planner the answer, and has it write one workflow that
 * revises it. Null where the answer stays as it is: it is right already, or there is no such workflow.
 */
export async function* writeRevision({ plan, step, answer }: Answered, planner: Planner): Told<Workflow | null> {
  const first = toFirstRound(plan, answer);
  if (first === null) return yield* tellRevised(settleUnrevised("invalid", uncalled(planner), [tooLong]));
  const { asked, call } = yield* askInTime({ ...jobOf(planner), first }, planner);
  if (!("text" in asked)) return yield* tellRevised(settleUnrevised(asked.refusal, call));
  const settled = settleRevised(toText(asked, planner), step, call);
  if (settled.plan === null || (await planner.cover(settled.plan, [step]))) return yield* tellRevised(settled);
  return yield* tellRevised(settleUnrevised("unaffordable", call));
}

const tooLong = "the first workflow is too long to be shown again";

const uncalled = ({ by }: Planner): WritingCall => ({ by, inputTokens: 0, outputTokens: 0, ms: 0 });

const jobOf = ({ task, workers }: Planner): PlannerJob => ({ task, workers: workers.map(figuresOf) });

const toText = ({ text }: { readonly text: string }, { workers }: Planner): PlannerText => ({
  text,
  workers: workers.map(({ worker }) => worker),
});

async function* askInTime(
  job: PlannerJob,
  { by, waitMs, ask, clock, signal }: Planner,
): Told<{ readonly asked: Asked; readonly call: WritingCall }> {
  const late = new AbortController();
  const cancel = clock.after(waitMs, () => late.abort());
  const start = clock.now();
  const asked = yield* ask(job, late.signal);
  cancel();
  const { inputTokens, outputTokens } = asked;
  const call = { by, inputTokens, outputTokens, ms: clock.now() - start };
  if (signal.aborted) return { asked: { refusal: "canceled", inputTokens, outputTokens }, call };
  const isLate = late.signal.aborted && "refusal" in asked && asked.refusal === "failed";
  return { asked: isLate ? { ...asked, refusal: "late" } : asked, call };
}

async function* tellFirst(settled: Settled, text: string | null): Told<FirstPlan> {
  yield [{ type: "written", round: 1, ...settled }];
  return { plan: settled.plan, text };
}

async function* tellRevised(settled: Settled<Workflow | null>): Told<Workflow | null> {
  yield [{ type: "written", round: 2, ...settled }];
  return settled.plan;
}
