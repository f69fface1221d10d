/** What a new worker is compared with: the recordings that the weights learnt from, as the weights read their texts. */
import type { Features, Head } from "../../../shared/head.ts";
import { predict } from "../../../shared/head.ts";
import { fitCohort, joinCohorts, logitOf, scoreOf, type Cohort, type Item } from "./model.ts";
import type { KnownSet } from "../recordings/known-sets.ts";
import type { Prompt } from "../recordings/prompts.ts";

export type Ground = {
  readonly cohort: Cohort;
  /** By id of the recorded prompt. */
  readonly items: ReadonlyMap<string, Item>;
  readonly prompts: readonly Prompt[];
};

export const fitGround = (sets: readonly Pick<KnownSet, "prompts" | "pools">[]): Ground => {
  const cohorts = sets.map(({ prompts, pools }) => {
    const names = [...new Set(prompts.map(({ type }) => type))].toSorted();
    const labeled = prompts.map(({ id, type, models }) => ({ id, models, type: names.indexOf(type) }));
    return fitCohort(labeled, [...new Set(pools.flat())], names.length);
  });
  const cohort = joinCohorts(cohorts);
  return {
    cohort,
    items: new Map(cohort.items.map((item) => [item.id, item])),
    prompts: sets.flatMap(({ prompts }) => prompts),
  };
};

/** A head, and what it reads of a text. */
export type Reader = { readonly head: Head; readonly featuresOf: (text: string) => Features };

/** The ground under one head's own task types. */
export type Reading = Reader & {
  /** By type of the head: recorded prompts that it takes for that type, once for each of their texts. */
  readonly populations: readonly (readonly Item[])[];
  /** By type of the head: how such prompts are distributed over the cohort's types. */
  readonly mixtures: readonly (readonly number[])[];
};

export const readGround = ({ cohort, items, prompts }: Ground, reader: Reader): Reading => {
  const populations = reader.head.types.map((): Item[] => []);
  for (const prompt of prompts) {
    const item = items.get(prompt.id);
    for (const text of item ? prompt.texts : []) {
      const probabilities = typesOf(text, reader);
      const type = probabilities.indexOf(Math.max(...probabilities));
      if (item) populations[type]?.push(item);
    }
  }
  return { ...reader, populations, mixtures: populations.map((population) => mixtureOf(population, cohort)) };
};

/** How likely each of the head's types is. */
export const typesOf = (text: string, { head, featuresOf }: Reader): readonly number[] => {
  const likely = new Map(predict(head, featuresOf(text), []).types.map(({ name, probability }) => [name, probability]));
  return head.types.map((name) => likely.get(name) ?? 0);
};

const mixtureOf = (population: readonly Item[], { types }: Cohort): readonly number[] => {
  const total = population.reduce((sum, { weight }) => sum + weight, 0);
  const mixture = types.map(() => 0);
  for (const { type, weight } of population) mixture[type] = (mixture[type] ?? 0) + weight / total;
  return mixture;
};

/** How a prompt stands to the cohort: how likely each of its types is, and what its workers would do. */
export type Placed = { readonly types: readonly number[]; readonly logit: number };

/** Recorded prompts by what was recorded; others by what the head predicts for the workers that were trained on such. */
export const placePrompt = (prompt: Prompt, { cohort, items }: Ground, reading: Reading): Placed => {
  const item = items.get(prompt.id);
  if (item) return { types: cohort.types.map((_, type) => (type === item.type ? 1 : 0)), logit: item.logit };
  const probabilities = typesOf(prompt.texts[0] ?? "", reading);
  const types = cohort.types.map((_, type) =>
    reading.mixtures.reduce((sum, mixture, at) => sum + (probabilities[at] ?? 0) * (mixture[type] ?? 0), 0),
  );
  return { types, logit: logitOf(expectedOf(prompt, probabilities, reading)) };
};

/** Outcomes on one prompt at which half of their deviation from what the head predicts is believed. */
const believed = 2;

const expectedOf = (prompt: Prompt, probabilities: readonly number[], { head }: Reading): number => {
  const trained = [...head.profiles.values()].filter((profile) => !profile.calibration);
  const level = probabilities.reduce((sum, probability, type) => {
    const strengths = trained.flatMap(({ evidence, strengths: own }) =>
      (evidence[type] ?? 0) > 0 ? (own[type] ?? []) : [],
    );
    return sum + probability * (strengths.length === 0 ? 0.5 : average(strengths));
  }, 0);
  const residuals = trained.flatMap(({ name, strengths }) => {
    const score = scoreOf(prompt.models[name]);
    if (score === null) return [];
    return score - strengths.reduce((sum, strength, type) => sum + strength * (probabilities[type] ?? 0), 0);
  });
  return level + residuals.reduce((sum, residual) => sum + residual, 0) / (residuals.length + believed);
};

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
