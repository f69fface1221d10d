/** One training of a competition: what every candidate fitted on the same prompts starts from. */
import { fitStrengths, type Labeled } from "../fit/fit-strengths.ts";
import { fitTypes } from "../fit/fit-types.ts";
import { labelTexts, type Labels } from "../fit/label-texts.ts";
import { dotWeights, softmax, type Row, type Shape } from "../fit/linear.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import { createRandom } from "../fit/random.ts";
import { expenseOf, type Expense } from "./expense.ts";
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
  const { seed } = options;
  const seen = prompts.flatMap((prompt) => field.textsOf.get(prompt) ?? []);
  const coordinates = principalCoordinates(field.gram, seen, { dimensions, random: createRandom(seed) });
  const labels = labelsOf(field, prompts, options);
  const texts = labels.texts.map((text) => indexOf(field, text));
  const probabilities = probabilitiesOf(labels, texts, options.exact ? exactly(field) : reduced(coordinates), seed);
  const labeled = labeledOf(labels, prompts);
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

const labelsOf = (field: Field, prompts: readonly Prompt[], { seed, untold }: Options): Labels => {
  const rows = new Map(field.texts.map(({ text, row }) => [text, row]));
  return labelTexts(prompts, {
    rowOf: (text) => rows.get(text) ?? noRow,
    shape: field.shape,
    random: createRandom(seed + 3),
    ...(untold === undefined ? {} : { untold }),
  });
};

/** What task types are read from, for every text of the field. */
type Rows = { readonly rows: readonly Row[]; readonly shape: Shape };

const exactly = ({ texts, shape }: Field): Rows => ({ rows: texts.map(({ row }) => row), shape });

const reduced = (coordinates: readonly Float64Array[]): Rows => ({
  rows: coordinates.map((line) => ({ dense: Float32Array.from(line), sparse: null })),
  shape: { dense: coordinates[0]?.length ?? 0, buckets: 0 },
});

const probabilitiesOf = (
  labels: Labels,
  texts: readonly number[],
  { rows, shape }: Rows,
  seed: number,
): Training["probabilities"] => {
  const model = fitTypes(
    labels.texts.map((text, at) => ({ ...text, row: rows[texts[at] ?? 0] ?? noRow })),
    { types: labels.types.length, shape, random: createRandom(seed) },
  );
  return rows.map((row) =>
    softmax(model.weights.map((weights, type) => (model.bias[type] ?? 0) + dotWeights(weights, row, shape))),
  );
};

const labeledOf = (labels: Labels, prompts: readonly Prompt[]): readonly Labeled[] => [
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
