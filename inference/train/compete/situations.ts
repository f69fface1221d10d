/** Situations to train a policy in: a text, a preference and a pool, all drawn at random. */
import { preferenceTable } from "../../../shared/preference.ts";
import type { Random } from "../fit/random.ts";
import type { Training } from "./training.ts";

export type Situation = {
  /** Index into the field's texts. */
  readonly text: number;
  readonly weight: number;
  /** By worker of the pool, what it would have been worth; NaN where it cannot be asked or is not known. */
  readonly worth: Float64Array;
  /** By worker of the pool, what its expected cost and latency take off. */
  readonly price: Float64Array;
};

/** Of λ, drawn evenly on a logarithmic scale. */
const range = { least: 1, most: 100 } as const;
const { mu } = preferenceTable.balanced;

export const drawSituation = ({ field, texts, weights, outcomes, expenses }: Training, random: Random): Situation => {
  const workers = field.pool.length;
  const at = Math.floor(random() * texts.length);
  const text = texts[at] ?? 0;
  const lambda = range.least * (range.most / range.least) ** random();
  const expense = expenses[text];
  const worth = new Float64Array(workers).fill(Number.NaN);
  const price = new Float64Array(workers);
  for (let worker = 0; worker < workers; worker++)
    price[worker] = lambda * (expense?.dollars[worker] ?? 0) + mu * (expense?.seconds[worker] ?? 0);
  for (const worker of drawPool(workers, random))
    worth[worker] = (outcomes[at]?.[worker] ?? Number.NaN) - (price[worker] ?? 0);
  return { text, weight: weights[at] ?? 0, worth, price };
};

/** Two workers at least, every number of them as likely. */
const drawPool = (workers: number, random: Random): Uint8Array => {
  const drawn = new Uint8Array(workers);
  for (let at = 0; at < workers; at++) drawn[at] = at;
  const size = 2 + Math.floor(random() * (workers - 1));
  for (let at = 0; at < size; at++) {
    const other = at + Math.floor(random() * (workers - at));
    const kept = drawn[at] ?? 0;
    drawn[at] = drawn[other] ?? 0;
    drawn[other] = kept;
  }
  return drawn.subarray(0, size);
};
