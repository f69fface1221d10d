import type { ChatRequest } from "../../shared/chat.ts";
import type { Preference } from "../../shared/preference.ts";
import type { Grant } from "../admit.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";
import type { Roster } from "../pool/roster.ts";
import { toHex } from "../runtime/hex.ts";
import { hmac } from "../runtime/hmac.ts";
import { secretsOf } from "../runtime/secrets.ts";
import type { Settings } from "../runtime/settings.ts";
import { canonicalJson, canonicalRequest, joinFields } from "./canonical.ts";

/** Of what is kept: answers of another version are not found. */
const version = "1";

export type KeyedRequest = {
  readonly chat: ChatRequest;
  /** The tier or worker that serves it. */
  readonly choice: ModelChoice;
  readonly preference: Preference;
  /** Rounds of workflows that it may take. */
  readonly rounds: number;
  readonly grant: Grant;
};

export type KeyDeps = {
  readonly settings: Pick<Settings, "region" | "keySecret">;
  readonly roster: Pick<Roster, "entries" | "weightsDate">;
};

/**
 * Under which an answer is kept, 64 hexadecimal digits: an HMAC over tenant, region, epoch, what decides who may answer,
 * and what is asked. Two of a tenant's keys find each other's answers only where they may use the same workers.
 */
export const cacheKey = async (request: KeyedRequest, { settings, roster }: KeyDeps): Promise<string> => {
  const { tenant } = request.grant.identity;
  const { cacheEpoch } = request.grant.record;
  const [secret = "unset"] = secretsOf(settings.keySecret);
  const fields = [
    "cache",
    version,
    tenant,
    settings.region,
    String(cacheEpoch),
    canonicalJson(answerersOf(request, roster)),
    canonicalRequest(request.chat),
  ];
  return toHex(await hmac(secret, joinFields(fields)));
};

/** All that decides who answers and is none of the request's words. Who is resting at the moment does not. */
const answerersOf = ({ choice, preference, rounds, grant: { record } }: KeyedRequest, roster: KeyDeps["roster"]) => ({
  choice,
  preference,
  ...(choice.kind === "tier" && choice.tier === "ultra" && { rounds }),
  workers: inOrder(record.allowedWorkers),
  vendors: inOrder(record.allowedVendors),
  dataRegions: inOrder(record.allowedDataRegions),
  outputCap: record.outputCap,
  hasBudget: record.hasBudget,
  weights: roster.weightsDate,
  roster: inOrder(roster.entries.map(({ card }) => card.id)),
});

const inOrder = (names: readonly string[] | null): readonly string[] | null => names && names.toSorted();
