import { packMatrix, type HeadJson } from "../../shared/head.ts";
import { fitStrengths } from "./fit-strengths.ts";
import { fitSupport } from "./fit-support.ts";
import { fitTypes } from "./fit-types.ts";
import { dotWeights, fitRidge, gramOf, softmax, type Row, type Shape, type Softmax } from "./linear.ts";
import { isReadable, type Prompt } from "./prompts.ts";
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
  readonly centers: number;
  readonly seed: number;
};

/** A head without the parts that need held-out predictions: the ballot and what was measured. */
export type FittedHead = Omit<HeadJson, "version" | "trained" | "ballot">;

/** Types, strengths, residuals and support from recorded prompts. The same prompts and seed give the same weights. */
export const fitHead = (prompts: readonly Prompt[], options: FitOptions): FittedHead => {
  const readable = prompts.filter(isReadable);
  const types = [...new Set(readable.map((prompt) => prompt.type))].toSorted();
  const typeAt = new Map(types.map((type, at) => [type, at]));
  const domains = types.map((type) => readable.find((prompt) => prompt.type === type)?.domain ?? type);
  const rows = new Map(readable.map((prompt) => [prompt, prompt.texts.map(options.rowOf)]));
  const rowsOf = (prompt: Prompt) => rows.get(prompt) ?? [];

  const typed = readable.map((prompt) => ({ rows: rowsOf(prompt), type: typeAt.get(prompt.type) ?? 0 }));
  const typeModel = fitTypes(typed, { types: types.length, shape: options.shape, random: createRandom(options.seed) });
  const labeled = prompts.map((prompt) => ({
    type: isReadable(prompt) ? (typeAt.get(prompt.type) ?? null) : null,
    domain: prompt.domain,
    models: prompt.models,
  }));
  const profiles = options.profiles.map((name) => ({ name, ...roundStrengths(fitStrengths(name, labeled, domains)) }));
  const { shape } = options;
  const support = fitSupport(
    typed.flatMap(({ rows: [row] }) => (row ? [shape.dense > 0 ? { dense: row.dense, sparse: null } : row] : [])),
    {
      shape: shape.dense > 0 ? { dense: shape.dense, buckets: 0 } : shape,
      centers: options.centers,
      random: createRandom(options.seed + 1),
    },
  );
  const columns = shape.dense + shape.buckets;
  return {
    kind: options.kind,
    features: shape.dense > 0 ? shape.dense : shape.buckets,
    buckets: shape.dense > 0 ? shape.buckets : 0,
    types,
    typeWeights: packMatrix(typeModel.weights, columns),
    typeBias: typeModel.bias.map(round),
    profiles,
    residual:
      options.residual &&
      fitResidual(readable, { ...options, residual: options.residual, typeModel, rowsOf, profiles }),
    support: { ...support, far: round(support.far), near: round(support.near) },
  };
};

/** More prompts of one set make the Gram matrix slow and change little. */
const maxResidualRows = 1600;

type ResidualOptions = Omit<FitOptions, "profiles"> & {
  readonly residual: NonNullable<FitOptions["residual"]>;
  readonly typeModel: Softmax;
  readonly rowsOf: (prompt: Prompt) => readonly Row[];
  readonly profiles: FittedHead["profiles"];
};

/**
 * What is left of each outcome when its types are taken off, by ridge regression within each set; on the n-grams alone,
 * since the encoder's few directions fit noise here.
 */
const fitResidual = (readable: readonly Prompt[], options: ResidualOptions): FittedHead["residual"] => {
  const { residual, shape, typeModel } = options;
  const fitted = [...Map.groupBy(readable, (prompt) => prompt.set).values()].flatMap((prompts) => {
    const names = residual.profiles.filter((name) => prompts.some((prompt) => prompt.models[name] !== undefined));
    if (names.length === 0) return [];
    const pairs = shuffled(
      prompts.flatMap((prompt) =>
        options.rowsOf(prompt).map((row, _, all) => ({ prompt, row, weight: 1 / all.length })),
      ),
      createRandom(options.seed + 2),
    ).slice(0, maxResidualRows);
    const rows = pairs.map(({ row }) => row);
    const ngrams = rows.map((row) => ({ dense: null, sparse: row.sparse }));
    const probabilities = rows.map((row) =>
      softmax(typeModel.weights.map((weights, type) => (typeModel.bias[type] ?? 0) + dotWeights(weights, row, shape))),
    );
    const targets = names.map((name) => {
      const strengths = options.profiles.find((profile) => profile.name === name)?.strengths ?? [];
      return pairs.map(({ prompt }, at) => {
        const outcome = prompt.models[name];
        if (!outcome || outcome.outage) return 0;
        const typedQuality = strengths.reduce(
          (sum, strength, type) => sum + strength * (probabilities[at]?.[type] ?? 0),
          0,
        );
        return outcome.correct - typedQuality;
      });
    });
    const models = fitRidge(ngrams, gramOf(ngrams), targets, {
      ridge: residual.ridge,
      shape,
      rowWeights: pairs.map(({ weight }) => weight),
    });
    return names.map((name, at) => ({ name, model: models[at] }));
  });
  return {
    profiles: fitted.map(({ name }) => name),
    weights: packMatrix(
      fitted.map(({ model }) => model?.weights ?? []),
      shape.dense + shape.buckets,
    ),
    bias: fitted.map(({ model }) => round(model?.bias ?? 0)),
  };
};

const round = (value: number): number => Number(value.toPrecision(6));

const roundStrengths = (strengths: ReturnType<typeof fitStrengths>): Omit<FittedHead["profiles"][number], "name"> => ({
  mean: round(strengths.mean),
  strengths: strengths.strengths.map(round),
  evidence: [...strengths.evidence],
  outputTokens: strengths.outputTokens.map((value) => (value === null ? null : Math.round(value))),
  latencyMs: strengths.latencyMs.map((value) => (value === null ? null : Math.round(value))),
});
