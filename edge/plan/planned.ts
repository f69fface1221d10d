import type { Decision } from "../../shared/decision.ts";
import type { Exploration } from "../../shared/exploration.ts";
import type { ChatRequest } from "../../shared/chat.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import type { Plan } from "../../shared/plan.ts";
import type { Preference } from "../../shared/preference.ts";
import { afterWriting, type PlannerFallback, type Writing } from "../../shared/planner/outcome.ts";
import type { InputTokens } from "../../shared/tokens.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import type { Member } from "../pool/pool.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";
import type { PlanSource } from "../account/trace.ts";
import type { KeyRecord } from "../objects/records.ts";
import type { PlannerSetting } from "../runtime/settings.ts";

/** Why the edge head decided in the conductor's place; `planner_`: why a workflow has the fixed shape. */
export type Fallback = "late" | "failed" | "invalid" | "not_configured" | PlannerFallback;

export type Planned = {
  readonly decision: Decision;
  readonly source: PlanSource;
  readonly fallback: Fallback | null;
  /** How likely each worker was to be chosen; absent where none was drawn. */
  readonly exploration?: Exploration;
  /** The planner that is still to write the workflow; until then the plan is the fixed shape. */
  readonly unwritten?: PlannerSetting;
  /** What came of asking the planner; absent where none was, or not yet. */
  readonly writing?: Writing;
  /** What came of asking it for one more round; `plan`: null where the answer stayed as it was. */
  readonly revision?: { readonly plan: Plan | null; readonly writing: Writing };
};

/** The steps that traces and the ledger have of a hosted planner's calls, one a round. */
export const plannerSteps = ["plan", "plan_2"] as const;

/** How the request was planned, after what a planner has come to. */
export const withWritten = (planned: Planned, event: Extract<AnswerEvent, { type: "written" }>): Planned => {
  const { unwritten: _, ...rest } = planned;
  const { round, plan, writing } = event;
  const { reason, fallback } = afterWriting({ reason: rest.decision.reason, fallback: rest.fallback }, event);
  const decision = { ...rest.decision, reason };
  if (round === 2) return { ...rest, decision, fallback, revision: { plan, writing } };
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
  /** Rounds of workflows that it may take. */
  readonly rounds: number;
  /** The worker that the conversation is with; null when there is none. */
  readonly affinityWorker: string | null;
  readonly grant: { readonly record: Pick<KeyRecord, "bias" | "exploration" | "rollout"> };
  /** The card of a hosted planner; null where it cannot be asked. */
  readonly plannerCard: (id: string) => WorkerCard | null;
};
