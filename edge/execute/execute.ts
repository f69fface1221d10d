import type { Plan } from "../../shared/plan.ts";
import { teamOf } from "../../shared/team.ts";
import type { Events, ExecuteDeps } from "./answer.ts";
import { runBallot } from "./ballot.ts";
import { runTeam } from "./team.ts";
import { runWorkflow } from "./workflow.ts";

export type { Events, ExecuteDeps };

/**
 * Runs a plan and gives the answer's events as they come, with those of inner steps among them. The last event is `end`
 * or `error`, unless the client has left. Upstream trouble is data; nothing is thrown for it.
 */
export const execute = (plan: Plan, deps: ExecuteDeps): Events => {
  if (plan.kind === "ballot") return runBallot(plan, deps);
  const team = teamOf(plan);
  return team ? runTeam(team, deps) : runWorkflow(plan, deps);
};
