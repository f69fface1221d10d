import * as z from "zod";
import { extractors } from "./answers.ts";
import { coefficientsSchema, type Coefficients } from "./ballot.ts";
import { hashFeatures, type SparseFeatures } from "./ngrams.ts";
import { err, ok, type Result } from "./result.ts";

/** A matrix as it stands in JSON: one scale per row, entries as base64 of signed bytes, row by row. */
const matrixSchema = z.strictObject({
  rows: z.number().int().min(0).max(4096),
  columns: z.number().int().min(1).max(65_536),
  scales: z.array(z.number()),
  bytes: z.base64(),
});
export type PackedMatrix = z.infer<typeof matrixSchema>;

const perType = <T extends z.ZodType>(value: T) => z.array(value).max(256);

const profileSchema = z.strictObject({
  /** The model's name as it stands in the recordings. */
  name: z.string().min(1).max(128),
  /** Mean quality (0 to 1) over everything recorded. */
  mean: z.number().min(0).max(1),
  /** Quality (0 to 1) per task type, shrunk to what the model's mean lets expect. */
  strengths: perType(z.number().min(0).max(1)),
  /** Recorded outcomes per task type: what the strengths rest on. */
  evidence: perType(z.number().min(0)),
  /** Mean output tokens per task type; null where none were measured. */
  outputTokens: perType(z.number().min(0).nullable()),
  /** Mean milliseconds of a whole answer per task type; null where none were measured. */
  latencyMs: perType(z.number().min(0).nullable()),
  /** Of a worker placed by some scored prompts beside those that were trained on: how sure its strengths are. */
  calibration: z
    .strictObject({
      /** Scored prompts that it rests on. */
      prompts: z.number().int().min(0),
      /** Day of the last calibration. */
      date: z.iso.date(),
      /** Standard error (0 to 1) of each type's strength. */
      standardErrors: perType(z.number().min(0)),
      standardErrorOfMean: z.number().min(0),
    })
    .optional(),
});

export const measuredSchema = z.strictObject({
  /** What was measured, in words: the set, its folds, the row. */
  name: z.string(),
  /** Mean quality in percent. */
  score: z.number(),
  /** Mean dollars of a prompt; null where the set has no costs. */
  costDollars: z.number().nullable(),
  calls: z.number(),
  /** Difference to the best single worker in points, with its 95 % interval by bootstrap over problems. */
  difference: z.number(),
  low: z.number(),
  high: z.number(),
  prompts: z.number().int(),
});

/**
 * The conductor's weights. One form for both heads: `encoder` reads the sentence encoder's vector, `edge` hashed
 * n-grams.
 */
export const headSchema = z.strictObject({
  kind: z.enum(["encoder", "edge"]),
  /** Named in decisions; changes with every training. */
  version: z.string().min(1).max(64),
  trained: z.strictObject({
    date: z.iso.date(),
    seed: z.number().int(),
    recordings: z.array(z.strictObject({ file: z.string(), sha256: z.string(), prompts: z.number().int() })),
    /** SHA-256 of the encoder whose vectors these weights read; null for hashed n-grams. */
    encoder: z.string().nullable(),
    /** On folds by problem that the weights being measured had not seen. */
    measured: z.array(measuredSchema),
  }),
  /** Length of the feature vector: the encoder's, or the number of buckets of the edge head's n-grams. */
  features: z.number().int().min(1).max(65_536),
  /** Buckets of the n-grams that the encoder head reads beside the vector; their columns follow the vector's. */
  buckets: z.number().int().min(0).max(65_536).default(0),
  types: z.array(z.string().min(1).max(64)).min(1).max(256),
  typeWeights: matrixSchema,
  typeBias: z.array(z.number()),
  profiles: z.array(profileSchema).max(256),
  /** What this very prompt adds to a profile's quality on its type: one row per named profile; null: nothing helped. */
  residual: z
    .strictObject({ profiles: z.array(z.string()).max(256), weights: matrixSchema, bias: z.array(z.number()) })
    .nullable(),
  /**
   * Likeness to the training prompts: the greatest product of the features with one of the rows. `far` and below gives
   * support 0, `near` and above 1. Rows read the vector, or the vector and the n-grams.
   */
  support: z.strictObject({ centers: matrixSchema, far: z.number(), near: z.number() }),
  /** By extractor, since letters agree by chance more often than formulas do. */
  ballot: z.partialRecord(z.enum(extractors), coefficientsSchema),
});
export type HeadJson = z.input<typeof headSchema>;

type Matrix = { readonly rows: number; readonly columns: number; readonly values: Float32Array };
type Profile = HeadJson["profiles"][number];

