import { newResults, usesTools, type ChatRequest } from "../../shared/chat.ts";
import type { Decision, Score } from "../../shared/decision.ts";
import { answererOf } from "../../shared/plan.ts";
import type { Preference } from "../../shared/preference.ts";
import { teamPlan } from "../../shared/team.ts";
import type { Member } from "../pool/pool.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";

export type TeamInput = {
  readonly chat: ChatRequest;
  readonly choice: ModelChoice;
  readonly pool: readonly Member[];
  readonly preference: Pick<Preference, "name">;
};

/**
 * Ultra with tools: gives the worker that the decision chose a partner, who plans when a task begins and checks the
 * answer that ends it. The decision stays as it is where there is nothing for a partner to do (another tier, no tools,
 * the client demands a call or leaves the answer's beginning to be continued), where nobody else can, or where the
 * client prefers economy. `scores`: of the pool, best first, asked only when needed.
 */
export const formTeam = (decision: Decision, input: TeamInput, scores: () => readonly Score[]): Decision => {
  if (!isTeamwork(input)) return decision;
  const actor = answererOf(decision.plan);
  const partner = partnerOf(actor, input.pool, scores);
  if (partner === null) return decision;
  const begins = newResults(input.chat.messages).length === 0;
  return {
    ...decision,
    plan: teamPlan({ actor, partner, begins }),
    reason: `${decision.reason}; another worker ${begins ? "plans, and " : ""}checks the answer`,
  };
};

const isTeamwork = ({ chat, choice, preference }: TeamInput): boolean =>
  choice.kind === "tier" &&
  choice.tier === "ultra" &&
  preference.name !== "economy" &&
  usesTools(chat) &&
  (chat.toolChoice === "auto" || chat.toolChoice === "none") &&
  chat.messages.at(-1)?.role !== "assistant";

/** The best of another provider, else the best other worker: who is unlike the first sees what that one overlooks. */
const partnerOf = (actor: string, pool: readonly Member[], scores: () => readonly Score[]): string | null => {
  const providers = new Map(pool.map(({ worker, provider }) => [worker.card.id, provider.name]));
  if (pool.every(({ worker }) => worker.card.id === actor)) return null;
  const ranked = scores().filter(({ worker }) => worker !== actor && providers.has(worker));
  const unlike = ranked.find(({ worker }) => providers.get(worker) !== providers.get(actor));
  return (unlike ?? ranked[0])?.worker ?? null;
};
