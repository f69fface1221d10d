/** Prompts unlike those that the weights were fitted on: kinds of task, sets and languages kept out of training. */
import * as z from "zod";
import { embedPrompts } from "../fit/embed-prompts.ts";
import { headOptions, trainingSeed } from "../fit/head-options.ts";
import type { KnownSet } from "../recordings/known-sets.ts";
import { tryLanguages } from "./measure-languages.ts";
import { leaveTypesOut } from "./measure-left-out.ts";
import { modelsOfBoth, readSameModels, trainAndTry, type SameModels } from "./measure-transfer.ts";
import { summarize, type Tried } from "./measure-trial.ts";
import { readOtherSet } from "../recordings/other-sets.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { defineTable, interval, percent } from "./table.ts";
import { translateInstructions, translateQuestions, type Translated } from "./translations.ts";

const intervalSchema = z.strictObject({ mean: z.number(), low: z.number(), high: z.number() });
const rowSchema = z.strictObject({
  title: z.string(),
  prompts: z.number().int(),
  baseline: z.number(),
  weighted: z.number(),
  weightedDifference: intervalSchema,
  unweightedDifference: intervalSchema,
  outOfSupport: z.number(),
  /** Percent of the prompts with the task type that they have in English; null where that is not the question. */
  sameType: z.number().nullable(),
});
type GeneralizationRow = z.infer<typeof rowSchema>;

const names: Readonly<Record<string, string>> = {
  coderouterbench_idtest: "CodeRouterBench",
  zeroeval: "ZeroEval",
  mmlu_pro: "MMLU-Pro",
  livecodebench: "LiveCodeBench",
  bfcl_2024_08: "BFCL",
  mcpmark: "MCPMark",
  misguided_attention: "trick questions",
};

/** Trained on the first, tried on the second. */
const transfers = [
  ["zeroeval", "livecodebench"],
  ["livecodebench", "zeroeval"],
  ["zeroeval", "bfcl_2024_08"],
  ["zeroeval", "mmlu_pro"],
  ["mmlu_pro", "zeroeval"],
  ["mmlu_pro", "livecodebench"],
  ["mcpmark", "misguided_attention"],
  ["misguided_attention", "mcpmark"],
] as const;

const strangers = ["livecodebench", "bfcl_2024_08", "mcpmark", "misguided_attention"];

export const generalizationTable = defineTable({
  name: "generalization",
  row: rowSchema,
  compute: async ({ sets }) => {
    const known = await sets();
    const others = [];
    for (const name of strangers) others.push(await readOtherSet(name));
    if (others.includes(null)) return null;
    const recorded = [...known.flatMap((set) => set.recorded), ...others.flatMap((prompts) => prompts ?? [])];
    const left = [];
    for (const set of known) left.push(await typesLeftOut(set));
    return [
      ...left,
      ...(await transferred(
        Map.groupBy(recorded, ({ set }) => set),
        await readSameModels(),
      )),
      ...(await inLanguages(known, "coderouterbench_idtest", translateInstructions)),
      ...(await inLanguages(known, "mmlu_pro", translateQuestions)),
    ];
  },
  columns: [
    { title: "not in training", cell: ({ title, prompts }) => `${title}; n = ${prompts.toLocaleString("en")}` },
    { title: "best single worker by training", cell: ({ baseline }) => percent(baseline) },
    { title: "head", cell: ({ weighted }) => percent(weighted) },
    { title: "against it, points [95 %]", cell: (row) => differenceOf(row.weightedDifference) },
    { title: "support taken as 1", cell: (row) => differenceOf(row.unweightedDifference) },
    { title: "out of support, %", cell: ({ outOfSupport }) => percent(outOfSupport) },
    { title: "type as in English, %", cell: ({ sameType }) => (sameType === null ? "" : percent(sameType)) },
  ],
});

const differenceOf = ({ mean, low, high }: z.infer<typeof intervalSchema>): string =>
  interval({ difference: mean, low, high });

const typesLeftOut = async (set: KnownSet): Promise<GeneralizationRow> => {
  const options = headOptions("encoder", set.pools[0] ?? [], await embedPrompts(textsOf(set.prompts)));
  const parts = leaveTypesOut(set.recorded, options);
  const title = `each of ${parts.length} domains and kinds of task of ${names[set.name] ?? set.name}`;
  return rowOf(
    title,
    parts.flatMap(({ tried }) => tried),
    null,
  );
};

const transferred = async (
  bySet: ReadonlyMap<string, readonly Prompt[]>,
  same: SameModels,
): Promise<readonly GeneralizationRow[]> => {
  const rows = [];
  for (const [one, other] of transfers) {
    const sets = { training: bySet.get(one) ?? [], tried: bySet.get(other) ?? [] };
    const embeddings = await embedPrompts(textsOf([...sets.training, ...sets.tried]));
    const models = modelsOfBoth(same, one, other);
    const title = `${names[other]}, trained on ${names[one]}, ${models.length} workers`;
    rows.push(rowOf(title, trainAndTry(sets, same, headOptions("encoder", models, embeddings)), null));
  }
  return rows;
};

const inLanguages = async (
  known: readonly KnownSet[],
  name: string,
  translate: (prompts: readonly Prompt[]) => Promise<readonly Translated[]>,
): Promise<readonly GeneralizationRow[]> => {
  const set = known.find((entry) => entry.name === name);
  if (!set) return [];
  const translations = await translate(set.prompts);
  const embeddings = await embedPrompts(textsOf([...set.prompts, ...translations.map(({ prompt }) => prompt)]));
  const results = tryLanguages(set.recorded, translations, headOptions("encoder", set.pools[0] ?? [], embeddings));
  return results.map(({ language, tried, sameType }) =>
    rowOf(`${names[name]}, problems held out, in ${language}`, tried, sameType),
  );
};

const rowOf = (title: string, tried: readonly Tried[], sameType: number | null): GeneralizationRow => {
  const { unweighted: _, ...trial } = summarize(tried, trainingSeed);
  return { title, ...trial, sameType };
};

const textsOf = (prompts: readonly Prompt[]): readonly string[] => prompts.flatMap(({ texts }) => texts);
