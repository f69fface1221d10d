import type { HeadJson } from "./head.ts";
import type { WorkerCard } from "./workers.ts";

/** What of the weights says who is known: the profiles, and when they were trained. */
export type Known = {
  readonly profiles: ReadonlyMap<string, HeadJson["profiles"][number]>;
  readonly date: string;
};

/** What a worker's strengths rest on. */
export type Evidence = {
  /** The model that the outcomes are of: the worker itself, or the relative that stands in for it. */
  readonly model: string;
  /** Recorded outcomes. */
  readonly prompts: number;
  readonly date: string;
  /** Standard error (0 to 1) of the mean quality of a worker placed by calibration; null for one trained on. */
  readonly standardError: number | null;
};

/**
 * The card with the profile that the weights have for it: one of the worker's own id comes before the recorded model or
 * relative that the card names, and one that they lack is as good as none.
 */
export const identify = (card: WorkerCard, { profiles }: Known): WorkerCard => {
  if (profiles.has(card.id)) return { ...card, profile: card.id, strengths: "measured" };
  if (card.profile === null || profiles.has(card.profile)) return card;
  return { ...card, profile: null, strengths: "none" };
};

/** What an identified card's strengths rest on; null when on nothing. */
export const evidenceOf = (card: WorkerCard, { profiles, date }: Known): Evidence | null => {
  const profile = profiles.get(card.profile ?? "");
  if (!profile) return null;
  const { name, evidence, calibration } = profile;
  return {
    model: name,
    prompts: calibration?.prompts ?? evidence.reduce((sum, outcomes) => sum + outcomes, 0),
    date: calibration?.date ?? date,
    standardError: calibration?.standardErrorOfMean ?? null,
  };
};
