/** Task types × strengths: what ships. */
import { fitStrengths, shippedPriors, type Priors } from "../fit/fit-strengths.ts";
import type { Candidate } from "./candidate.ts";
import type { QualityOf, Training } from "./training.ts";

const choices: readonly Priors[] = [
  shippedPriors,
  { toMean: 3, toDomain: 3 },
  { toMean: 3, toDomain: 30 },
  { toMean: 10, toDomain: 10 },
];

export const taskTypes: Candidate = {
  name: "task types × strengths (ships)",
  variants: choices.map((priors) => ({
    label: `shrinkage ${priors.toMean}, ${priors.toDomain}`,
    fit: (training) => fitTyped(training, priors),
  })),
};

export const fitTyped = ({ field, labeled, domains, probabilities }: Training, priors = shippedPriors): QualityOf => {
  const strengths = field.pool.map((name) => fitStrengths(name, labeled, domains, priors).strengths);
  return (text) => {
    const shares = probabilities[text] ?? [];
    return Float64Array.from(strengths, (worker) =>
      worker.reduce((sum, strength, type) => sum + strength * (shares[type] ?? 0), 0),
    );
  };
};
