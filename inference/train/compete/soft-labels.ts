/** Soft labels (stage one of Fugu's training): a multinomial regression whose targets are outcomes made into shares. */
import { minimize } from "../fit/minimize.ts";
import type { Candidate } from "./candidate.ts";
import { addOuter, qualityBy, scoreInto, sizeOf, zeroQuality } from "./linear-policy.ts";
import type { QualityOf, Training } from "./training.ts";

type Settings = { readonly temperature: number; readonly penalty: number };

const choices: readonly Settings[] = [0.3, 1].flatMap((temperature) =>
  [0.1, 1].map((penalty) => ({ temperature, penalty })),
);

export const softLabels: Candidate = {
  name: "soft labels",
  variants: choices.map((settings) => ({
    label: `temperature ${settings.temperature}, ridge ${settings.penalty}`,
    fit: (training) => fitSoftLabels(training, settings),
  })),
};

const rounds = 40;

/**
 * Targets are exp(outcome / temperature), normalized over the workers whose outcome is known; so temperature times a
 * score is a quality, but for a constant.
 */
const fitSoftLabels = (training: Training, { temperature, penalty }: Settings): QualityOf => {
  const { field, texts, outcomes, weights, coordinates } = training;
  const workers = field.pool.length;
  const dimensions = coordinates[0]?.length ?? 0;
  const targets = outcomes.map((line) => sharesOf(line.map((outcome) => outcome / temperature)));
  const scores = new Float64Array(workers);
  const loss = (at: Float64Array<ArrayBuffer>, gradient: Float64Array<ArrayBuffer>): number => {
    let sum = 0;
    for (let place = 0; place < at.length; place++) {
      const value = place % (dimensions + 1) === dimensions ? 0 : (at[place] ?? 0);
      sum += (penalty / 2) * value * value;
      gradient[place] = penalty * value;
    }
    for (const [index, text] of texts.entries()) {
      const row = coordinates[text] ?? new Float64Array(0);
      const target = targets[index] ?? scores;
      const weight = weights[index] ?? 0;
      scoreInto(scores, at, row);
      const shares = sharesOf(scores.map((score, worker) => (Number.isNaN(target[worker]) ? Number.NaN : score)));
      const errors = shares.map((share, worker) => {
        const wanted = target[worker] ?? Number.NaN;
        if (Number.isNaN(wanted)) return 0;
        sum -= weight * wanted * Math.log(Math.max(share, Number.MIN_VALUE));
        return weight * (share - wanted);
      });
      addOuter(gradient, errors, row);
    }
    return sum;
  };
  const parameters = minimize(loss, sizeOf(workers, dimensions), rounds);
  return qualityBy(training, coordinates, { parameters, scale: temperature, known: zeroQuality(training) });
};

/** Softmax over what is known; NaN stays. */
const sharesOf = (scores: Float64Array): Float64Array => {
  const top = scores.reduce((best, score) => (score > best ? score : best), Number.NEGATIVE_INFINITY);
  const parts = scores.map((score) => Math.exp(score - top));
  const total = parts.reduce((sum, part) => (Number.isNaN(part) ? sum : sum + part), 0);
  return parts.map((part) => part / total);
};
