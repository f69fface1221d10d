/** The linear policy found by sep-CMA-ES, Trinity's optimizer, on few coordinates and without a gradient. */
import { createRandom } from "../fit/random.ts";
import type { Candidate } from "./candidate.ts";
import { qualityBy, scoreInto, sizeOf, zeroQuality, type Parameters } from "./linear-policy.ts";
import { evolve } from "./sep-cma-es.ts";
import { drawSituation, type Situation } from "./situations.ts";
import type { QualityOf, Training } from "./training.ts";

export const evolvedDimensions = 16;
const batch = 256;

type Settings = { readonly spread: number; readonly generations: number };

const choices: readonly Settings[] = [
  { spread: 0.05, generations: 200 },
  { spread: 0.05, generations: 500 },
  { spread: 0.2, generations: 500 },
];

export const evolvedPolicy: Candidate = {
  name: `sep-CMA-ES, ${evolvedDimensions} coordinates`,
  variants: choices.map((settings) => ({
    label: `spread ${settings.spread}, ${settings.generations} generations`,
    fit: (training) => fitEvolved(training, settings),
  })),
};

/** Every generation is judged in situations of its own, the same for all its members, by what its best utility asks. */
const fitEvolved = (training: Training, { spread, generations }: Settings): QualityOf => {
  const random = createRandom(training.seed + 7);
  const workers = training.field.pool.length;
  const coordinates = standardized(training);
  const scores = new Float64Array(workers);
  let situations: readonly Situation[] = [];
  let drawnFor = 0;
  const objective = (parameters: Parameters, generation: number): number => {
    if (generation !== drawnFor) {
      situations = Array.from({ length: batch }, () => drawSituation(training, random));
      drawnFor = generation;
    }
    let sum = 0;
    for (const situation of situations) {
      scoreInto(scores, parameters, coordinates[situation.text] ?? new Float64Array(0));
      sum -= situation.weight * worthOfBest(situation, scores);
    }
    return sum / batch;
  };
  const start = new Float64Array(sizeOf(workers, evolvedDimensions));
  const parameters = evolve(objective, { start, spread, generations, random });
  return qualityBy(training, coordinates, { parameters, scale: 1, known: zeroQuality(training) });
};

const worthOfBest = ({ worth, price }: Situation, scores: Float64Array): number => {
  let best = Number.NEGATIVE_INFINITY;
  let reached = 0;
  for (let worker = 0; worker < scores.length; worker++) {
    const value = worth[worker] ?? Number.NaN;
    const utility = (scores[worker] ?? 0) - (price[worker] ?? 0);
    if (Number.isNaN(value) || utility <= best) continue;
    [best, reached] = [utility, value];
  }
  return reached;
};

/** The strongest coordinates with the training texts' mean taken off, each with their standard deviation as its unit. */
const standardized = ({ coordinates, texts }: Training): readonly Float64Array[] => {
  const scales = Array.from({ length: evolvedDimensions }, (_, at) => {
    const values = texts.map((text) => coordinates[text]?.[at] ?? 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, unit: Math.sqrt(variance) || 1 };
  });
  return coordinates.map((line) => Float64Array.from(scales, ({ mean, unit }, at) => ((line[at] ?? 0) - mean) / unit));
};