/** Weights ready to compute with. */
export type Head = {
  readonly kind: HeadJson["kind"];
  readonly version: string;
  readonly trained: HeadJson["trained"];
  readonly features: number;
  readonly buckets: number;
  readonly types: readonly string[];
  readonly typeWeights: Matrix;
  readonly typeBias: readonly number[];
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly residual: {
    readonly rows: ReadonlyMap<string, number>;
    readonly weights: Matrix;
    readonly bias: readonly number[];
  } | null;
  readonly support: { readonly centers: Matrix; readonly far: number; readonly near: number };
  readonly ballot: Readonly<Record<string, Coefficients>>;
};

/** An encoder's vector of unit length, hashed n-grams, or both. */
export type Features =
  | Float32Array
  | SparseFeatures
  | { readonly vector: Float32Array; readonly ngrams: SparseFeatures };

/** What the weights read of a text: its vector where they are an encoder's, and as many n-grams as they know. */
export const readFeatures = (head: Head, text: string, vector: Float32Array): Features =>
  head.buckets === 0 ? vector : { vector, ngrams: hashFeatures(text, head.buckets) };

export type ProfilePrediction = {
  /** Expected quality on this prompt, 0 to 1; the profile's mean where the prompt has no support. */
  readonly quality: number;
  /** Output tokens; null when none were measured. */
  readonly outputTokens: number | null;
  /** Milliseconds of the whole answer; null when none were measured. */
  readonly latencyMs: number | null;
  /** Recorded outcomes that the quality rests on, weighted by how likely each type is. */
  readonly evidence: number;
  /**
   * Standard error of the quality on this prompt, no less than it is: as if the types' errors were one; null for a
   * worker that the weights were trained on.
   */
  readonly standardError: number | null;
};

/** What the weights say of one prompt. */
export type Prediction = {
  /** Likeliest task type first. */
  readonly types: readonly { readonly name: string; readonly probability: number }[];
  /** How near the prompt is to the training prompts, 0 (far) to 1. */
  readonly support: number;
  /** By profile name; profiles that the weights do not know are absent. */
  readonly profiles: ReadonlyMap<string, ProfilePrediction>;
  readonly ballot: Readonly<Record<string, Coefficients>>;
};

/** Reads weights. The error says what is wrong with them. */
export const parseHead = (json: unknown): Result<Head, string> => {
  const parsed = headSchema.safeParse(json);
  if (!parsed.success) return err(z.prettifyError(parsed.error));
  const { typeWeights, typeBias, profiles, residual, support, ...rest } = parsed.data;
  const types = rest.types.length;
  const wrong = [
    misshapen("typeWeights", typeWeights, types, rest.features + rest.buckets),
    misshapen(
      "support.centers",
      support.centers,
      support.centers.rows,
      support.centers.columns === rest.features ? rest.features : rest.features + rest.buckets,
    ),
    residual && misshapen("residual.weights", residual.weights, residual.profiles.length, rest.features + rest.buckets),
    typeBias.length === types ? null : "typeBias has another length than types",
    residual && residual.bias.length !== residual.profiles.length
      ? "residual.bias has another length than its profiles"
      : null,
    ...profiles.map((profile) => (fitsTypes(profile, types) ? null : `profile ${profile.name} has other types`)),
  ].find((fault) => fault !== null);
  if (wrong) return err(wrong);
  return ok({
    ...rest,
    typeBias,
    typeWeights: unpack(typeWeights),
    profiles: new Map(profiles.map((profile) => [profile.name, profile])),
    residual: residual && {
      rows: new Map(residual.profiles.map((name, row) => [name, row])),
      weights: unpack(residual.weights),
      bias: residual.bias,
    },
    support: { ...support, centers: unpack(support.centers) },
  });
};

/** The prediction for some profiles. `features` are those of the head's kind. */
export const predict = (head: Head, features: Features, profiles: Iterable<string>): Prediction => {
  const probabilities = softmax(head.typeBias.map((bias, type) => bias + dot(head.typeWeights, type, features)));
  const support = supportOf(head, features);
  const known = [...new Set(profiles)].flatMap((name) => {
    const profile = head.profiles.get(name);
    return profile ? [[name, predictProfile(head, features, { profile, probabilities, support })] as const] : [];
  });
  const types = head.types
    .map((name, type) => ({ name, probability: probabilities[type] ?? 0 }))
    .toSorted((a, b) => b.probability - a.probability);
  return { types, support, profiles: new Map(known), ballot: head.ballot };
};

/** Rows of numbers as they are stored: rounded to 127 steps of each row's largest value. */
export const packMatrix = (rows: readonly ArrayLike<number>[], columns: number): PackedMatrix => {
  const bytes = new Uint8Array(rows.length * columns);
  const scales = rows.map((row, at) => {
    const scale = Number((Math.max(1e-12, ...Array.from(row, Math.abs)) / 127).toPrecision(6));
    for (let column = 0; column < columns; column++) {
      bytes[at * columns + column] = Math.round((row[column] ?? 0) / scale) & 0xff;
    }
    return scale;
  });
  return { rows: rows.length, columns, scales, bytes: toBase64(bytes) };
};

