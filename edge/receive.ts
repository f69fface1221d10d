import type { ChatRequest } from "../shared/chat.ts";
import type { ShoalError } from "../shared/errors.ts";
import { plannerTask } from "../shared/planner/task.ts";
import type { Preference } from "../shared/preference.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { countInput, type InputTokens } from "../shared/tokens.ts";
import type { WorkerCard } from "../shared/workers.ts";
import { admit, giveBack, type Admitted, type Grant } from "./admit.ts";
import { authenticate } from "./authenticate/authenticate.ts";
import { affinityKeys, recallWorker, type AffinityKeys } from "./conversation/affinity.ts";
import { checkProofs } from "./conversation/check-proofs.ts";
import { createKeptTurns, type KeptTurns } from "./conversation/kept-turns.ts";
import { ownerOfResponse } from "./conversation/response-id.ts";
import { createSignatures, type Signatures } from "./conversation/signatures.ts";
import type { ClientRequest, Format } from "./formats/format.ts";
import { normalize } from "./normalize.ts";
import type { Health } from "./pool/health.ts";
import { choosePool, type Member } from "./pool/pool.ts";
import { findPlanner, plannerRequest } from "./pool/find-planner.ts";
import { foreseeNeed } from "./pool/foresee-need.ts";
import { readPreference } from "./pool/preference.ts";
import { readRounds, type RoundLimit } from "./pool/rounds.ts";
import { resolveModel, type ModelChoice } from "./pool/resolve-model.ts";
import type { Roster } from "./pool/roster.ts";
import { rosterFor } from "./pool/tenant-roster.ts";
import { chooseArm } from "./rollout/choose-arm.ts";
import type { Rollout } from "./rollout/rollout.ts";
import type { Context } from "./runtime/context.ts";

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
  readonly rounds: RoundLimit;
  /** The card of a hosted planner; null where this request may not be shown to it. */
  readonly plannerCard: (id: string) => WorkerCard | null;
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
  const foresee = () => foreseeNeed(sent.value.chat, choice.ok ? choice.value : null, context);
  const asks = { scope: "answers", affinity: early?.previous ?? null, foresee } as const;
  const admitted = await admit(identity.value, asks, context);
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
  const rounds = readRounds(headers, chat, preference.value);
  if (!rounds.ok) return rounds;
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
    rounds: rounds.value,
    plannerCard: (id) => {
      const asked = plannerRequest(chat, { task: plannerTask(chat), workers: [] }, "");
      return findPlanner(id, asked, { roster, key: grant.record }, own)?.worker.card ?? null;
    },
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

/** The same request with the pool of its tier, where the baseline alone would serve it. */
export const withTier = (received: Received, context: Context): Result<Received, ShoalError> => {
  const { chat, choice, grant, input, roster } = received;
  if (received.served === choice) return ok(received);
  const own = withHealth(grant, context);
  const pool = choosePool(roster.entries, { chat, choice, key: grant.record, input }, own);
  return pool.ok ? ok({ ...received, served: choice, pool: pool.value }) : pool;
};

export type TenantContext = Context & { readonly health: Health };

/** With what was seen of the workers in this tenant's requests: what others' have met is none of its concern. */
export const withHealth = ({ identity }: Pick<Grant, "identity">, context: Context): TenantContext => ({
  ...context,
  health: context.healthOf(identity.tenant),
});

/** Let in, but not served: it counts against no limit. */
export const refused = <Failure>({ grant }: Pick<Received, "grant">, failure: Failure): Failure => {
  giveBack(grant);
  return failure;
};
