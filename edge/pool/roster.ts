import { evidenceOf, identify, type Evidence, type Known } from "../../shared/identity.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import { createRegistry, type Connected, type Registry } from "../providers/index.ts";
import type { ProviderEnv } from "../providers/provider.ts";

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
    if (line) return [{ card, upstream, ...line }];
  }
  return [];
};
