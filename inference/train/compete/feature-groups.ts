/** What each thing that training reads adds to task types × strengths. */
import { viewOf } from "../../../shared/prompt-view.ts";
import { embedPrompts } from "../fit/embed-prompts.ts";
import { trainingSeed } from "../fit/head-options.ts";
import type { Embeddings } from "../fit/embed.ts";
import type { KnownSet } from "../recordings/known-sets.ts";
import type { Labeled } from "../fit/fit-strengths.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { openRecorded } from "./contests.ts";
import { withoutNgrams, withoutVectors, type Field } from "./field.ts";
import { openOuterFolds, type OuterFold } from "./nested.ts";
import { entriesOf, type Contestant } from "./entries.ts";
import { fitTyped } from "./task-types.ts";

type Group = { readonly name: string; readonly folds: readonly OuterFold[] };

/** The first has everything; each other one differs from it by what it is named after. */
export const groupContestants = async (set: KnownSet, embeddings: Embeddings): Promise<readonly Contestant[]> => {
  const prompts = set.recorded;
  const field = openRecorded(prompts, set, embeddings);
  const heads = prompts.map(headAlone);
  const headEmbeddings = await embedPrompts(heads.flatMap(({ texts }) => texts));
  const everything = foldsOf(field, prompts);
  const relabeled = (change: Relabeling) => everything.map((fold) => relabel(fold, change));
  const groups: readonly Group[] = [
    { name: "everything", folds: everything },
    { name: "n-grams alone", folds: foldsOf(withoutVectors(field), prompts) },
    { name: "the encoder's vector alone", folds: foldsOf(withoutNgrams(field), prompts) },
    {
      name: "no more than a text's first 1,000 characters",
      folds: foldsOf(openRecorded(heads, set, headEmbeddings), heads),
    },
    {
      name: "no prompts of which only the outcomes are known",
      folds: relabeled((labeled) => labeled.filter(({ type }) => type !== null)),
    },
    { name: "failed calls learnt as wrong answers", folds: relabeled((labeled) => labeled.map(failuresCounted)) },
    { name: "1 group of texts without instruction, not 6", folds: foldsOf(field, prompts, 1) },
    { name: "12 groups", folds: foldsOf(field, prompts, 12) },
  ];
  return groups.map(({ name, folds }) => ({
    name,
    chosen: [],
    entries: folds.flatMap((fold) => entriesOf(fold, fitTyped(fold.training))),
  }));
};

/** Task types on principal directions alone: six fits on five folds each would take too long as they ship. */
const foldsOf = (field: Field, prompts: readonly Prompt[], untold?: number): readonly OuterFold[] =>
  openOuterFolds(field, prompts, {
    seed: trainingSeed,
    exact: false,
    ...(untold === undefined ? {} : { untold }),
  });

type Relabeling = (labeled: readonly Labeled[]) => readonly Labeled[];

const relabel = (fold: OuterFold, change: Relabeling): OuterFold => ({
  ...fold,
  training: { ...fold.training, labeled: change(fold.training.labeled) },
});

const headAlone = (prompt: Prompt): Prompt => ({
  ...prompt,
  texts: prompt.texts.map((text) => viewOf("", text).head),
});

const failuresCounted = (labeled: Labeled): Labeled => ({
  ...labeled,
  models: Object.fromEntries(
    Object.entries(labeled.models).map(([name, outcome]) => [name, { ...outcome, outage: false }]),
  ),
});
