import type { ChatRequest } from "../shared/chat.ts";
import { plannerTask } from "../shared/planner/task.ts";
import { countInput } from "../shared/tokens.ts";
import { drawWorkers, plannerChat, plannerMessages } from "../shared/planner/prompt.ts";
import { writtenPlanJsonSchema } from "../shared/planner/read.ts";
import { callPlanner } from "./execute/call-planner.ts";
import type { Rounds } from "./execute/rounds.ts";
import { createRunStep } from "./execute/run-step.ts";
import { createAskConductor } from "./plan/ask-conductor.ts";
import { plannerSteps, type Planned } from "./plan/planned.ts";
import { writeRevision, writeWorkflow, type AskPlanner, type Planner } from "./plan/write-workflow.ts";
import { choosePool, type Member } from "./pool/pool.ts";
import { resolveModel } from "./pool/resolve-model.ts";
import { outputCapOf, type Reservation } from "./reserve.ts";
import type { PlannerSetting } from "./runtime/settings.ts";
import type { Received, TenantContext } from "./receive.ts";

type Writes = {
  readonly planned: Planned;
  readonly setting: PlannerSetting;
  readonly reservation: Pick<Reservation, "extendTo" | "cover">;
};

/** The workflow that the operator's planner writes, and where another round may follow, the one that revises its answer. */
export const createRounds = (
  { planned, setting, reservation }: Writes,
  received: Received,
  context: TenantContext,
): Rounds => {
  const { worker, ms } = setting;
  const ask =
    worker === null
      ? createAskConductor(ms, context)
      : createAskWorker(worker, { ...received, extendTo: reservation.extendTo }, context);
  const planner = createPlanner({ planned, setting, chat: received.chat }, { ask, cover: reservation.cover }, context);
  return {
    async *write() {
      const { plan, text } = yield* writeWorkflow(planned.decision.plan, planner);
      const mayRevise = text !== null && received.rounds > 1;
      return { plan, revise: mayRevise ? (answered) => writeRevision({ plan: text, ...answered }, planner) : null };
    },
  };
};

type Asks = Omit<Writes, "reservation"> & { readonly chat: ChatRequest };

/** Who writes, and what is read: the same workers in the same order in every round. */
export const createPlanner = (
  { planned, setting, chat }: Asks,
  seams: Pick<Planner, "ask" | "cover">,
  { clock, random }: Pick<TenantContext, "clock" | "random">,
): Planner => ({
  ...seams,
  by: setting.worker ?? "conductor",
  waitMs: setting.ms,
  task: plannerTask(chat),
  workers: drawWorkers(planned.decision.scores, random),
  clock,
});

type Asking = Pick<Received, "chat" | "grant" | "roster" | "signatures"> & Pick<Reservation, "extendTo">;

/** A worker as the planner: a call like any other, paid for by the request. */
const createAskWorker = (id: string, asking: Asking, context: TenantContext): AskPlanner =>
  async function* (job, signal) {
    const { chat, grant, signatures, extendTo } = asking;
    const messages = plannerMessages(job, context.newId().slice(0, 8));
    const asked = plannerChat({ model: chat.model, messages }, writtenPlanJsonSchema());
    const member = findMember(id, asked, asking, context);
    if (!member) return { refusal: "not_available", ...noTokens };
    const { card } = member.worker;
    const outputCap = outputCapOf(asked.maxOutputTokens ?? null, grant.record, context.settings);
    if (!(await extendTo(card, asked, outputCap))) return { refusal: "unaffordable", ...noTokens };
    const runStep = createRunStep({ pool: [member], outputCap, signatures }, context);
    const step = { id: plannerSteps[job.first ? 1 : 0], worker: card.id, chat: asked };
    const { text, ...tokens } = yield* callPlanner(step, { runStep, signal });
    return text === null ? { refusal: "failed", ...tokens } : { text, ...tokens };
  };

const noTokens = { inputTokens: 0, outputTokens: 0 } as const;

/** Null where the key may not use it, or it cannot take the request. */
const findMember = (
  id: string,
  asked: ChatRequest,
  { roster, grant }: Pick<Asking, "roster" | "grant">,
  context: TenantContext,
): Member | null => {
  const choice = resolveModel(id, roster, context.arrivedAt);
  if (!choice.ok) return null;
  const wanted = { chat: asked, choice: choice.value, key: grant.record, input: countInput(asked) };
  const pool = choosePool(roster.entries, wanted, context);
  return pool.ok ? (pool.value[0] ?? null) : null;
};
