/** Task types to learn: what a prompt was recorded as where its text says so, else the company its text keeps. */
import { clusterRows, nearestCenter } from "./k-means.ts";
import type { Row, Shape } from "./linear.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import type { Random } from "./random.ts";

export type LabeledText = {
  readonly prompt: Prompt;
  readonly row: Row;
  /** Index into the types. */
  readonly type: number;
  /** Of one prompt's texts, 1 together. */
  readonly weight: number;
};

export type Labels = {
  readonly types: readonly string[];
  /** The broader group of each type, whose outcomes stand in where its own are few. */
  readonly domains: readonly string[];
  readonly texts: readonly LabeledText[];
};

/**
 * What a text without its instruction weighs when the same prompt also has one with it. Without, several tasks share
 * the very same text: counted fully they would blur what is known of those that say what they want.
 */
const withoutInstruction = 0.4;

/** Groups of texts that do not say what they want: enough to tell their sources apart. */
const untoldTypes = 6;
const starts = 4;

type Options = {
  readonly rowOf: (text: string) => Row;
  readonly shape: Shape;
  readonly random: Random;
  /** Groups of texts that do not say what they want; absent: as they ship. */
  readonly untold?: number;
};
type Named = Omit<LabeledText, "type"> & { readonly type: string; readonly domain: string };

/**
 * In a set with instructions the texts without one get types of their own, by n-grams: their recorded domain cannot be
 * read from them. Elsewhere the domain is the type.
 */
export const labelTexts = (prompts: readonly Prompt[], options: Options): Labels => {
  const named = [...Map.groupBy(prompts.filter(isReadable), (prompt) => prompt.set).values()].flatMap((set) => {
    const texts = set.flatMap((prompt) => textsOf(prompt, options.rowOf));
    return set.some(isInstructed) ? [...texts.filter(isTold), ...nameUntold(texts, options)] : texts;
  });
  const types = [...new Set(named.map(({ type }) => type))].toSorted();
  const at = new Map(types.map((type, index) => [type, index]));
  const domainOf = new Map(named.map(({ type, domain }) => [type, domain]));
  return {
    types,
    domains: types.map((type) => domainOf.get(type) ?? type),
    texts: named.map(({ prompt, row, weight, type }) => ({ prompt, row, weight, type: at.get(type) ?? 0 })),
  };
};

const isInstructed = (prompt: Prompt): boolean => prompt.texts.length > 1;

const textsOf = (prompt: Prompt, rowOf: Options["rowOf"]): readonly (Named & { readonly told: boolean })[] =>
  prompt.texts.map((text, at) => ({
    prompt,
    row: rowOf(text),
    type: prompt.type,
    domain: prompt.domain,
    told: isInstructed(prompt) && at === 0,
    weight: isInstructed(prompt) ? (at === 0 ? 1 - withoutInstruction : withoutInstruction) : 1,
  }));

const isTold = ({ told }: { readonly told: boolean }): boolean => told;

const nameUntold = (texts: readonly (Named & { readonly told: boolean })[], options: Options): readonly Named[] => {
  const untold = texts.filter(({ told }) => !told);
  const shape = { dense: 0, buckets: options.shape.buckets };
  const rows = untold.map(({ row }) => ({ dense: null, sparse: row.sparse }));
  const { centers } = clusterRows(rows, {
    clusters: options.untold ?? untoldTypes,
    shape,
    random: options.random,
    starts,
  });
  const clusters = rows.map((row) => nearestCenter(centers, row, shape).at);
  return untold.map((text, at) => ({
    ...text,
    type: `${text.prompt.set}, untold ${1 + (clusters[at] ?? 0)}`.slice(0, 64),
    domain: `${text.prompt.set}, untold`,
  }));
};
