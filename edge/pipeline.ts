import type { ChatRequest } from "../shared/chat.ts";
import { toWire, type ShoalError } from "../shared/errors.ts";
import type { AnswerEvent } from "../shared/events.ts";
import { directPlan } from "../shared/plan.ts";
import type { Preference } from "../shared/preference.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { countInput, type InputTokens } from "../shared/tokens.ts";
import { account } from "./account/account.ts";
import { admit, giveBack, type Admitted, type Grant } from "./admit.ts";
import { authenticate } from "./authenticate/authenticate.ts";
import { lookUp } from "./cache/cache.ts";
import { affinityKeys, recallWorker, type AffinityKeys } from "./conversation/affinity.ts";
import { checkProofs } from "./conversation/check-proofs.ts";
import { keepTurn } from "./conversation/keep-turn.ts";
import { createKeptTurns, type KeptTurns } from "./conversation/kept-turns.ts";
import { ownerOfResponse } from "./conversation/response-id.ts";
import { createSignatures, type Signatures } from "./conversation/signatures.ts";
import { headOf } from "./encode/answer-head.ts";
import { encode, encodeError } from "./encode/encode.ts";
import { answerHeaders, baseHeaders } from "./encode/headers.ts";
import { execute, type Events } from "./execute/execute.ts";
import { callPlanner } from "./execute/call-planner.ts";
import { createFit } from "./execute/place-step.ts";
import { createRunStep } from "./execute/run-step.ts";
import { tellProgress } from "./execute/tell-progress.ts";
import type { ClientRequest, Format } from "./formats/format.ts";
import { normalize } from "./normalize.ts";
import { decideAnew, plan, type Planned } from "./plan/plan.ts";
import { plannerStep, writeWorkflow } from "./plan/write-workflow.ts";
import type { Health } from "./pool/health.ts";
import { choosePool, type Member } from "./pool/pool.ts";
import { readPreference } from "./pool/preference.ts";
import { resolveModel, type ModelChoice } from "./pool/resolve-model.ts";
import type { Roster } from "./pool/roster.ts";
import { rosterFor } from "./pool/tenant-roster.ts";
import { cardsOf, reserve } from "./reserve.ts";
import { chooseArm, type Rollout } from "./rollout/choose-arm.ts";
import { toShadow } from "./rollout/shadow.ts";
import type { Context } from "./runtime/context.ts";

/**
 * A request's way, stage by stage: authenticate ▸ normalize ▸ admit ▸ recall ▸ arm ▸ pool ▸ cache ▸ plan (▸ write) ▸
 * reserve ▸ execute ▸ account ▸ encode. A stage is a function of its input and what it depends on; this file alone knows their
 * order. What fails before the answer begins is a response with its own status; after that it is an event of the answer.
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
  const headers = () => ({ ...answerHeaders(planned, rollout, context), ...cached.value.headers });
  return ok(await encode(kept, { format, client, planned, head, headers }, context));
};

/** Let in, but not served: it counts against no limit. */
const refused = <Failure>({ grant }: Pick<Received, "grant">, failure: Failure): Failure => {
  giveBack(grant);
  return failure;
};

type TenantContext = Context & { readonly health: Health };

/** With what was seen of the workers in this tenant's requests: what others' have met is none of its concern. */
export const withHealth = ({ identity }: Pick<Grant, "identity">, context: Context): TenantContext => ({
  ...context,
  health: context.healthOf(identity.tenant),
});

