/**
 * What came of asking a planner: `written`; `kept`: it leaves the answer as it is; or why there is no workflow of its:
 * `late` (or it would have been), `invalid`, `failed`, `not_available` (none is ready, or none can take the request),
 * `unaffordable` (its call, or what it wrote, would pass a limit or the budget), `canceled` (the client has left).
 */
export type WritingOutcome = "written" | "kept" | Unwritten;

/** Why no workflow of a planner's is run. */
export type Unwritten = "late" | "invalid" | "failed" | "not_available" | "unaffordable" | "canceled";

export type Writing = {
  /** Who was asked: a worker's id, or `conductor` for the inference service's own model. */
  readonly by: string;
  readonly outcome: WritingOutcome;
  /** What was wrong with the plan, put right or not. */
  readonly problems: readonly string[];
  /** Steps that were left out, since the answer did not rest on them. */
  readonly unused: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ms: number;
};

/** Why a workflow has the fixed shape, as traces and headers say it. */
export type PlannerFallback = `planner_${Exclude<Unwritten, "canceled">}`;

const fallbackOf = ({ outcome }: Pick<Writing, "outcome">): PlannerFallback | null =>
  outcome === "written" || outcome === "kept" || outcome === "canceled" ? null : `planner_${outcome}`;

/** What is told of a decision: why it was made, and whether in another's place. */
type Account<Fallback> = { readonly reason: string; readonly fallback: Fallback | null };

/** The same after a planner was asked. That a second round did not come about is no fallback: the first has answered. */
export const afterWriting = <Fallback>(
  { reason, fallback }: Account<Fallback>,
  written: { readonly round: 1 | 2; readonly reason: string; readonly writing: Writing },
): Account<Fallback | PlannerFallback> => ({
  reason: `${reason}; ${written.reason}`,
  fallback: written.round === 2 ? fallback : (fallback ?? fallbackOf(written.writing)),
});
