import { evidenceOf, identify, type Evidence, type Known } from "../../shared/identity.ts";
import { scalePrice } from "../../shared/pricing.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import { createRegistry, type Connected, type Registry } from "../providers/index.ts";
import type { DataRegion, Offer, ProviderEnv } from "../providers/provider.ts";
import { admits } from "./data-region.ts";

/** A worker whose provider is configured, and how it is reached. */
export type RosterEntry = Connected & {
  readonly card: WorkerCard;
  /** The model's id at that provider. */
  readonly upstream: string;
  /** Reached with a tenant's own key, or of a tenant's own making: what happens there says nothing to others. */
  readonly own?: true;
  /** Reached with a tenant's own key, to whom the vendor sends its bill. */
  readonly ownKey?: true;
  /** The same worker at further providers, in the order in which they are preferred. */
  readonly elsewhere?: readonly RosterEntry[];
};

/** Everything the operator has configured within the region's bounds: the widest pool. */
export type Roster = {
  /** Every card that is known, configured or not. */
  readonly cards: readonly WorkerCard[];
  readonly entries: readonly RosterEntry[];
  /** Providers that are configured within the region's bounds, by name. */
  readonly connected: Registry["connected"];
  /** Providers that have no part in it, and why. */
  readonly unconfigured: Registry["unconfigured"];
  /** The day of the weights that decide. */
  readonly weightsDate: string;
  /** What the strengths of a card in this roster rest on. */
  readonly evidenceOf: (card: WorkerCard) => Evidence | null;
};

export type RosterOptions = {
  readonly localChat: boolean;
  /** Where prompts may be processed. */
  readonly dataRegions: readonly DataRegion[];
  /** Whom the weights know: cards carry the strengths that these have for them. */
  readonly known: Known;
};

/** Throws when the operator's list of hosts is wrong, naming the field. */
export const readRoster = (env: ProviderEnv, { localChat, dataRegions, known }: RosterOptions): Roster => {
  const { connected, unconfigured, cards: hosted } = createRegistry(env);
  const [within, beyond] = divide([...connected.values()], dataRegions);
  const cards = [...workerCards, ...hosted].map((card) => identify(card, known));
  const wanted = cards.filter((card) => card.provider !== "local" || localChat);
  return {
    cards,
    entries: wanted.flatMap((card) => connect(card, within)),
    connected: within,
    unconfigured: [...unconfigured, ...beyond.map((line) => explainBeyond(line, dataRegions))],
    weightsDate: known.date,
    evidenceOf: (card) => evidenceOf(card, known),
  };
};

/** Those whose data region is admitted, by name, and the others. */
const divide = (
  lines: readonly Connected[],
  admitted: readonly DataRegion[],
): readonly [Registry["connected"], readonly Connected[]] => {
  const isWithin = ({ connection }: Connected) => admits(admitted, connection.dataRegion);
  return [
    new Map(lines.filter(isWithin).map((line) => [line.provider.name, line])),
    lines.filter((line) => !isWithin(line)),
  ];
};

const explainBeyond = ({ provider, connection }: Connected, admitted: readonly DataRegion[]) => ({
  provider: provider.name,
  needs: `its data region is ${connection.dataRegion ?? "unknown"}, and SHOAL_DATA_REGIONS admits ${admitted.join(", ")}`,
});

/** A card by its own provider where that is configured, else by the first host that resells it. */
export const connect = (card: WorkerCard, connected: Registry["connected"]): readonly RosterEntry[] => {
  const hosts = [[card.provider, card.upstream] as const, ...Object.entries(card.resold)];
  const [first, ...elsewhere] = hosts.flatMap(([host, upstream]): readonly RosterEntry[] => {
    const line = connected.get(host);
    const offer = line && offerOf(line, upstream);
    return offer ? [{ card: asOffered(card, offer), upstream, ...line }] : [];
  });
  if (!first) return [];
  return elsewhere.length > 0 ? [{ ...first, elsewhere }] : [first];
};

/** The entries that a key may use, each at the first provider whose data region the key admits; null admits all. */
export const withinDataRegions = (
  entries: readonly RosterEntry[],
  admitted: readonly string[] | null,
): readonly RosterEntry[] =>
  admitted === null
    ? entries
    : entries.flatMap(
        (entry) =>
          [entry, ...(entry.elsewhere ?? [])].find(({ connection }) => admits(admitted, connection.dataRegion)) ?? [],
      );

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
