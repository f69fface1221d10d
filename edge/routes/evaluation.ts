import type { Estimate, Evaluation } from "../../shared/doubly-robust.ts";
import type { Grant } from "../admit.ts";
import type { Context } from "../runtime/context.ts";

/**
 * `GET /v1/evaluation`: what scored answers say of the conductor beside the tenant's baseline, with intervals of 95 %.
 * Without logged propensities, or where the baseline could not have been drawn, it says why there is no number.
 */
export const tellEvaluation = async (
  { identity: { tenant }, record }: Grant,
  { objects }: Pick<Context, "objects">,
): Promise<object> => {
  const { baseline } = record.rollout;
  if (baseline === null) {
    const reason = "neither the key nor its tenant names a baseline to compare with";
    return { object: "evaluation", baseline, identified: false, reason };
  }
  return writeEvaluation(await objects.tenantLog(tenant).evaluate(baseline), baseline);
};

const writeEvaluation = (evaluation: Evaluation, baseline: string): object => {
  const { answers, usable, identified } = evaluation;
  return {
    object: "evaluation",
    baseline,
    method: "doubly robust",
    scored_answers: answers,
    used_answers: usable,
    identified,
    ...(identified
      ? {
          policies: {
            conductor: writeEstimate(evaluation.conductor),
            baseline: writeEstimate(evaluation.baseline),
          },
          difference: writeInterval(evaluation.difference),
        }
      : { reason: evaluation.reason }),
  };
};

const writeInterval = ({ value, low, high, standardError }: Omit<Estimate, "effectiveSampleSize">) => ({
  score: round(value),
  low: round(low),
  high: round(high),
  standard_error: round(standardError),
});

const writeEstimate = (estimate: Estimate) => ({
  ...writeInterval(estimate),
  effective_sample_size: Math.round(10 * estimate.effectiveSampleSize) / 10,
});

const round = (score: number): number => Math.round(score * 10_000) / 10_000;
