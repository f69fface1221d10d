import { isDirect, workersOf, type Plan } from "../../shared/plan.ts";
import type { Context } from "../runtime/context.ts";
import type { Planned } from "../plan/plan.ts";

/** Headers of every response. The request's id has two names: clients of one family each read theirs. */
export const baseHeaders = ({ requestId, timing }: Pick<Context, "requestId" | "timing">): Record<string, string> => ({
  "x-request-id": requestId,
  "request-id": requestId,
  "server-timing": timing.header(),
});

/** Headers of an answer: who was chosen, by whom. */
export const answerHeaders = (planned: Planned, context: Context): Record<string, string> => ({
  ...baseHeaders(context),
  "x-shoal-plan": describePlan(planned),
});

const describePlan = ({ decision, source, fallback }: Planned): string =>
  [
    `${kindOf(decision.plan)} ${workersOf(decision.plan).join(",")}`,
    `source=${source}`,
    ...(fallback === null ? [] : [`fallback=${fallback}`]),
  ].join("; ");

const kindOf = (plan: Plan): string => (isDirect(plan) ? "direct" : plan.kind);
