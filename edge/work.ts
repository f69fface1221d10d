import type { ShoalError } from "../shared/errors.ts";
import { ok, type Result } from "../shared/result.ts";
import { execute, type Events, type ExecuteDeps } from "./execute/execute.ts";
import { createFit } from "./execute/place-step.ts";
import { createRunStep } from "./execute/run-step.ts";
import { plan } from "./plan/plan.ts";
import type { Planned } from "./plan/planned.ts";
import type { Member } from "./pool/pool.ts";
import { cardsOf, reserve } from "./reserve.ts";
import type { Received, TenantContext } from "./receive.ts";
import { writeAndRun } from "./write.ts";

/** What workers answer: plan ▸ reserve ▸ (write ▸) execute. */
export const work = async (
  received: Received,
  context: TenantContext,
): Promise<Result<{ readonly events: Events; readonly planned: Planned }, ShoalError>> => {
  const planned = await plan({ ...received, choice: received.served }, context);
  context.timing.mark("plan");

  const { decision, unwritten: setting } = planned;
  const reservation = await reserve(received, decision.plan, context);
  context.timing.mark("reserve");
  if (!reservation.ok) return reservation;

  const { outputCap, extend } = reservation.value;
  const { chat, client, pool, signatures } = received;
  const deps: ExecuteDeps = {
    chat,
    stream: client.stream,
    alternates: alternatesOf(planned, pool),
    providerOf: (worker) => pool.find((member) => member.worker.card.id === worker)?.provider.name ?? "",
    runStep: createRunStep({ pool, outputCap, signatures }, context),
    extend,
    fit: createFit({ cardOf: cardsOf(pool), outputCap }),
    newBoundary: context.newId,
    random: context.random,
    signal: context.signal,
  };
  const events = setting
    ? writeAndRun({ planned, setting, reservation: reservation.value }, deps, received, context)
    : execute(decision.plan, deps);
  return ok({ events, planned });
};

/** Who may answer in a worker's place: by utility where the conductor has decided, else in the pool's order. */
const alternatesOf = ({ decision }: Planned, pool: readonly Member[]): readonly string[] =>
  decision.scores.length > 0 ? decision.scores.map(({ worker }) => worker) : pool.map(({ worker }) => worker.card.id);
