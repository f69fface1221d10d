import type { ChatRequest } from "../shared/chat.ts";
import type { ShoalError } from "../shared/errors.ts";
import { answererOf } from "../shared/plan.ts";
import type { Preference } from "../shared/preference.ts";
import { ok, type Result } from "../shared/result.ts";
import { countInput, type InputTokens } from "../shared/tokens.ts";
import { account } from "./account/account.ts";
import { admit, type Grant } from "./admit.ts";
import { authenticate } from "./authenticate/authenticate.ts";
import { affinityKeys, recallWorker, type AffinityKeys } from "./conversation/affinity.ts";
import { createSignatures, type Signatures } from "./conversation/signatures.ts";
import { encode, encodeError } from "./encode/encode.ts";
import { answerHeaders, baseHeaders } from "./encode/headers.ts";
import { execute } from "./execute/execute.ts";
import { createRunStep } from "./execute/run-step.ts";
import type { ClientRequest, Format } from "./formats/format.ts";
import { normalize } from "./normalize.ts";
import { plan, type Planned } from "./plan/plan.ts";
import { choosePool, type Member } from "./pool/pool.ts";
import { readPreference } from "./pool/preference.ts";
import { resolveModel, type ModelChoice } from "./pool/resolve-model.ts";
import { reserve } from "./reserve.ts";
import type { Context } from "./runtime/context.ts";

/**
 * A request's way, stage by stage: authenticate ▸ normalize ▸ admit ▸ pool ▸ plan ▸ reserve ▸ execute ▸ account ▸ encode.
 * A stage is a function of its input and what it depends on; this file alone knows their order. What fails before the
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

  const { chat, client, pool, signatures } = received.value;
  const runStep = createRunStep({ pool, outputCap: reservation.value.outputCap, signatures }, context);
  const events = execute(planned.decision.plan, {
    chat,
    stream: client.stream,
    alternates: alternatesOf(planned, pool),
    providerOf: (worker) => pool.find((member) => member.worker.card.id === worker)?.provider.name ?? "",
    runStep,
    extend: reservation.value.extend,
    newBoundary: context.newId,
    signal: context.signal,
  });
  const accounted = account(events, { ...received.value, planned }, context);
  const id = format.answerId(context.requestId, answererOf(planned.decision.plan));
  const headers = () => answerHeaders(planned, context);
  return ok(await encode(accounted, { format, client, planned, id, headers }, context));
};

/** A request that may be served: whose it is, what it asks, and who could work on it. */
type Received = {
  readonly client: ClientRequest;
  readonly chat: ChatRequest;
  readonly grant: Grant;
  readonly choice: ModelChoice;
  readonly preference: Preference;
  readonly input: InputTokens;
  readonly pool: readonly Member[];
  /** Null when the client named the worker: then there is none to stay with. */
  readonly affinity: AffinityKeys | null;
  readonly affinityWorker: string | null;
  readonly signatures: Signatures;
};

/** The stages before the plan: authenticate ▸ normalize ▸ admit ▸ pool. */
export const receive = async (
  request: Request,
  format: Format,
  context: Context,
): Promise<Result<Received, ShoalError>> => {
  const { settings, timing, roster } = context;

  const identity = await authenticate(request.headers, settings);
  timing.mark("authenticate");
  if (!identity.ok) return identity;

  const client = await normalize(request, format, settings.maxBodyBytes);
  timing.mark("normalize");
  if (!client.ok) return client;
  const { chat } = client.value;

  const choice = resolveModel(chat.model, roster.cards);
  const isTier = choice.ok && choice.value.kind === "tier";
  const affinity = isTier ? await affinityKeys(chat, identity.value.tenant, settings.keySecret) : null;
  const admitted = await admit(identity.value, affinity?.previous ?? null, context);
  timing.mark("admit");
  if (!admitted.ok) return admitted;
  const { grant } = admitted.value;

  if (!choice.ok) return choice;
  const preference = readPreference(request.headers, grant.record);
  if (!preference.ok) return preference;
  const input = countInput(chat);
  const pool = choosePool(roster.entries, { chat, choice: choice.value, key: grant.record, input }, context);
  if (!pool.ok) return pool;

  const signatures = createSignatures(identity.value.tenant, context);
  return ok({
    client: client.value,
    chat: await signatures.restore(chat),
    grant,
    choice: choice.value,
    preference: preference.value,
    input,
    pool: pool.value,
    affinity,
    affinityWorker: (affinity && recallWorker(affinity)) ?? admitted.value.affinityWorker,
    signatures,
  });
};

/** Who may answer in a worker's place: by utility where the conductor has decided, else in the pool's order. */
const alternatesOf = ({ decision }: Planned, pool: readonly Member[]): readonly string[] =>
  decision.scores.length > 0 ? decision.scores.map(({ worker }) => worker) : pool.map(({ worker }) => worker.card.id);
