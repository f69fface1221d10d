import type { ChatRequest } from "../../shared/chat.ts";
import { plannerChat, plannerMessages } from "../../shared/planner/prompt.ts";
import { writtenPlanJsonSchema } from "../../shared/planner/read.ts";
import type { PlannerJob } from "../../shared/planner/job.ts";
import { countInput } from "../../shared/tokens.ts";
import type { KeyRecord } from "../objects/records.ts";
import { choosePool, type Member, type PoolDeps } from "./pool.ts";
import { resolveModel } from "./resolve-model.ts";
import type { Roster } from "./roster.ts";

/** What a hosted planner is asked. `boundary`: characters that nobody who wrote what it reads can know. */
export const plannerRequest = ({ model }: Pick<ChatRequest, "model">, job: PlannerJob, boundary: string): ChatRequest =>
  plannerChat({ model, messages: plannerMessages(job, boundary) }, writtenPlanJsonSchema());

/** The worker that is to plan; null where the key may not use it, or it cannot take the request. */
export const findPlanner = (
  id: string,
  asked: ChatRequest,
  { roster, key }: { readonly roster: Roster; readonly key: KeyRecord },
  deps: PoolDeps,
): Member | null => {
  const choice = resolveModel(id, roster, deps.clock.now());
  if (!choice.ok) return null;
  const wanted = { chat: asked, choice: choice.value, key, input: countInput(asked) };
  const pool = choosePool(roster.entries, wanted, deps);
  return pool.ok ? (pool.value[0] ?? null) : null;
};
