import { evidenceOf, identify, type Evidence, type Known } from "../../shared/identity.ts";
import { scalePrice } from "../../shared/pricing.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import { createRegistry, type Connected, type Registry } from "../providers/index.ts";
import type { Offer, ProviderEnv } from "../providers/provider.ts";

/** A worker whose provider is configured, and how it is reached. */
export type RosterEntry = Connected & {
  readonly card: WorkerCard;
  /** The model's id at that provider. */
  readonly upstream: string;
};

/** Everything the operator has configured: the widest pool. */
export type Roster = {
  /** Every card that is known, configured or not. */
  readonly cards: readonly WorkerCard[];
  readonly entries: readonly RosterEntry[];
  readonly unconfigured: Registry["unconfigured"];
  /** The day of the weights that decide. */
  readonly weightsDate: string;
  /** What the strengths of a card in this roster rest on. */
  readonly evidenceOf: (card: WorkerCard) => Evidence | null;
};

export type RosterOptions = {
  readonly localChat: boolean;
  /** Whom the weights know: cards carry the strengths that these have for them. */
  readonly known: Known;
};

/** Throws when the operator's list of hosts is wrong, naming the field. */
export const readRoster = (env: ProviderEnv, { localChat, known }: RosterOptions): Roster => {
  const { connected, unconfigured, cards: hosted } = createRegistry(env);
  const cards = [...workerCards, ...hosted].map((card) => identify(card, known));
  const wanted = cards.filter((card) => card.provider !== "local" || localChat);
  return {
    cards,
    entries: wanted.flatMap((card) => connect(card, connected)),
    unconfigured,
    weightsDate: known.date,
    evidenceOf: (card) => evidenceOf(card, known),
  };
};

/** A card by its own provider where that is configured, else by the first host that resells it. */
const connect = (card: WorkerCard, connected: Registry["connected"]): readonly RosterEntry[] => {
  for (const [host, upstream] of [[card.provider, card.upstream] as const, ...Object.entries(card.resold)]) {
    const line = connected.get(host);
    const offer = line && offerOf(line, upstream);
    if (offer) return [{ card: asOffered(card, offer), upstream, ...line }];
  }
  return [];
};

const asTheCardSays: Offer = { priceFactor: 1, lacks: [] };

const offerOf = ({ provider, connection }: Connected, upstream: string): Offer | null =>
  provider.offer ? provider.offer(upstream, connection) : asTheCardSays;

const asOffered = (card: WorkerCard, { priceFactor, lacks }: Offer): WorkerCard => {
  if (priceFactor === 1 && lacks.length === 0) return card;
  const { priceChanges, ...rest } = card;
  const abilities = card.abilities.filter((ability) => !lacks.includes(ability));
  if (priceFactor === null) return { ...rest, abilities, price: null };
  return {
    ...rest,
    abilities,
    price: card.price && scalePrice(card.price, priceFactor),
    ...(priceChanges && {
      priceChanges: priceChanges.map(({ from, price }) => ({ from, price: scalePrice(price, priceFactor) })),
    }),
  };
};
