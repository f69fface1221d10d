import type { ChatRequest } from "../shared/chat.ts";
import type { ShoalError } from "../shared/errors.ts";
import type { Preference } from "../shared/preference.ts";
import { ok, type Result } from "../shared/result.ts";
import { countInput, type InputTokens } from "../shared/tokens.ts";
import { admit, type Grant } from "./admit.ts";
import { affinityKeys, recallWorker, type AffinityKeys } from "./affinity.ts";
import { authenticate } from "./authenticate.ts";
import type { Context } from "./context.ts";
import type { ClientRequest, Format } from "./formats/format.ts";
import { normalize } from "./normalize.ts";
import { choosePool, type Member } from "./pool.ts";
import { readPreference } from "./preference.ts";
import { resolveModel, type ModelChoice } from "./resolve-model.ts";

/** A request that may be served: whose it is, what it asks, and who could work on it. */
export type Received = {
  readonly client: ClientRequest;
  readonly chat: ChatRequest;
  readonly grant: Grant;
  readonly choice: ModelChoice;
  readonly preference: Preference;
  readonly input: InputTokens;
  readonly pool: readonly Member[];
  readonly affinity: AffinityKeys;
  readonly affinityWorker: string | null;
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

  const affinity = await affinityKeys(chat, identity.value.tenant, settings.keySecret);
  const admitted = await admit(identity.value, affinity.previous, context);
  timing.mark("admit");
  if (!admitted.ok) return admitted;
  const { grant } = admitted.value;

  const choice = resolveModel(chat.model, roster.cards);
  if (!choice.ok) return choice;
  const preference = readPreference(request.headers, grant.record);
  if (!preference.ok) return preference;
  const input = countInput(chat);
  const pool = choosePool(roster.entries, { chat, choice: choice.value, key: grant.record, input }, context);
  if (!pool.ok) return pool;

  return ok({
    client: client.value,
    chat,
    grant,
    choice: choice.value,
    preference: preference.value,
    input,
    pool: pool.value,
    affinity,
    affinityWorker: recallWorker(affinity) ?? admitted.value.affinityWorker,
  });
};
