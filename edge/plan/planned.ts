import type { Decision, Writing } from "../../shared/decision.ts";
import type { Exploration } from "../../shared/exploration.ts";
import type { ChatRequest } from "../../shared/chat.ts";
import type { Preference } from "../../shared/preference.ts";
import type { InputTokens } from "../../shared/tokens.ts";
import type { Member } from "../pool/pool.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";
import type { PlanSource } from "../account/trace.ts";
import type { KeyRecord } from "../objects/records.ts";

/** Why the edge head decided in the conductor's place; `planner_`: why a workflow has the fixed shape. */
export type Fallback = "late" | "failed" | "invalid" | "not_configured" | PlannerFallback;

export type PlannerFallback = `planner_${Exclude<Writing["outcome"], "written">}`;

export type Planned = {
  readonly decision: Decision;
  readonly source: PlanSource;
  readonly fallback: Fallback | null;
  /** How likely each worker was to be chosen; absent where none was drawn. */
  readonly exploration?: Exploration;
  /** A hosted planner is still to write the workflow; until then the plan is the fixed shape. */
  readonly unwritten?: true;
};

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
