import { toWire, type ShoalError } from "../shared/errors.ts";
import { ok, type Result } from "../shared/result.ts";
import { account } from "./account/account.ts";
import { lookUp } from "./cache/cache.ts";
import { keepTurn } from "./conversation/keep-turn.ts";
import { headOf } from "./encode/answer-head.ts";
import { encode, encodeError } from "./encode/encode.ts";
import { answerHeaders, baseHeaders } from "./encode/headers.ts";
import { tellProgress } from "./execute/tell-progress.ts";
import type { Format } from "./formats/format.ts";
import { decideAnew } from "./plan/plan.ts";
import type { Planned } from "./plan/planned.ts";
import { toShadow } from "./rollout/shadow.ts";
import type { Context } from "./runtime/context.ts";
import { receive, refused, withHealth, withTier, type Received, type TenantContext } from "./receive.ts";
import { work } from "./work.ts";

/**
 * A request's way, stage by stage: receive (authenticate ▸ normalize ▸ admit ▸ recall ▸ arm ▸ pool) ▸ look up ▸ work
 * (plan ▸ reserve ▸ execute) ▸ account ▸ tell progress ▸ keep ▸ encode. A stage is a function of its input and what it
 * depends on; this file, with `receive.ts` and `work.ts`, alone knows their order. What fails before the answer begins
 * is a response with its own status; after that it is an event of the answer.
 */
export const respond = async (request: Request, format: Format, context: Context): Promise<Response> => {
  const response = await answer(request, format, context);
  return response.ok ? response.value : encodeError(response.error, format, baseHeaders(context));
};

const answer = async (request: Request, format: Format, context: Context): Promise<Result<Response, ShoalError>> => {
  const received = await receive(request, format, context);
  if (!received.ok) return received;

  const { roster, grant } = received.value;
  const own = withHealth(grant, context);
  const asked = { ...received.value, choice: received.value.served, headers: request.headers };
  const cached = await lookUp(asked, { ...context, roster });
  if (!cached.ok) return refused(received.value, cached);

  const answered = cached.value.replay ? ok(cached.value.replay) : await work(received.value, own);
  if (!answered.ok) return refused(received.value, answered);
  const { events, planned } = answered.value;

  const { chat, client, signatures, turns, rollout } = received.value;
  const shadow = planned.source === "cache" ? null : shadowOf(received.value, own);
  const accounted = cached.value.keep(account(events, { ...received.value, planned, shadow }, own));
  const told = tellProgress(accounted, { headers: request.headers, chat, plan: planned.decision.plan }, signatures);
  const head = headOf(client, { format, planned }, context);
  const kept = client.keep ? keepTurn(told, { ...client.keep, head }, { ...context, turns }) : told;
  const headers = (now: Planned) => ({ ...answerHeaders(now, rollout, context), ...cached.value.headers });
  return ok(await encode(kept, { format, client, planned, head, headers }, context));
};

/** What the conductor would have done in the baseline's place; null where that is nothing to compare, or is what was done. */
const shadowOf = (received: Received, context: TenantContext) => {
  const { rollout } = received;
  if (rollout === null || rollout.arm === "shoal" || rollout.mode === "off") return null;
  return async () => {
    const open = withTier(received, context);
    return open.ok
      ? toShadow(await decideAnew(open.value, context), rollout.baseline)
      : { error: toWire(open.error).code ?? open.error.kind };
  };
};
