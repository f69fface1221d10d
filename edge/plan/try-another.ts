import { usesTools } from "../../shared/chat.ts";
import { explore } from "../../shared/exploration.ts";
import { directPlan, isDirect } from "../../shared/plan.ts";
import type { Planned, PlanInput } from "./planned.ts";

/**
 * Of a key that explores: draws the worker of a Mini plan, so that what is scored later says something of the others
 * too. How likely each was is kept with every decision, whatever the draw gave. Turns with tools stay where they are.
 */
export const tryAnother = (
  planned: Planned,
  { chat, choice, grant }: Pick<PlanInput, "chat" | "choice" | "grant">,
  { random }: { readonly random: () => number },
): Planned => {
  const { exploration: share, rollout } = grant.record;
  const { decision } = planned;
  const isMini = choice.kind === "tier" && choice.tier === "mini" && isDirect(decision.plan) && !usesTools(chat);
  const exploration =
    share > 0 && isMini ? explore(decision.scores, { share, baseline: rollout.baseline }, random()) : null;
  if (!exploration) return planned;
  if (!exploration.explored) return { ...planned, exploration };
  const count = Object.keys(exploration.propensities).length;
  const reason = `${decision.reason}; explored: drawn among the ${count} workers worth it`;
  return { ...planned, decision: { ...decision, plan: directPlan(exploration.worker), reason }, exploration };
};
