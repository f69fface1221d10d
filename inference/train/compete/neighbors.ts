import type { Candidate } from "./candidate.ts";
import { meanQuality } from "./ridge.ts";
import type { QualityOf, Training } from "./training.ts";

/** Texts' worth of the worker's mean. */
const prior = 3;

/** Mean outcome of the most similar training texts. */
export const neighbors: Candidate = {
  name: "k nearest neighbors",
  variants: [5, 10, 20, 40, 80].map((count) => ({
    label: `k ${count}`,
    fit: (training) => fitNeighbors(training, count),
  })),
};

const fitNeighbors = (training: Training, count: number): QualityOf => {
  const { field, texts, outcomes, weights } = training;
  const means = meanQuality(training)(0);
  return (text) => {
    const line = field.gram[text] ?? new Float64Array(0);
    const near = Array.from(texts, (other, at) => ({ at, similarity: line[other] ?? 0 }))
      .toSorted((a, b) => b.similarity - a.similarity)
      .slice(0, count);
    return Float64Array.from(field.pool, (_, worker) => {
      let sum = prior * (means[worker] ?? 0);
      let total = prior;
      for (const { at } of near) {
        const outcome = outcomes[at]?.[worker] ?? Number.NaN;
        if (Number.isNaN(outcome)) continue;
        sum += (weights[at] ?? 0) * outcome;
        total += weights[at] ?? 0;
      }
      return sum / total;
    });
  };
};
