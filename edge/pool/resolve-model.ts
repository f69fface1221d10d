import { distance } from "fastest-levenshtein";
import type { ReasoningEffort } from "../../shared/chat.ts";
import { reasoningEfforts } from "../../shared/chat.ts";
import type { Tier } from "../../shared/decision.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { retirementOf } from "../../shared/retirements.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import { createMemory } from "../runtime/memory.ts";

/** What a model name stands for: a tier of Shoal, or one worker straight through. `by`: who named it, unless the client. */
export type ModelChoice =
  | { readonly kind: "tier"; readonly tier: Tier }
  | {
      readonly kind: "worker";
      readonly id: string;
      readonly effort: ReasoningEffort | null;
      readonly by?: "baseline";
    };

/** Public names of the tiers; Fugu's names are aliases. */
const tierNames: Readonly<Record<string, Tier>> = {
  "shoal-mini": "mini",
  "shoal-ultra": "ultra",
  fugu: "mini",
  "fugu-mini": "mini",
  "fugu-ultra": "ultra",
};

/** Names in Shoal's own name can be pinned to the day of the weights that decide, e.g. `shoal-mini-2026-12-01`. */
const pinned: readonly string[] = ["shoal-mini", "shoal-ultra"];

export type KnownModels = {
  readonly cards: readonly WorkerCard[];
  /** The day of the weights: the only one that can be pinned, since no others are kept. */
  readonly weightsDate: string;
};

const namesByDate = createMemory<ReadonlyMap<string, Tier>>(8);

/** Every name of a tier: the two, their aliases, and the pins that hold. */
export const namesOfTiers = (weightsDate: string): ReadonlyMap<string, Tier> => {
  const known = namesByDate.get(weightsDate);
  if (known) return known;
  const names = listTierNames(weightsDate);
  namesByDate.set(weightsDate, names);
  return names;
};

const listTierNames = (weightsDate: string): ReadonlyMap<string, Tier> =>
  new Map([
    ...Object.entries(tierNames),
    ...pinned.flatMap((name): [string, Tier][] => {
      const tier = tierNames[name];
      return tier === undefined ? [] : [[`${name}-${weightsDate}`, tier]];
    }),
  ]);

/**
 * A tier's name, an alias, a dated pin, `<provider>/<model>` or `<provider>/<model>@<effort>`. Else `retired_model` with
 * the successor, or `unknown_model` with the nearest names. `now`: milliseconds since the epoch.
 */
export const resolveModel = (
  name: string,
  { cards, weightsDate }: KnownModels,
  now: number,
): Result<ModelChoice, ShoalError> => {
  const tiers = namesOfTiers(weightsDate);
  const tier = tiers.get(name);
  if (tier !== undefined) return ok({ kind: "tier", tier });
  const [id = "", effort, ...rest] = name.split("@", 3);
  const known = reasoningEfforts.find((candidate) => candidate === effort) ?? null;
  const wellFormed = rest.length === 0 && (effort === undefined || known !== null);
  const retired = wellFormed ? retirementOf(id, now) : null;
  if (retired) return err({ kind: "retired_model", model: id, on: retired.on, successor: retired.successor });
  if (wellFormed && cards.some((card) => card.id === id)) return ok({ kind: "worker", id, effort: known });
  const ids = cards.map((card) => card.id).filter((candidate) => retirementOf(candidate, now) === null);
  return err({ kind: "unknown_model", model: name.slice(0, 200), nearest: nearest(name, [...tiers.keys(), ...ids]) });
};

/** The names that somebody may have meant, at most three. */
export const nearest = (name: string, names: readonly string[]): readonly string[] =>
  names
    .map((candidate) => ({ candidate, ...closeness(name.slice(0, 100), candidate) }))
    .filter(({ edits, length }) => edits <= length / 2)
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ candidate }) => candidate);

/** A worker is also meant by who leaves out its provider. */
const closeness = (name: string, candidate: string): { readonly edits: number; readonly length: number } => {
  const model = candidate.slice(candidate.indexOf("/") + 1);
  const [whole, part] = [distance(name, candidate), distance(name, model)];
  return part < whole ? { edits: part, length: model.length } : { edits: whole, length: candidate.length };
};
