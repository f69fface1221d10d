import type { ShoalError } from "../shared/errors.ts";
import { ok, type Result } from "../shared/result.ts";
import { account } from "./account.ts";
import type { Context } from "./context.ts";
import { encode, encodeError } from "./encode.ts";
import { execute } from "./execute.ts";
import type { Format } from "./formats/format.ts";
import { answerHeaders, baseHeaders } from "./headers.ts";
import { plan, type Planned } from "./plan.ts";
import type { Member } from "./pool.ts";
import { receive } from "./receive.ts";
import { reserve } from "./reserve.ts";
import { createRunStep } from "./run-step.ts";

/**
 * A request's way, stage by stage: authenticate ▸ normalize ▸ admit ▸ pool (in `receive`) ▸ plan ▸ reserve ▸ execute ▸
 * account ▸ encode. A stage is a function of its input and what it depends on; none knows another. What fails before the
 * answer begins is a response with its own status; after that it is an event of the answer.
 */
export const respond = async (request: Request, format: Format, context: Context): Promise<Response> => {
  const response = await answer(request, format, context);
  return response.ok ? response.value : encodeError(response.error, format, baseHeaders(context));
};

const answer = async (request: Request, format: Format, context: Context): Promise<Result<Response, ShoalError>> => {
  const received = await receive(request, format, context);
  if (!received.ok) return received;

  const planned = await plan(received.value, context);
  context.timing.mark("plan");

  const reservation = await reserve(received.value, planned.decision.plan, context);
  context.timing.mark("reserve");
  if (!reservation.ok) return reservation;

  const runStep = createRunStep({ pool: received.value.pool, outputCap: reservation.value.outputCap }, context);
  const { chat, client } = received.value;
  const events = execute(planned.decision.plan, {
    chat,
    stream: client.stream,
    alternates: alternatesOf(planned, received.value.pool),
    runStep,
    extend: reservation.value.extend,
    newBoundary: context.newId,
    signal: context.signal,
  });
  const accounted = account(events, { ...received.value, planned }, context);
  return ok(
    await encode(accounted, { format, client, planned, headers: () => answerHeaders(planned, context) }, context),
  );
};

/** Who may answer in a worker's place: by utility where the conductor has decided, else in the pool's order. */
const alternatesOf = ({ decision }: Planned, pool: readonly Member[]): readonly string[] =>
  decision.scores.length > 0 ? decision.scores.map(({ worker }) => worker) : pool.map(({ worker }) => worker.card.id);
