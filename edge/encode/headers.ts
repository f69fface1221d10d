import { isDirect, workersOf, type Plan } from "../../shared/plan.ts";
import { teamOf } from "../../shared/team.ts";
import type { Context } from "../runtime/context.ts";
import type { Planned } from "../plan/planned.ts";
import { rateHeaders } from "./rate-headers.ts";
import type { Rollout } from "../rollout/rollout.ts";

/** Headers of every response. The request's id has two names: clients of one family each read theirs. */
export const baseHeaders = ({
  requestId,
  timing,
  rates,
  clock,
}: Pick<Context, "requestId" | "timing" | "rates" | "clock">): Record<string, string> => ({
  "x-request-id": requestId,
  "request-id": requestId,
  "server-timing": timing.header(),
  ...rateHeaders(rates.read(), clock.now()),
});

/** Headers of an answer: who was chosen, by whom, and in which arm where a key moves from its baseline. */
export const answerHeaders = (
  planned: Planned,
  rollout: Pick<Rollout, "mode" | "arm"> | null,
  context: Parameters<typeof baseHeaders>[0],
): Record<string, string> => ({
  ...baseHeaders(context),
  "x-shoal-plan": [describePlan(planned), ...(rollout ? [`mode=${rollout.mode}`, `arm=${rollout.arm}`] : [])].join(
    "; ",
  ),
});

const describePlan = ({ decision, source, fallback, exploration, unwritten, revision }: Planned): string =>
  [
    // The stream begins before its planner is done: what it will have written, the trace says.
    unwritten ? "planning" : describe(decision.plan),
    `source=${source}`,
    ...(fallback === null ? [] : [`fallback=${fallback}`]),
    ...(exploration?.explored ? ["explored"] : []),
    ...(revision?.plan ? [`revised_by=${workersOf(revision.plan).join(",")}`] : []),
  ].join("; ");

/** Of a team the phases, and who works in each. */
const describe = (plan: Plan): string => {
  const team = teamOf(plan);
  if (!team) return `${isDirect(plan) ? "direct" : plan.kind} ${workersOf(plan).join(",")}`;
  const phases = [team.plan, team.act, team.verify].filter((step) => step !== null);
  return `team ${phases.map(({ id, worker }) => `${id}=${worker}`).join(",")}`;
};
