import { embeddingModel } from "./embeddings.ts";
import { writeModel, writeModels, type NamedModel } from "../formats/messages-models.ts";
import { namesOfTiers, resolveModel } from "../pool/resolve-model.ts";
import type { LocalStatus } from "./local-status.ts";
import { allowedEntries, allowsModel } from "../pool/allowed.ts";
import type { Roster, RosterEntry } from "../pool/roster.ts";
import type { KeyRecord } from "../objects/records.ts";
import { reasoningEfforts } from "../../shared/chat.ts";
import type { Tier } from "../../shared/decision.ts";
import type { ShoalError } from "../../shared/errors.ts";
import type { Evidence } from "../../shared/identity.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { retirementOf } from "../../shared/retirements.ts";
import { abilities, priceAt, type WorkerCard } from "../../shared/workers.ts";

export type ModelList = {
  readonly roster: Roster;
  readonly key: KeyRecord;
  readonly local: LocalStatus | null;
  /** Whether there is a conductor, whose encoder gives embeddings. */
  readonly embeds: boolean;
  /** Milliseconds since the epoch: which prices hold, and which models are still there. */
  readonly now: number;
};

type Allowed = Pick<ModelList, "roster" | "key" | "now">;

/** Those of which a tier is made; the key may not be allowed to name each. */
const entriesFor = ({ roster, key, now }: Allowed): readonly RosterEntry[] =>
  allowedEntries(roster.entries, key).filter(({ card }) => retirementOf(card.id, now) === null);

/** The names of tiers that the key may ask for; none when its policy leaves no worker to serve them. */
const tiersFor = ({ roster, key }: Allowed, entries: readonly RosterEntry[]): readonly (readonly [string, Tier])[] =>
  entries.length === 0 && roster.entries.length > 0
    ? []
    : [...namesOfTiers(roster.weightsDate)].filter(([name]) => allowsModel(key, name));

/** `GET /v1/models`: the tiers, every worker that the key may name, and the encoder. OpenAI's shape, with more in each entry. */
export const listModels = (list: ModelList): object => ({ object: "list", data: entriesOf(list) });

/** `GET /v1/models/{id}`: the list's entry of that name. */
export const readModel = (id: string, list: ModelList): Result<object, ShoalError> => {
  const entry = entriesOf(list).find((candidate) => candidate.id === id);
  return entry ? ok(entry) : err(missing(id, list));
};

/** `GET /v1/models` as Anthropic's clients read it; what answers no messages is not in it. */
export const listNamedModels = (allowed: Allowed, query: URLSearchParams): object =>
  writeModels(namedModels(allowed), query);

/** `GET /v1/models/{id}` as Anthropic's clients read it. */
export const readNamedModel = (id: string, allowed: Allowed): Result<object, ShoalError> => {
  const model = namedModels(allowed).find((candidate) => candidate.id === id);
  return model ? ok(writeModel(model)) : err(missing(id, allowed));
};

/** Every name that the key may ask for: the tiers, then the workers. */
const namedModels = (allowed: Allowed): readonly NamedModel[] => {
  const entries = entriesFor(allowed);
  const cards = entries.map(({ card }) => card);
  return [
    ...tiersFor(allowed, entries).map(([id]) => ({ id, cards })),
    ...cards.filter(({ id }) => allowsModel(allowed.key, id)).map((card) => ({ id: card.id, cards: [card] })),
  ];
};

/** Retired, unknown, or known but not to this key. */
const missing = (id: string, { roster, now }: Allowed): ShoalError => {
  const resolved = resolveModel(id, roster, now);
  return resolved.ok ? { kind: "unknown_model", model: id.slice(0, 200), nearest: [] } : resolved.error;
};

const entriesOf = (list: ModelList) => {
  const { roster, key, local, embeds, now } = list;
  const entries = entriesFor(list);
  const cards = entries.map(({ card }) => card);
  return [
    ...tiersFor(list, entries).map(([id, tier]) => tierEntry({ id, tier }, cards)),
    ...entries
      .filter(({ card }) => allowsModel(key, card.id))
      .map(({ card, connection }) => ({
        ...workerEntry(card, local, now),
        data_region: connection.dataRegion ?? null,
        evidence: evidenceEntry(roster.evidenceOf(card)),
      })),
    ...(embeds && allowsModel(key, embeddingModel) && key.scopes.includes("embeddings")
      ? [{ id: embeddingModel, object: "model", created: 0, owned_by: "shoal", abilities: ["embeddings"] }]
      : []),
  ];
};

/** A tier takes what any of its workers takes; its price is that of whoever answers. */
const tierEntry = ({ id, tier }: { readonly id: string; readonly tier: Tier }, cards: readonly WorkerCard[]) => ({
  id,
  object: "model",
  created: 0,
  owned_by: "shoal",
  tier,
  context_window: largest(cards.map((card) => card.contextTokens)),
  max_output_tokens: largest(cards.map((card) => card.maxOutputTokens)),
  abilities: abilities.filter((ability) => cards.some((card) => card.abilities.includes(ability))),
  reasoning_efforts: reasoningEfforts.filter((effort) => cards.some((card) => card.efforts.includes(effort))),
  workers: cards.map((card) => card.id),
});

/** Null of nothing. */
const largest = (numbers: readonly number[]): number | null => (numbers.length === 0 ? null : Math.max(...numbers));

const workerEntry = (card: WorkerCard, local: LocalStatus | null, now: number) => ({
  id: card.id,
  object: "model",
  created: Math.floor(Date.parse(card.source.date) / 1000) || 0,
  owned_by: card.provider,
  context_window: card.contextTokens,
  max_output_tokens: card.maxOutputTokens,
  abilities: card.abilities,
  reasoning_efforts: card.efforts,
  /** Dollars per million tokens. */
  price: priceAt(card, now),
  strengths: card.strengths,
  ...(card.provider === "local" && local !== null ? local : { status: "ready" }),
});

/** Whose recorded outcomes the strengths are: for a `prior` those of the relative named as `model`. */
const evidenceEntry = (evidence: Evidence | null) =>
  evidence && {
    model: evidence.model,
    prompts: evidence.prompts,
    date: evidence.date,
    standard_error: evidence.standardError,
  };
