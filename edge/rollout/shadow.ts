import type { Decision } from "../../shared/decision.ts";
import { answererOf, type Plan, workersOf } from "../../shared/plan.ts";

/** What the conductor would have done with a request that the baseline served, as the trace tells it. No worker was asked. */
export type Shadow =
  | {
      readonly kind: Plan["kind"];
      readonly worker: string;
      readonly workers: readonly string[];
      readonly source: string;
      readonly reason: string;
      /** Expected quality of the worker that would have answered, and of the baseline; null where nothing is known. */
      readonly quality: number | null;
      readonly baseline_quality: number | null;
      /** Dollars of the calls that are sure to be made; null where a price is unknown. */
      readonly cost_usd: number | null;
      /** Dollars of all calls that may be made. */
      readonly max_cost_usd: number | null;
      readonly baseline_cost_usd: number | null;
      /** Expected milliseconds of the worker that would have answered. */
      readonly latency_ms: number | null;
    }
  /** Nobody in the pool could have answered: the error's code. */
  | { readonly error: string };

/** `source`: who decided. */
export const toShadow = (
  { decision, source }: { readonly decision: Decision; readonly source: string },
  baseline: string,
): Shadow => {
  const { plan, reason } = decision;
  const worker = answererOf(plan);
  const { cost, most } = foresee(decision);
  return {
    kind: plan.kind,
    worker,
    workers: workersOf(plan),
    source,
    reason,
    quality: scoreOf(decision, worker)?.quality ?? null,
    baseline_quality: scoreOf(decision, baseline)?.quality ?? null,
    cost_usd: cost,
    max_cost_usd: most,
    baseline_cost_usd: scoreOf(decision, baseline)?.costDollars ?? null,
    latency_ms: scoreOf(decision, worker)?.latencyMs ?? null,
  };
};

export const scoreOf = ({ scores }: Pick<Decision, "scores">, worker: string) =>
  scores.find((score) => score.worker === worker);

/** Dollars of a plan as its scores foresee them; what steps see of one another is not counted. */
const foresee = (decision: Decision): { readonly cost: number | null; readonly most: number | null } => {
  const sum = (workers: readonly string[]) =>
    workers.reduce<number | null>((total, worker) => {
      const dollars = scoreOf(decision, worker)?.costDollars ?? null;
      return total === null || dollars === null ? null : total + dollars;
    }, 0);
  return { cost: sum(firstAsked(decision.plan)), most: sum(workersOf(decision.plan)) };
};

/** Of a ballot those in its first wave, of a workflow all. */
const firstAsked = (plan: Plan): readonly string[] =>
  plan.kind === "ballot" ? plan.ballot.order.slice(0, plan.ballot.wave).map(({ worker }) => worker) : workersOf(plan);