const misshapen = (name: string, matrix: PackedMatrix, rows: number, columns: number): string | null => {
  const padding = matrix.bytes.endsWith("==") ? 2 : matrix.bytes.endsWith("=") ? 1 : 0;
  const bytes = (matrix.bytes.length / 4) * 3 - padding;
  const fits =
    matrix.rows === rows && matrix.columns === columns && matrix.scales.length === rows && bytes === rows * columns;
  return fits ? null : `${name} is not ${rows} × ${columns}`;
};

const fitsTypes = (profile: Profile, types: number): boolean =>
  [
    profile.strengths,
    profile.evidence,
    profile.outputTokens,
    profile.latencyMs,
    ...(profile.calibration ? [profile.calibration.standardErrors] : []),
  ].every((row) => row.length === types);

const unpack = (matrix: PackedMatrix): Matrix => {
  const text = atob(matrix.bytes);
  const values = new Float32Array(matrix.rows * matrix.columns);
  for (let at = 0; at < values.length; at++) {
    const byte = text.charCodeAt(at);
    values[at] = (byte > 127 ? byte - 256 : byte) * (matrix.scales[Math.floor(at / matrix.columns)] ?? 0);
  }
  return { rows: matrix.rows, columns: matrix.columns, values };
};

const chunk = 8192;

const toBase64 = (bytes: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < bytes.length; at += chunk) text += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return btoa(text);
};

const dot = (matrix: Matrix, row: number, features: Features): number => {
  const start = row * matrix.columns;
  if (features instanceof Float32Array) return dotDense(matrix.values, start, features);
  if ("indices" in features) return dotSparse(matrix.values, start, features);
  const { vector, ngrams } = features;
  const dense = dotDense(matrix.values, start, vector);
  return matrix.columns > vector.length ? dense + dotSparse(matrix.values, start + vector.length, ngrams) : dense;
};

const dotDense = (weights: Float32Array, start: number, vector: Float32Array): number => {
  let sum = 0;
  for (let at = 0; at < vector.length; at++) sum += (weights[start + at] ?? 0) * (vector[at] ?? 0);
  return sum;
};

const dotSparse = (weights: Float32Array, start: number, { indices, values }: SparseFeatures): number => {
  let sum = 0;
  for (let at = 0; at < indices.length; at++) sum += (weights[start + (indices[at] ?? 0)] ?? 0) * (values[at] ?? 0);
  return sum;
};

const softmax = (scores: readonly number[]): readonly number[] => {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
};

const supportOf = ({ support }: Head, features: Features): number => {
  let nearest = -1;
  for (let row = 0; row < support.centers.rows; row++) nearest = Math.max(nearest, dot(support.centers, row, features));
  return clamp((nearest - support.far) / (support.near - support.far));
};

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

type Reading = {
  readonly profile: Profile;
  readonly probabilities: readonly number[];
  readonly support: number;
};

const predictProfile = (head: Head, features: Features, reading: Reading): ProfilePrediction => {
  const { profile, probabilities, support } = reading;
  const typed = mean(profile.strengths, probabilities) ?? profile.mean;
  const own = residualOf(head, features, profile.name);
  return {
    quality: support * clamp(typed + own) + (1 - support) * profile.mean,
    outputTokens: mean(profile.outputTokens, probabilities),
    latencyMs: mean(profile.latencyMs, probabilities),
    evidence: support * (mean(profile.evidence, probabilities) ?? 0),
    standardError: standardErrorOf(reading),
  };
};

const standardErrorOf = ({ profile: { calibration }, probabilities, support }: Reading): number | null =>
  calibration
    ? support * (mean(calibration.standardErrors, probabilities) ?? calibration.standardErrorOfMean) +
      (1 - support) * calibration.standardErrorOfMean
    : null;

const residualOf = ({ residual }: Head, features: Features, profile: string): number => {
  const row = residual?.rows.get(profile);
  return residual && row !== undefined ? (residual.bias[row] ?? 0) + dot(residual.weights, row, features) : 0;
};

/** Mean of what is known, weighted; null when nothing is. */
const mean = (values: readonly (number | null)[], weights: readonly number[]): number | null => {
  let sum = 0;
  let total = 0;
  for (const [at, value] of values.entries()) {
    if (value === null) continue;
    sum += value * (weights[at] ?? 0);
    total += weights[at] ?? 0;
  }
  return total > 0 ? sum / total : null;
};
