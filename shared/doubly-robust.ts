/**
 * What scored answers say of a policy that did not give them: doubly robust estimates (Dudík, Langford and Li, "Doubly
 * robust policy evaluation and learning", 2011, arXiv 1103.4601). The quality that the conductor foresaw stands for what
 * was not tried, and is corrected by what was: right when the foresight or the logged propensities are right.
 */

/** One answer to one prompt, as it was decided and scored. */
export type LoggedAnswer = {
  /** Quality (0 to 1) that was foreseen of every worker, before the score was known. */
  readonly qualities: Readonly<Record<string, number>>;
  /** The worker that the conductor put first. */
  readonly best: string;
  /** The worker that answered. */
  readonly chosen: string;
  /** How likely each worker was to be chosen; absent: it could not be. */
  readonly propensities: Readonly<Record<string, number>>;
  /** 0 to 1. */
  readonly score: number;
};

/** How a scored answer was decided. */
export type DecidedAnswer = {
  /** The worker that answered. */
  readonly worker: string;
  /** The worker that the conductor put first; null where it decided nothing. */
  readonly best: string | null;
  /** The worker that was to answer, and how likely each was to be it; null where none was drawn. */
  readonly drawn: { readonly worker: string; readonly propensities: Readonly<Record<string, number>> } | null;
  /** Of every worker the quality (0 to 1) that the weights foresaw, and with the tenant's correction as of then. */
  readonly foreseen: Readonly<Record<string, { readonly quality: number; readonly corrected: number }>>;
};

/** Null where nothing was drawn, or another stood in for the worker that was: its answer is no answer of either. */
export const toLoggedAnswer = ({ worker, best, drawn, foreseen }: DecidedAnswer, score: number): LoggedAnswer | null =>
  best === null || drawn === null || drawn.worker !== worker
    ? null
    : {
        qualities: Object.fromEntries(Object.entries(foreseen).map(([name, { corrected }]) => [name, corrected])),
        best,
        chosen: worker,
        propensities: drawn.propensities,
        score,
      };

export type Estimate = {
  /** Mean score (0 to 1). */
  readonly value: number;
  /** The interval that holds it with 95 % probability. */
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
  /** Evenly weighted answers of the policy itself that would say as much as those that happened to be its own. */
  readonly effectiveSampleSize: number;
};

export type Evaluation = {
  /** Scored answers whose draw was logged. */
  readonly answers: number;
  /** Those of them where both the conductor's and the baseline's worker could have been drawn: what is estimated on. */
  readonly usable: number;
} & (
  | {
      readonly identified: true;
      readonly conductor: Estimate;
      readonly baseline: Estimate;
      /** The conductor's mean score less the baseline's. */
      readonly difference: Omit<Estimate, "effectiveSampleSize">;
    }
  | { readonly identified: false; readonly reason: string }
);

/** Below so many answers, or so many by the baseline, no interval means what it says. */
const leastAnswers = 30;
const leastOfBaseline = 10;
/** An estimate on a smaller part of the answers would not be one of the tenant's traffic. */
const leastUsable = 0.5;

/** The conductor, as it decides without drawing, against one worker that answers everything. */
export const evaluate = (answers: readonly LoggedAnswer[], baseline: string): Evaluation => {
  const usable = answers.filter((answer) => isUsable(answer, answer.best) && isUsable(answer, baseline));
  const counts = { answers: answers.length, usable: usable.length };
  const reason = whyNot(answers, usable, baseline);
  if (reason !== null) return { ...counts, identified: false, reason };
  const ofConductor = usable.map((answer) => termOf(answer, answer.best));
  const ofBaseline = usable.map((answer) => termOf(answer, baseline));
  const conductor = estimate(ofConductor);
  const baselines = estimate(ofBaseline);
  const { effectiveSampleSize } = baselines;
  const differences = ofConductor.map((term, at) => term.value - (ofBaseline[at]?.value ?? 0));
  return {
    ...counts,
    identified: true,
    conductor,
    baseline: baselines,
    difference: intervalOf(differences, effectiveSampleSize),
  };
};

const whyNot = (answers: readonly LoggedAnswer[], usable: readonly LoggedAnswer[], baseline: string): string | null => {
  if (answers.length === 0)
    return "no scored answer has a logged propensity: exploration is off, or nothing was scored";
  if (usable.length < leastUsable * answers.length) {
    return `not identified: ${baseline} could not have been drawn for ${answers.length - usable.length} of ${answers.length} scored answers (its propensity is 0)`;
  }
  if (usable.length < leastAnswers) return `${usable.length} scored answers are too few: ${leastAnswers} are needed`;
  const own = usable.filter(({ chosen }) => chosen === baseline).length;
  if (own < leastOfBaseline) return `${own} scored answers by ${baseline} are too few: ${leastOfBaseline} are needed`;
  return null;
};

const isUsable = ({ qualities, propensities }: LoggedAnswer, worker: string): boolean =>
  qualities[worker] !== undefined && (propensities[worker] ?? 0) > 0;

type Term = { readonly value: number; readonly weight: number };

/** What one answer adds to the mean score of a policy that gives its prompt to `worker`. */
const termOf = ({ qualities, chosen, propensities, score }: LoggedAnswer, worker: string): Term => {
  const foreseen = qualities[worker] ?? 0;
  const weight = chosen === worker ? 1 / (propensities[worker] ?? 1) : 0;
  return { value: foreseen + weight * (score - foreseen), weight };
};

const estimate = (terms: readonly Term[]): Estimate => {
  const total = sum(terms.map(({ weight }) => weight));
  const squares = sum(terms.map(({ weight }) => weight ** 2));
  const effectiveSampleSize = squares === 0 ? 0 : total ** 2 / squares;
  return {
    ...intervalOf(
      terms.map(({ value }) => value),
      effectiveSampleSize,
    ),
    effectiveSampleSize,
  };
};

/** Few answers carry much of the weight, so that the quantile is that of as many as count. */
const intervalOf = (values: readonly number[], effectiveSampleSize: number): Omit<Estimate, "effectiveSampleSize"> => {
  const value = sum(values) / values.length;
  const variance = sum(values.map((each) => (each - value) ** 2)) / (values.length - 1);
  const standardError = Math.sqrt(variance / values.length);
  const reach = quantile(Math.max(2, effectiveSampleSize - 1)) * standardError;
  return { value, low: value - reach, high: value + reach, standardError };
};

/** 97.5 % of Student's distribution lie below: Cornish-Fisher, Abramowitz and Stegun 26.7.5. */
const quantile = (degrees: number): number => {
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
