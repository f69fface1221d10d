import type { NamedModel } from "../formats/messages-models.ts";
import { tierNames } from "../pool/resolve-model.ts";
import type { LocalStatus } from "./local-status.ts";
import type { Roster } from "../pool/roster.ts";
import type { KeyRecord } from "../objects/records.ts";
import type { Evidence } from "../../shared/identity.ts";
import { priceAt, type WorkerCard } from "../../shared/workers.ts";

export type ModelList = {
  readonly roster: Roster;
  readonly key: KeyRecord;
  readonly local: LocalStatus | null;
  /** Milliseconds since the epoch: which prices hold. */
  readonly now: number;
};

/** Every name that the key may ask for: the tiers, then the workers. */
export const namedModels = ({ roster, key }: Pick<ModelList, "roster" | "key">): readonly NamedModel[] => {
  const cards = allowedCards({ roster, key });
  return [
    ...Object.keys(tierNames).map((id) => ({ id, cards })),
    ...cards.map((card) => ({ id: card.id, cards: [card] })),
  ];
};

const allowedCards = ({ roster, key }: Pick<ModelList, "roster" | "key">): readonly WorkerCard[] =>
  roster.entries
    .map(({ card }) => card)
    .filter((card) => key.allowedWorkers === null || key.allowedWorkers.includes(card.id));

/** `GET /v1/models`: the tiers, then every worker that the key may name. OpenAI's shape, with more in each entry. */
export const listModels = ({ roster, key, local, now }: ModelList): object => {
  const cards = allowedCards({ roster, key });
  return {
    object: "list",
    data: [
      ...Object.keys(tierNames).map((name) => tierEntry(name, cards)),
      ...cards.map((card) => ({ ...workerEntry(card, local, now), evidence: evidenceEntry(roster.evidenceOf(card)) })),
    ],
  };
};

const tierEntry = (id: string, cards: readonly WorkerCard[]) => ({
  id,
  object: "model",
  created: 0,
  owned_by: "shoal",
  tier: tierNames[id],
  workers: cards.map((card) => card.id),
});

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
