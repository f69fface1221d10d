/** A new worker's profile in a head, from its recorded outcomes and what the known workers did on the same prompts. */
import { maxStandardError } from "../../../shared/decide.ts";
import type { HeadJson } from "../../../shared/head.ts";
import { placePrompt, typesOf, type Ground, type Reading } from "./ground.ts";
import { scoreOf, sigmoid, type Item, type Observation } from "./model.ts";
import { choosePrompts, estimate, placeWorker, type Estimate } from "./place.ts";
import { outputTokensOf } from "../fit/fit-strengths.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import type { Outcome } from "../recordings/recordings.ts";

export type Profile = HeadJson["profiles"][number];

type Given = { readonly ground: Ground; readonly reading: Reading };

/** What the worker's outcomes say; calls that failed, and prompts whose text is not known, say nothing. */
export const observe = (
  worker: string,
  prompts: readonly Prompt[],
  { ground, reading }: Given,
): readonly Observation[] =>
  prompts.filter(isReadable).flatMap((prompt) => {
    const score = scoreOf(prompt.models[worker]);
    return score === null ? [] : [{ ...placePrompt(prompt, ground, reading), score }];
  });

/** `date` is the day of the calibration. Throws when no outcome of the worker's counts. */
export const fitProfile = (
  worker: string,
  prompts: readonly Prompt[],
  { ground, reading, date }: Given & { readonly date: string },
): Profile => {
  const observations = observe(worker, prompts, { ground, reading });
  if (observations.length === 0) throw new Error(`${worker}: no outcome to calibrate on`);
  const { mean, strengths } = placeOn(observations, { ground, reading });
  const rows = prompts.filter(isReadable).flatMap((prompt) => {
    const outcome = prompt.models[worker];
    return outcome ? [{ outcome, types: typesOf(prompt.texts[0] ?? "", reading) }] : [];
  });
  return {
    name: worker,
    mean: round(mean.value),
    strengths: strengths.map(({ value }) => round(value)),
    evidence: countByType(
      rows.filter(({ outcome }) => scoreOf(outcome) !== null).map(({ types }) => types),
      strengths.length,
    ),
    outputTokens: amountsByType(rows, strengths.length, outputTokensOf),
    latencyMs: amountsByType(rows, strengths.length, (outcome) =>
      outcome.imputed ? null : (outcome.latency_ms ?? null),
    ),
    calibration: {
      prompts: observations.length,
      date,
      standardErrors: strengths.map(({ error }) => round(error)),
      standardErrorOfMean: round(mean.error),
    },
  };
};

/** Where nothing was asked any quality is thought possible, however alike the known workers are. */
const unasked = 0.5;

type Standing = { readonly mean: Estimate; readonly strengths: readonly Estimate[] };

/** Mean and strengths by the head's types. A type that no recording has counts as the mean, unasked. */
const placeOn = (observations: readonly Observation[], { ground: { cohort }, reading }: Given): Standing => {
  const posterior = placeWorker(cohort, observations);
  const groups = new Set(
    observations.flatMap(({ types }) =>
      types.flatMap((weight, type) => (weight >= 0.5 ? [cohort.types[type]?.group] : [])),
    ),
  );
  const withUnasked = (items: readonly Item[]): Estimate | null => {
    const estimated = estimate(items, posterior);
    const total = sum(items.map(({ weight }) => weight));
    const share = sum(items.map(({ type, weight }) => (groups.has(cohort.types[type]?.group) ? 0 : weight))) / total;
    return estimated && { value: estimated.value, error: Math.hypot(estimated.error, share * unasked) };
  };
  const mean = withUnasked(cohort.items) ?? { value: 0.5, error: unasked };
  return {
    mean,
    strengths: reading.populations.map((items) => withUnasked(items) ?? { value: mean.value, error: unasked }),
  };
};

/** Head types on which the worker is well known. */
export const wellKnownTypes = ({ calibration }: Profile): number =>
  calibration?.standardErrors.filter((error) => error <= maxStandardError).length ?? 0;

/** How many types would be well known after so many more prompts, were they chosen and answered as expected. */
export const foreseeTypes = (
  observations: readonly Observation[],
  {
    ground,
    reading,
    candidates,
    counts,
  }: Given & { readonly candidates: readonly Item[]; readonly counts: readonly number[] },
): readonly { readonly prompts: number; readonly types: number }[] => {
  const posterior = placeWorker(ground.cohort, observations);
  const chosen = choosePrompts(ground.cohort, posterior, { candidates, count: Math.max(...counts) });
  return counts.map((prompts) => {
    const foreseen = chosen.slice(0, prompts).map(({ type, logit }) => ({
      types: ground.cohort.types.map((_, at) => (at === type ? 1 : 0)),
      logit,
      score: sigmoid(logit + (posterior.mean[type] ?? 0)),
    }));
    const { strengths } = placeOn([...observations, ...foreseen], { ground, reading });
    return { prompts, types: strengths.filter(({ error }) => error <= maxStandardError).length };
  });
};

const countByType = (rows: readonly (readonly number[])[], types: number): number[] => {
  const counts = Array.from({ length: types }, () => 0);
  for (const probabilities of rows) {
    const type = probabilities.indexOf(Math.max(...probabilities));
    counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
};

/** Outcomes that the mean over all types is worth: amounts vary by a factor of ten between types. */
const amountPrior = 2;

const amountsByType = (
  rows: readonly { readonly outcome: Outcome; readonly types: readonly number[] }[],
  types: number,
  amountOf: (outcome: Outcome) => number | null,
): (number | null)[] => {
  const known = rows.flatMap(({ outcome, types: probabilities }) => {
    const amount = amountOf(outcome);
    return amount === null ? [] : [{ amount, type: probabilities.indexOf(Math.max(...probabilities)) }];
  });
  if (known.length === 0) return Array.from({ length: types }, () => null);
  const mean = sum(known.map(({ amount }) => amount)) / known.length;
  return Array.from({ length: types }, (_, type) => {
    const own = known.filter((row) => row.type === type).map(({ amount }) => amount);
    return Math.round((sum(own) + amountPrior * mean) / (own.length + amountPrior));
  });
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const round = (value: number): number => Number(value.toPrecision(4));
