import type { Decision } from "../../shared/decision.ts";
import type { Exploration } from "../../shared/exploration.ts";
import type { ChatRequest } from "../../shared/chat.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import type { Plan } from "../../shared/plan.ts";
import type { Preference } from "../../shared/preference.ts";
import { plannerFallback, type PlannerFallback } from "../../shared/planner/settle.ts";
import type { InputTokens } from "../../shared/tokens.ts";
import type { Writing } from "../../shared/planner/job.ts";
import type { Member } from "../pool/pool.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";
import type { PlanSource } from "../account/trace.ts";
import type { KeyRecord } from "../objects/records.ts";

/** Why the edge head decided in the conductor's place; `planner_`: why a workflow has the fixed shape. */
export type Fallback = "late" | "failed" | "invalid" | "not_configured" | PlannerFallback;

export type Planned = {
  readonly decision: Decision;
  readonly source: PlanSource;
  readonly fallback: Fallback | null;
  /** How likely each worker was to be chosen; absent where none was drawn. */
  readonly exploration?: Exploration;
  /** A planner is still to write the workflow; until then the plan is the fixed shape. */
  readonly unwritten?: true;
  /** What came of asking the planner; absent where none was, or not yet. */
  readonly writing?: Writing;
  /** What came of asking it for one more round; `plan`: null where the answer stayed as it was. */
  readonly revision?: { readonly plan: Plan | null; readonly writing: Writing };
};

/** The steps that traces and the ledger have of a hosted planner's calls, one a round. */
export const plannerSteps = ["plan", "plan_2"] as const;

/** How the request was planned, after what a planner has come to. */
export const withWritten = (
  planned: Planned,
  { round, plan, reason, writing }: Extract<AnswerEvent, { type: "written" }>,
): Planned => {
  const { unwritten: _, ...rest } = planned;
  const decision = { ...planned.decision, reason: `${planned.decision.reason}; ${reason}` };
  if (round === 2) return { ...rest, decision, revision: { plan, writing } };
  const fallback = planned.fallback ?? plannerFallback(writing);
  return { ...rest, decision: { ...decision, ...(plan && { plan }) }, fallback, writing };
};

/** The same after all of these events. */
export const afterEvents = (planned: Planned, events: readonly AnswerEvent[]): Planned =>
  events.reduce((now, event) => (event.type === "written" ? withWritten(now, event) : now), planned);

export type PlanInput = {
  readonly chat: ChatRequest;
  readonly choice: ModelChoice;
  readonly pool: readonly Member[];
  readonly input: InputTokens;
  readonly preference: Preference;
  /** The worker that the conversation is with; null when there is none. */
  readonly affinityWorker: string | null;
  readonly grant: { readonly record: Pick<KeyRecord, "bias" | "exploration" | "rollout"> };
};
