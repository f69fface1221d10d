/** Expected-reward gradient: a linear policy that asks each worker with a probability, improved on recorded outcomes. */
import { createRandom } from "../fit/random.ts";
import type { Candidate } from "./candidate.ts";
import { addOuter, qualityBy, scoreInto, sizeOf, zeroQuality, type Parameters } from "./linear-policy.ts";
import { drawSituation, type Situation } from "./situations.ts";
import type { QualityOf, Training } from "./training.ts";
import { fitTyped } from "./task-types.ts";

type Settings = { readonly temperature: number; readonly penalty: number };

const choices: readonly Settings[] = [0.1, 0.3].flatMap((temperature) =>
  [0.01, 0.03].map((penalty) => ({ temperature, penalty })),
);

const variantsFrom = (start: (training: Training) => QualityOf): Candidate["variants"] =>
  choices.map((settings) => ({
    label: `temperature ${settings.temperature}, decay ${settings.penalty}`,
    fit: (training) => fitPolicy(training, start(training), settings),
  }));

export const policyFromZero: Candidate = { name: "expected-reward gradient", variants: variantsFrom(zeroQuality) };

export const policyFromTypes: Candidate = {
  name: "expected-reward gradient from types × strengths",
  variants: variantsFrom((training) => fitTyped(training)),
};

const steps = 500;
const batch = 96;
const rate = 0.03;
/** Adam's, as its authors set them (Kingma & Ba 2015). */
const adam = { first: 0.9, second: 0.999, least: 1e-8 } as const;

/** Gradient ascent on the expected worth of what a softmax over utilities asks; no outcome has to be sampled. */
const fitPolicy = (training: Training, known: QualityOf, { temperature, penalty }: Settings): QualityOf => {
  const { field, coordinates } = training;
  const random = createRandom(training.seed + 5);
  const size = sizeOf(field.pool.length, coordinates[0]?.length ?? 0);
  const parameters: Parameters = new Float64Array(size);
  const moments = { first: new Float64Array(size), second: new Float64Array(size) };
  const scores = new Float64Array(field.pool.length);
  for (let step = 1; step <= steps; step++) {
    const gradient = parameters.map((value) => -penalty * value);
    for (let drawn = 0; drawn < batch; drawn++) {
      const situation = drawSituation(training, random);
      const row = coordinates[situation.text] ?? new Float64Array(0);
      scoreInto(scores, parameters, row);
      const slopes = slopesOf(situation, scores, { known: known(situation.text), temperature });
      addOuter(
        gradient,
        slopes.map((slope) => slope / batch),
        row,
      );
    }
    climb(parameters, gradient, { moments, step });
  }
  return qualityBy(training, coordinates, { parameters, scale: 1, known });
};

/** By worker, how the expected worth grows with its quality. */
const slopesOf = (
  { worth, price, weight }: Situation,
  scores: Float64Array,
  { known, temperature }: { readonly known: Float64Array; readonly temperature: number },
): Float64Array => {
  const utilities = scores.map((score, worker) => (score + (known[worker] ?? 0) - (price[worker] ?? 0)) / temperature);
  const top = utilities.reduce(
    (best, value, worker) => (isOpen(worth, worker) ? Math.max(best, value) : best),
    -Infinity,
  );
  const parts = utilities.map((value, worker) => (isOpen(worth, worker) ? Math.exp(value - top) : 0));
  const total = parts.reduce((sum, part) => sum + part, 0);
  // Where no outcome of the pool is known there is nothing to learn.
  if (total === 0) return parts;
  const expected = parts.reduce(
    (sum, part, worker) => sum + (part === 0 ? 0 : (part / total) * (worth[worker] ?? 0)),
    0,
  );
  return parts.map((part, worker) =>
    part === 0 ? 0 : (weight * (part / total) * ((worth[worker] ?? 0) - expected)) / temperature,
  );
};

const isOpen = (worth: Float64Array, worker: number): boolean => !Number.isNaN(worth[worker]);

type Climb = {
  readonly moments: { readonly first: Float64Array; readonly second: Float64Array };
  readonly step: number;
};

const climb = (parameters: Parameters, gradient: Parameters, { moments: { first, second }, step }: Climb): void => {
  const pace = rate * (1 - (step - 1) / steps);
  for (let at = 0; at < parameters.length; at++) {
    const slope = gradient[at] ?? 0;
    first[at] = adam.first * (first[at] ?? 0) + (1 - adam.first) * slope;
    second[at] = adam.second * (second[at] ?? 0) + (1 - adam.second) * slope * slope;
    const mean = (first[at] ?? 0) / (1 - adam.first ** step);
    const spread = Math.sqrt((second[at] ?? 0) / (1 - adam.second ** step));
    parameters[at] = (parameters[at] ?? 0) + (pace * mean) / (spread + adam.least);
  }
};