/** What workers answer: plan ▸ reserve ▸ execute. */
const work = async (
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

/** The same request with the pool of its tier, where the baseline alone would serve it. */
export const withTier = (received: Received, context: Context): Result<Received, ShoalError> => {
  const { chat, choice, grant, input, roster } = received;
  if (received.served === choice) return ok(received);
  const own = withHealth(grant, context);
  const pool = choosePool(roster.entries, { chat, choice, key: grant.record, input }, own);
  return pool.ok ? ok({ ...received, served: choice, pool: pool.value }) : pool;
};

/** A request that may be served: whose it is, what it asks, and who could work on it. */
export type Received = {
  readonly client: ClientRequest;
  readonly chat: ChatRequest;
  readonly grant: Grant;
  /** As the client named it. */
  readonly choice: ModelChoice;
  /** The same, or the baseline where the key's mode has it serve. */
  readonly served: ModelChoice;
  readonly rollout: Rollout | null;
  readonly preference: Preference;
  readonly input: InputTokens;
  /** As the tenant has it. */
  readonly roster: Roster;
  readonly pool: readonly Member[];
  /** Null when the client named the worker: then there is none to stay with. */
  readonly affinity: AffinityKeys | null;
  readonly affinityWorker: string | null;
  readonly signatures: Signatures;
  readonly turns: KeptTurns;
};

/** The stages before the plan: authenticate ▸ normalize ▸ admit ▸ recall ▸ arm ▸ pool. */
export const receive = async (
  request: Request,
  format: Format,
  context: Context,
): Promise<Result<Received, ShoalError>> => {
  const { settings, timing, roster } = context;

  const identity = await authenticate(request.headers, settings);
  timing.mark("authenticate");
  if (!identity.ok) return identity;

  const sent = await normalize(request, format, settings.maxBodyBytes);
  timing.mark("normalize");
  if (!sent.ok) return sent;

  const { tenant } = identity.value;
  // Read while the key is: an isolate that was idle waits for both at once.
  const pricing = context.priced.current(context.waitUntil);
  if (pricing instanceof Promise) timing.waited();
  const choice = resolveModel(sent.value.chat.model, roster, context.arrivedAt);
  const keysOf = ({ chat }: ClientRequest) =>
    choice.ok && choice.value.kind === "tier" ? affinityKeys(chat, tenant, settings.keySecret) : null;
  // What continues kept turns is not whole yet; its worker is known from the id that it names.
  const early = sent.value.recall ? null : await keysOf(sent.value);
  const admitted = await admit(identity.value, { scope: "answers", affinity: early?.previous ?? null }, context);
  timing.mark("admit");
  if (!admitted.ok) return admitted;

  const priced = await pricing;
  const ofTenant = await rosterFor(admitted.value.grant, { ...context, roster: priced });
  const chosen =
    choice.ok || ofTenant === priced ? choice : resolveModel(sent.value.chat.model, ofTenant, context.arrivedAt);
  if (!chosen.ok) return refused(admitted.value, chosen);

  const { headers } = request;
  const admission = {
    ...admitted.value,
    headers,
    sent: sent.value,
    choice: chosen.value,
    roster: ofTenant,
    affinity: early,
    keysOf,
  };
  const prepared = await prepare(admission, format, context);
  return prepared.ok ? prepared : refused(admitted.value, prepared);
};

/** A request that was let in. `affinity`: as far as it is known before kept turns are. */
type Admission = Admitted & {
  readonly headers: Headers;
  readonly sent: ClientRequest;
  readonly choice: ModelChoice;
  readonly roster: Roster;
  readonly affinity: AffinityKeys | null;
  readonly keysOf: (client: ClientRequest) => Promise<AffinityKeys> | null;
};

/** recall ▸ arm ▸ pool */
const prepare = async (
  { grant, affinityWorker, headers, sent, choice, roster, affinity: early, keysOf }: Admission,
  format: Format,
  context: Context,
): Promise<Result<Received, ShoalError>> => {
  const { timing } = context;
  const { tenant } = grant.identity;
  const turns = createKeptTurns(tenant, context);
  const client = sent.recall ? await turns.recall(sent.recall) : ok(sent);
  if (sent.recall) timing.mark("recall");
  if (!client.ok) return client;
  const { chat } = client.value;
  const affinity = early ?? (await keysOf(client.value));

  const preference = readPreference(headers, grant.record);
  if (!preference.ok) return preference;
  const input = countInput(chat);
  const armed = { choice, key: grant.record, tenant, chat, affinity };
  const resolve = (name: string) => resolveModel(name, roster, context.arrivedAt);
  const workers = () => roster.cards.map(({ id }) => id);
  const serving = await chooseArm(armed, { ...context, resolve, workers });
  if (!serving.ok) return serving;
  const { choice: served, rollout } = serving.value;
  const own = withHealth(grant, context);
  const pool = choosePool(roster.entries, { chat, choice: served, key: grant.record, input }, own);
  if (!pool.ok) return pool;

  const signatures = createSignatures(tenant, !format.signsThoughts, context);
  const restored = await signatures.restore(chat);
  const forged = checkProofs(client.value.proofs ?? [], restored.unknown);
  if (forged) return err(forged);
  return ok({
    client: client.value,
    chat: restored.chat,
    grant,
    choice,
    served,
    rollout,
    preference: preference.value,
    input: restored.chat === chat ? input : countInput(restored.chat),
    roster,
    pool: pool.value,
    affinity,
    affinityWorker: ownerOfContinued(sent, pool.value) ?? (affinity && recallWorker(affinity)) ?? affinityWorker,
    signatures,
    turns,
  });
};

const ownerOfContinued = ({ recall }: ClientRequest, pool: readonly Member[]): string | null =>
  recall?.after
    ? ownerOfResponse(
        recall.after.id,
        pool.map(({ worker }) => worker.card.id),
      )
    : null;

/** Who may answer in a worker's place: by utility where the conductor has decided, else in the pool's order. */
const alternatesOf = ({ decision }: Planned, pool: readonly Member[]): readonly string[] =>
  decision.scores.length > 0 ? decision.scores.map(({ worker }) => worker) : pool.map(({ worker }) => worker.card.id);
