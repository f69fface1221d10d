import type { ChatRequest } from "../shared/chat.ts";
import type { ShoalError } from "../shared/errors.ts";
import type { AnswerEvent } from "../shared/events.ts";
import { directPlan } from "../shared/plan.ts";
import { ok, type Result } from "../shared/result.ts";
import { countInput } from "../shared/tokens.ts";
import { execute, type Events } from "./execute/execute.ts";
import { callPlanner } from "./execute/call-planner.ts";
import { createFit } from "./execute/place-step.ts";
import { createRunStep } from "./execute/run-step.ts";
import { plan } from "./plan/plan.ts";
import type { Planned } from "./plan/planned.ts";
import { plannerStep, writeWorkflow } from "./plan/write-workflow.ts";
import { choosePool, type Member } from "./pool/pool.ts";
import { resolveModel } from "./pool/resolve-model.ts";
import { cardsOf, reserve } from "./reserve.ts";
import type { Received, TenantContext } from "./receive.ts";

/** What workers answer: plan ▸ reserve ▸ execute. */
export const work = async (
  received: Received,
  context: TenantContext,
): Promise<Result<{ readonly events: Events; readonly planned: Planned }, ShoalError>> => {
  const first = await plan({ ...received, choice: received.served }, context);
  const { planned, calls } = first.unwritten ? await write(first, received, context) : { planned: first, calls: [] };
  context.timing.mark("plan");

  const opened = calls.length > 0 ? 1 : 0;
  const reservation = await reserve({ ...received, opened }, planned.decision.plan, context);
  context.timing.mark("reserve");
  if (!reservation.ok && opened === 0) return reservation;
  if (!reservation.ok) return ok({ events: after(calls, failing(reservation.error)), planned });

  const { chat, client, pool, signatures } = received;
  const events = execute(planned.decision.plan, {
    chat,
    stream: client.stream,
    alternates: alternatesOf(planned, pool),
    providerOf: (worker) => pool.find((member) => member.worker.card.id === worker)?.provider.name ?? "",
    runStep: createRunStep({ pool, outputCap: reservation.value.outputCap, signatures }, context),
    extend: reservation.value.extend,
    fit: createFit({ cardOf: cardsOf(pool), outputCap: reservation.value.outputCap }),
    newBoundary: context.newId,
    random: context.random,
    signal: context.signal,
  });
  return ok({ events: opened === 0 ? events : after(calls, events), planned });
};

/** The workflow of a hosted planner, whose call is paid for like any other: what it says of itself goes before the answer. */
const write = async (
  planned: Planned,
  { chat, grant, roster, signatures }: Received,
  context: TenantContext,
): Promise<{ readonly planned: Planned; readonly calls: readonly AnswerEvent[] }> => {
  const { worker, ms } = context.settings.planner ?? {};
  if (!worker || !ms) return { planned, calls: [] };
  const calls: AnswerEvent[] = [];
  const ask = async (asked: ChatRequest, signal: AbortSignal) => {
    const choice = resolveModel(worker, roster, context.arrivedAt);
    const input = countInput(asked);
    const found = choice.ok
      ? choosePool(roster.entries, { chat: asked, choice: choice.value, key: grant.record, input }, context)
      : choice;
    const member = found.ok ? found.value[0] : undefined;
    if (!member) return null;
    const { id } = member.worker.card;
    const reservation = await reserve({ chat: asked, pool: [member], input, grant }, directPlan(id), context);
    if (!reservation.ok) return null;
    const runStep = createRunStep({ pool: [member], outputCap: reservation.value.outputCap, signatures }, context);
    const call = await callPlanner({ id: plannerStep, worker: id, chat: asked }, { ...context, runStep, signal });
    calls.push(...call.events);
    return call;
  };
  return { planned: await writeWorkflow({ chat, planned, by: worker, waitMs: ms }, { ...context, ask }), calls };
};

async function* after(calls: readonly AnswerEvent[], events: Events): Events {
  yield calls;
  yield* events;
}

async function* failing(error: ShoalError): Events {
  yield [{ type: "error", error }];
}

/** Who may answer in a worker's place: by utility where the conductor has decided, else in the pool's order. */
const alternatesOf = ({ decision }: Planned, pool: readonly Member[]): readonly string[] =>
  decision.scores.length > 0 ? decision.scores.map(({ worker }) => worker) : pool.map(({ worker }) => worker.card.id);
