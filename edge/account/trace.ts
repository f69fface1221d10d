import type { Score, Tier } from "../../shared/decision.ts";
import type { WireError } from "../../shared/errors.ts";
import type { Exploration } from "../../shared/exploration.ts";
import type { SkipReason, StepOutcome } from "../../shared/events.ts";
import type { Usage, UsageSource } from "../../shared/usage.ts";
import type { WritingOutcome } from "../../shared/planner/outcome.ts";
import type { Rollout } from "../rollout/rollout.ts";
import type { Shadow } from "../rollout/shadow.ts";

/**
 * Who chose: the conductor, the edge head in its place, the conversation so far, the owner of a tool call, or the client;
 * nobody for an answer from the cache.
 */
export type PlanSource = "conductor" | "edge_head" | "affinity" | "tool_owner" | "client" | "cache" | "baseline";

/** Without the message: a vendor's may quote the request. */
export type TraceError = Pick<WireError, "status" | "type" | "code">;

export type TraceStep = {
  readonly step: string;
  readonly worker: string;
  readonly role: string;
  /** Milliseconds since the request arrived. */
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly outcome: StepOutcome | null;
  /** Why it never started; absent where it did. */
  readonly skipped?: SkipReason;
  readonly error: TraceError | null;
  readonly usage: Usage | null;
  readonly cost_usd: number | null;
};

/** What came of asking a planner. `by`: a worker, or `conductor` for the inference service's own model. */
export type PlannerTrace = {
  readonly by: string;
  readonly outcome: WritingOutcome;
  /** What was wrong with its workflow, put right or not. */
  readonly problems: readonly string[];
  readonly unused_steps: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly ms: number;
};

/** The same of one more round. `workers`: who revised, nobody where the answer stayed as it was. */
export type RevisionTrace = PlannerTrace & { readonly workers: readonly string[] };

/** How one request was answered, as `GET /v1/traces/{id}` shows it. Holds no word of the prompt or the answer. */
export type Trace = {
  readonly id: string;
  readonly object: "trace";
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly tenant: string;
  readonly key_id: string;
  readonly region: string;
  readonly model: string;
  readonly tier: Tier | null;
  readonly stream: boolean;
  readonly status: "complete" | "aborted" | "failed";
  readonly error: TraceError | null;
  /** The worker whose words were the answer. */
  readonly worker: string | null;
  /** The vendor's own name of the model that wrote the answer; null when it named none. */
  readonly upstream_model: string | null;
  readonly plan: {
    readonly source: PlanSource;
    /**
     * Why the conductor's word was not used: `late`, `failed`, `invalid` or `not_configured`, and after `planner_` why the
     * planner's was not; null when both were.
     */
    readonly fallback: string | null;
    readonly kind: "workflow" | "ballot";
    readonly workers: readonly string[];
    readonly reason: string;
    readonly task_type: { readonly name: string; readonly probability: number } | null;
    readonly support: number | null;
    readonly weights: string | null;
    readonly scores: readonly Score[];
    /** How likely each worker was to be chosen; absent where none was drawn. */
    readonly exploration?: Exploration;
    /** Absent where no planner was asked for a workflow. */
    readonly planner?: PlannerTrace;
    /** Absent where it was not asked for one more round. */
    readonly revision?: RevisionTrace;
  };
  /** Which arm served, and what the conductor would have done where it was asked behind; absent where there are no arms. */
  readonly rollout?: Rollout & { readonly shadow?: Shadow };
  readonly steps: readonly TraceStep[];
  readonly cost_usd: number | null;
  readonly usage_source: UsageSource;
  /** Milliseconds since arrival at which each phase had ended; null when it was not reached. */
  readonly timing: Readonly<Record<string, number | null>>;
};
