/** One training of a competition: what every candidate fitted on the same prompts starts from. */
import { decide } from "../../../shared/decide.ts";
import type { Prediction } from "../../../shared/head.ts";
import { fitStrengths, type Labeled, type Strengths } from "../fit-strengths.ts";
import { fitTypes } from "../fit-types.ts";
import { labelTexts } from "../label-texts.ts";
import { dotWeights, softmax, type Row, type Shape } from "../linear.ts";
import { isReadable, type Prompt } from "../prompts.ts";
import { createRandom } from "../random.ts";
import { requestOf, type Trade } from "../replay.ts";
import type { Field } from "./field.ts";
import { principalCoordinates } from "./project.ts";

export type Training = {
  readonly field: Field;
  readonly seed: number;
  /** Texts to learn from: indices into the field's. */
  readonly texts: readonly number[];
  /** What each of them counts. */
  readonly weights: readonly number[];
  /** Their outcomes by worker of the pool; NaN where the call failed or is not recorded. */
  readonly outcomes: readonly Float64Array[];
  /** Recorded outcomes by task type, those of prompts without text included. */
  readonly labeled: readonly Labeled[];
  /** The broader group of each task type. */
  readonly domains: readonly string[];
  /** By task type, for any text of the field. */
  readonly probabilities: readonly (readonly number[])[];
  /** For any text of the field. */
  readonly expenses: readonly Expense[];
  /** For any text of the field: its strongest principal directions. */
  readonly coordinates: readonly Float64Array[];
};

/** Expected amounts by worker of the pool: the same for every candidate, as task types let expect. */
export type Expense = {
  readonly outputTokens: readonly (number | null)[];
  readonly latencyMs: readonly (number | null)[];
  /** What a λ of 1 takes off a worker's utility. */
  readonly dollars: Float64Array;
  /** What a μ of 1 takes off it. */
  readonly seconds: Float64Array;
};

/** By worker of the pool, the expected quality (0 to 1, or that and a constant) on a text of the field. */
export type QualityOf = (text: number) => Float64Array;

export type Options = {
  readonly seed: number;
  /** Whether task types are fitted as they ship, or on the principal directions alone: faster, to choose settings by. */
  readonly exact: boolean;
  /** Groups of texts that do not say what they want. */
  readonly untold?: number;
};

const dimensions = 128;
/** As in training what ships: a prompt without text counts for its domain alone, and less. */
const withoutText = 0.3;

export const openTraining = (field: Field, prompts: readonly Prompt[], options: Options): Training => {
  const { seed, exact } = options;
  const readable = prompts.filter(isReadable);
  const all = readable.flatMap((prompt) => field.textsOf.get(prompt) ?? []);
  const coordinates = principalCoordinates(field.gram, all, { dimensions, random: createRandom(seed) });
  const rowOf = new Map(all.map((at) => [field.texts[at]?.text ?? "", field.texts[at]?.row ?? noRow]));
  const labels = labelTexts(prompts, {
    rowOf: (text) => rowOf.get(text) ?? noRow,
    shape: field.shape,
    random: createRandom(seed + 3),
    ...(options.untold === undefined ? {} : { untold: options.untold }),
  });
  const shape: Shape = exact ? field.shape : { dense: dimensions, buckets: 0 };
  const reduced = coordinates.map((line) => ({ dense: Float32Array.from(line), sparse: null }));
  const rows = exact ? field.texts.map(({ row }) => row) : reduced;
  const texts = labels.texts.map((text) => indexOf(field, text));
  const model = fitTypes(
    labels.texts.map((text, at) => ({ ...text, row: rows[texts[at] ?? 0] ?? noRow })),
    { types: labels.types.length, shape, random: createRandom(seed) },
  );
  const probabilities = rows.map((row) =>
    softmax(model.weights.map((weights, type) => (model.bias[type] ?? 0) + dotWeights(weights, row, shape))),
  );
  const labeled: readonly Labeled[] = [
    ...labels.texts.map(({ prompt, type, weight }) => ({
      type,
      domain: labels.domains[type] ?? "",
      weight,
      models: prompt.models,
    })),
    ...prompts
      .filter((prompt) => !isReadable(prompt))
      .map(({ domain, models }) => ({ type: null, domain, weight: withoutText, models })),
  ];
  const strengths = field.pool.map((name) => fitStrengths(name, labeled, labels.domains));
  return {
    field,
    seed,
    texts,
    weights: labels.texts.map(({ weight }) => weight),
    outcomes: labels.texts.map(({ prompt }) => outcomesOf(prompt, field.pool)),
    labeled,
    domains: labels.domains,
    probabilities,
    expenses: probabilities.map((shares, at) => expenseOf(field, at, { strengths, shares })),
    coordinates,
  };
};

/** What the decision reads of a text when a candidate has said its qualities. */
export const predictionOf = (pool: readonly string[], quality: Float64Array, expense: Amounts): Prediction => ({
  types: [],
  support: 1,
  profiles: new Map(
    pool.map((name, at) => [
      name,
      {
        quality: quality[at] ?? 0,
        outputTokens: expense.outputTokens[at] ?? null,
        latencyMs: expense.latencyMs[at] ?? null,
        evidence: 0,
        standardError: null,
      },
    ]),
  ),
  ballot: {},
});

export type Amounts = Pick<Expense, "outputTokens" | "latencyMs">;

/** The amounts that strengths let expect where these shares of the task types are known. */
export const amountsOf = (strengths: readonly Strengths[], shares: readonly number[]): Amounts => ({
  outputTokens: strengths.map((worker) => meanOf(worker.outputTokens, shares)),
  latencyMs: strengths.map((worker) => meanOf(worker.latencyMs, shares)),
});

const noRow: Row = { dense: null, sparse: null };

const indexOf = (field: Field, { prompt, row }: { readonly prompt: Prompt; readonly row: Row }): number => {
  const found = field.textsOf.get(prompt)?.find((at) => field.texts[at]?.row === row);
  if (found === undefined) throw new Error(`${prompt.id}: a text that the field lacks`);
  return found;
};

const outcomesOf = (prompt: Prompt, pool: readonly string[]): Float64Array =>
  Float64Array.from(pool, (name) => {
    const outcome = prompt.models[name];
    return outcome && !outcome.outage ? outcome.correct : Number.NaN;
  });

const expenseOf = (
  field: Field,
  at: number,
  known: { readonly strengths: readonly Strengths[]; readonly shares: readonly number[] },
): Expense => {
  const amounts = amountsOf(known.strengths, known.shares);
  const prediction = predictionOf(field.pool, new Float64Array(field.pool.length), amounts);
  const text = field.texts[at]?.text ?? "";
  const takenOff = (trade: Trade): Float64Array => {
    const request = requestOf(text, { ...trade, pool: field.pool, prices: field.prices, extractor: null });
    const { scores } = decide(prediction, request, "");
    const utilities = new Map(scores.map(({ worker, utility }) => [worker, utility]));
    return Float64Array.from(field.pool, (name) => -(utilities.get(name) ?? 0));
  };
  return { ...amounts, dollars: takenOff({ lambda: 1, mu: 0 }), seconds: takenOff({ lambda: 0, mu: 1 }) };
};

/** Mean of what is known, weighted; null when nothing is. */
const meanOf = (values: readonly (number | null)[], shares: readonly number[]): number | null => {
  let sum = 0;
  let total = 0;
  for (const [at, value] of values.entries()) {
    if (value === null) continue;
    sum += value * (shares[at] ?? 0);
    total += shares[at] ?? 0;
  }
  return total > 0 ? sum / total : null;
};
