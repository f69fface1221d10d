/** Nested cross-validation by problem: inner folds choose each candidate's settings, outer folds score it with these. */
import { preferenceTable } from "../../../shared/preference.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import { foldsByProblem } from "../fit/random.ts";
import type { Candidate, Variant } from "./candidate.ts";
import type { Field } from "./field.ts";
import { openTraining, type Options, type QualityOf, type Training } from "./training.ts";

const outerFolds = 5;
const innerFolds = 3;
/** Settings are chosen by the mean utility at these. */
const judgedBy = [preferenceTable.quality, preferenceTable.balanced];

export type OuterFold = {
  /** Of every prompt whose problem is in no scored prompt. */
  readonly training: Training;
  readonly learnt: readonly Prompt[];
  readonly scored: readonly Prompt[];
};

export const openOuterFolds = (field: Field, prompts: readonly Prompt[], options: Options): readonly OuterFold[] =>
  split(prompts, outerFolds, options.seed).map(({ learnt, scored }) => ({
    training: openTraining(field, learnt, options),
    learnt,
    scored: scored.filter(isReadable),
  }));

export type Fitted = { readonly label: string; readonly qualityOf: QualityOf };

/** Each candidate with the settings that did best on inner folds, fitted on all that the outer fold may learn from. */
export const fitCandidates = (
  { training, learnt }: OuterFold,
  candidates: readonly Candidate[],
): readonly (readonly [Candidate, Fitted])[] => {
  const { field, seed } = training;
  const sums = new Map<Variant, number>();
  for (const inner of split(learnt, innerFolds, seed + 11)) {
    const opened = openTraining(field, inner.learnt, { seed, exact: false });
    const texts = inner.scored.flatMap((prompt) => field.textsOf.get(prompt) ?? []);
    for (const variant of candidates.flatMap(({ variants }) => variants))
      sums.set(variant, (sums.get(variant) ?? 0) + utilityOf(opened, variant.fit(opened), texts));
  }
  return candidates.map((candidate) => {
    const best = candidate.variants.reduce((first, next) =>
      (sums.get(next) ?? 0) > (sums.get(first) ?? 0) ? next : first,
    );
    return [candidate, { label: best.label, qualityOf: best.fit(training) }];
  });
};

type Split = { readonly learnt: readonly Prompt[]; readonly scored: readonly Prompt[] };

const split = (prompts: readonly Prompt[], count: number, seed: number): readonly Split[] => {
  const folds = foldsByProblem(
    prompts.map((prompt) => prompt.problem),
    count,
    seed,
  );
  return Array.from({ length: count }, (_, fold) => ({
    learnt: prompts.filter((_prompt, at) => folds[at] !== fold),
    scored: prompts.filter((_prompt, at) => folds[at] === fold),
  }));
};

/** Recorded score less λ times recorded dollars of the worker that the qualities lead to, summed over texts. */
const utilityOf = ({ field, expenses }: Training, qualityOf: QualityOf, texts: readonly number[]): number => {
  let sum = 0;
  for (const text of texts) {
    const quality = qualityOf(text);
    const expense = expenses[text];
    for (const { lambda, mu } of judgedBy) {
      const utilities = quality.map(
        (value, worker) => value - lambda * (expense?.dollars[worker] ?? 0) - mu * (expense?.seconds[worker] ?? 0),
      );
      const outcome = field.texts[text]?.prompt.models[field.pool[utilities.indexOf(Math.max(...utilities))] ?? ""];
      sum += (outcome?.correct ?? 0) - lambda * (outcome?.cost_usd ?? 0);
    }
  }
  return sum;
};
