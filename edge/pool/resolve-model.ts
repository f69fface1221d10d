import { distance } from "fastest-levenshtein";
import type { ReasoningEffort } from "../../shared/chat.ts";
import { reasoningEfforts } from "../../shared/chat.ts";
import type { Tier } from "../../shared/decision.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { WorkerCard } from "../../shared/workers.ts";

/** What a model name stands for: a tier of Shoal, or one worker straight through. */
export type ModelChoice =
  | { readonly kind: "tier"; readonly tier: Tier }
  | { readonly kind: "worker"; readonly id: string; readonly effort: ReasoningEffort | null };

/** Public names of the tiers; Fugu's names are aliases. */
export const tierNames: Readonly<Record<string, Tier>> = {
  "shoal-mini": "mini",
  "shoal-ultra": "ultra",
  fugu: "mini",
  "fugu-mini": "mini",
  "fugu-ultra": "ultra",
};

/** `shoal-mini`, an alias, `<provider>/<model>` or `<provider>/<model>@<effort>`; else `unknown_model` with the nearest names. */
export const resolveModel = (name: string, cards: readonly WorkerCard[]): Result<ModelChoice, ShoalError> => {
  const workerIds = cards.map((card) => card.id);
  const tier = Object.hasOwn(tierNames, name) ? tierNames[name] : undefined;
  if (tier !== undefined) return ok({ kind: "tier", tier });
  const [id = "", effort, ...rest] = name.split("@");
  const known = reasoningEfforts.find((candidate) => candidate === effort) ?? null;
  if (workerIds.includes(id) && rest.length === 0 && (effort === undefined || known !== null)) {
    return ok({ kind: "worker", id, effort: known });
  }
  return err({
    kind: "unknown_model",
    model: name.slice(0, 200),
    nearest: nearest(name, [...Object.keys(tierNames), ...workerIds]),
  });
};

const nearest = (name: string, names: readonly string[]): readonly string[] =>
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
