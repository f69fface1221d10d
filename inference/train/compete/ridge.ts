/** Ridge regression of every worker's outcome on the features; and of what task types leave of it, on n-grams. */
import { dotWeights, fitRidge, type Row } from "../fit/linear.ts";
import type { Candidate } from "./candidate.ts";
import type { QualityOf, Training } from "./training.ts";
import { fitTyped } from "./task-types.ts";

export const ridge: Candidate = {
  name: "ridge on outcomes",
  variants: [1, 3, 10, 30].map((penalty) => ({
    label: `ridge ${penalty}`,
    fit: (training) => fitFrom(training, meanQuality(training), { penalty, ngrams: false }),
  })),
};

export const residual: Candidate = {
  name: "types × strengths + ridge residual",
  variants: [10, 30, 100].map((penalty) => ({
    label: `ridge ${penalty}`,
    fit: (training) => fitFrom(training, fitTyped(training), { penalty, ngrams: true }),
  })),
};

/** Each worker's mean, whatever the text. */
export const meanQuality = ({ field, outcomes, weights }: Training): QualityOf => {
  const means = Float64Array.from(field.pool, (_, worker) => {
    let sum = 0;
    let total = 0;
    for (const [at, line] of outcomes.entries()) {
      const outcome = line[worker] ?? Number.NaN;
      if (Number.isNaN(outcome)) continue;
      sum += (weights[at] ?? 0) * outcome;
      total += weights[at] ?? 0;
    }
    return total > 0 ? sum / total : 0;
  });
  return () => means;
};

type Options = { readonly penalty: number; readonly ngrams: boolean };

/** A known quality and a regression of what it leaves. An outcome that is not known leaves nothing. */
const fitFrom = (training: Training, known: QualityOf, { penalty, ngrams }: Options): QualityOf => {
  const { field, texts, outcomes, weights } = training;
  const gram = ngrams ? field.ngramGram : field.gram;
  const rowOf = (text: number): Row => {
    const row = field.texts[text]?.row ?? { dense: null, sparse: null };
    return ngrams ? { dense: null, sparse: row.sparse } : row;
  };
  const kernel = texts.map((text) => Float64Array.from(texts, (other) => gram[text]?.[other] ?? 0));
  const targets = field.pool.map((_, worker) =>
    texts.map((text, at) => {
      const outcome = outcomes[at]?.[worker] ?? Number.NaN;
      return Number.isNaN(outcome) ? 0 : outcome - (known(text)[worker] ?? 0);
    }),
  );
  const models = fitRidge(texts.map(rowOf), kernel, targets, {
    ridge: penalty,
    shape: field.shape,
    rowWeights: weights,
  });
  return (text) => {
    const row = rowOf(text);
    const base = known(text);
    return Float64Array.from(
      models,
      ({ weights: own, bias }, worker) => (base[worker] ?? 0) + bias + dotWeights(own, row, field.shape),
    );
  };
};
