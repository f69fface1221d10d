import { packMatrix, type HeadJson } from "../../../shared/head.ts";
import { fitStrengths } from "./fit-strengths.ts";
import { fitSupport } from "./fit-support.ts";
import { fitTypes } from "./fit-types.ts";
import { labelTexts, type LabeledText } from "./label-texts.ts";
import { columnsOf, dotWeights, fitRidge, gramOf, softmax, type Row, type Shape, type Softmax } from "./linear.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import { createRandom, shuffled } from "./random.ts";

export type FitOptions = {
  readonly kind: HeadJson["kind"];
  /** What the row of a text is: the vector, n-grams, or both. */
  readonly rowOf: (text: string) => Row;
  readonly shape: Shape;
  /** Models that the weights will know. */
  readonly profiles: readonly string[];
  /** Those that also get weights of their own; the penalty of these. Null: types alone. */
  readonly residual: { readonly profiles: readonly string[]; readonly ridge: number } | null;
  /** Ordinary prompts of no recorded set: what support is told from. */
  readonly background: readonly string[];
  readonly seed: number;
};

/** A head without the parts that need held-out predictions: the ballot and what was measured. */
export type FittedHead = Omit<HeadJson, "version" | "trained" | "ballot">;

/** Types, strengths, residuals and support from recorded prompts. The same prompts and seed give the same weights. */
export const fitHead = (prompts: readonly Prompt[], options: FitOptions): FittedHead => {
  const { shape, seed } = options;
  const { types, domains, texts } = labelTexts(prompts, { ...options, random: createRandom(seed + 3) });
  const typeModel = fitTypes(texts, { types: types.length, shape, random: createRandom(seed) });
  const labeled = [
    ...texts.map(({ prompt, type, weight }) => ({ type, domain: domains[type] ?? "", weight, models: prompt.models })),
    ...prompts
      .filter((prompt) => !isReadable(prompt))
      .map(({ domain, models }) => ({ type: null, domain, weight: withoutText, models })),
  ];
  const profiles = options.profiles.map((name) => ({ name, ...roundStrengths(fitStrengths(name, labeled, domains)) }));
  const support = fitSupport(
    texts.map(({ prompt, row }) => ({ set: prompt.set, row })),
    { ...options, random: createRandom(seed + 1) },
  );
  return {
    kind: options.kind,
    features: shape.dense > 0 ? shape.dense : shape.buckets,
    buckets: shape.dense > 0 ? shape.buckets : 0,
    types: [...types],
    typeWeights: packMatrix(typeModel.weights, columnsOf(shape)),
    typeBias: typeModel.bias.map(round),
    profiles,
    residual: options.residual && fitResidual(texts, { ...options, residual: options.residual, typeModel, profiles }),
    support: { ...support, far: round(support.far), near: round(support.near) },
  };
};

/** A prompt without text comes from another source than those of its domain with text: it counts for less. */
const withoutText = 0.3;

/** More prompts of one set make the Gram matrix slow and change little. */
const maxResidualRows = 1600;

type ResidualOptions = Pick<FitOptions, "shape" | "seed"> & {
  readonly residual: NonNullable<FitOptions["residual"]>;
  readonly typeModel: Softmax;
  readonly profiles: FittedHead["profiles"];
};

/**
 * What is left of each outcome when its types are taken off, by ridge regression within each set; on the n-grams alone,
 * since the encoder's few directions fit noise here.
 */
const fitResidual = (texts: readonly LabeledText[], options: ResidualOptions): FittedHead["residual"] => {
  const { residual, shape, typeModel } = options;
  const fitted = [...Map.groupBy(texts, ({ prompt }) => prompt.set).values()].flatMap((members) => {
    const names = residual.profiles.filter((name) => members.some(({ prompt }) => prompt.models[name] !== undefined));
    if (names.length === 0) return [];
    const kept = shuffled(members, createRandom(options.seed + 2)).slice(0, maxResidualRows);
    const ngrams = kept.map(({ row }) => ({ dense: null, sparse: row.sparse }));
    const probabilities = kept.map(({ row }) => typesOf(typeModel, row, shape));
    const targets = names.map((name) => {
      const strengths = options.profiles.find((profile) => profile.name === name)?.strengths ?? [];
      return kept.map(({ prompt }, at) => {
        const outcome = prompt.models[name];
        if (!outcome || outcome.outage) return 0;
        const typed = strengths.reduce((sum, strength, type) => sum + strength * (probabilities[at]?.[type] ?? 0), 0);
        return outcome.correct - typed;
      });
    });
    const models = fitRidge(ngrams, gramOf(ngrams), targets, {
      ridge: residual.ridge,
      shape,
      rowWeights: kept.map(({ weight }) => weight),
    });
    return names.map((name, at) => ({ name, model: models[at] }));
  });
  return {
    profiles: fitted.map(({ name }) => name),
    weights: packMatrix(
      fitted.map(({ model }) => model?.weights ?? []),
      columnsOf(shape),
    ),
    bias: fitted.map(({ model }) => round(model?.bias ?? 0)),
  };
};

const typesOf = (model: Softmax, row: Row, shape: Shape): readonly number[] =>
  softmax(model.weights.map((weights, type) => (model.bias[type] ?? 0) + dotWeights(weights, row, shape)));

const round = (value: number): number => Number(value.toPrecision(6));

const roundStrengths = (strengths: ReturnType<typeof fitStrengths>): Omit<FittedHead["profiles"][number], "name"> => ({
  mean: round(strengths.mean),
  strengths: strengths.strengths.map(round),
  evidence: [...strengths.evidence],
  outputTokens: strengths.outputTokens.map((value) => (value === null ? null : Math.round(value))),
  latencyMs: strengths.latencyMs.map((value) => (value === null ? null : Math.round(value))),
});
