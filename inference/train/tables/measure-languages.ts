/** Prompts in other languages, on weights that have not seen their problems in any. */
import { fitHead } from "../fit/fit-head.ts";
import { foldCount, readyHead } from "../fit/held-out.ts";
import type { ReadingOptions } from "../fit/head-options.ts";
import { tryHead, type Tried } from "./measure-trial.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { foldsByProblem } from "../fit/random.ts";
import type { Translated } from "./translations.ts";

export type InLanguage = {
  readonly language: string;
  readonly tried: readonly Tried[];
  /** Percent of the prompts that get the same task type as in English. */
  readonly sameType: number;
};

/** English first: the same prompts as recorded. */
export const tryLanguages = (
  recorded: readonly Prompt[],
  translations: readonly Translated[],
  options: ReadingOptions,
): readonly InLanguage[] => {
  const wanted = new Set(translations.map(({ prompt }) => prompt.id));
  const english = recorded.filter(({ id }) => wanted.has(id)).map((prompt) => ({ language: "English", prompt }));
  const folds = foldsByProblem(
    recorded.map(({ problem }) => problem),
    foldCount,
    options.seed,
  );
  const foldOf = new Map(recorded.map(({ id }, at) => [id, folds[at]]));
  const all = Array.from({ length: foldCount }, (_, fold) => fold).flatMap((fold) => {
    const asked = [...english, ...translations].filter(({ prompt }) => foldOf.get(prompt.id) === fold);
    const training = recorded.filter((_, at) => folds[at] !== fold);
    const head = readyHead({ ...fitHead(training, options), ballot: {} });
    const readings = asked.map(({ prompt }) => ({ prompt, features: options.featuresOf(prompt.texts[0] ?? "") }));
    const tried = tryHead(head, options.profiles, readings);
    return asked.flatMap(({ language, prompt }, at) => {
      const result = tried[at];
      return result ? [{ language, id: prompt.id, result }] : [];
    });
  });
  const typeInEnglish = new Map(
    all.filter(({ language }) => language === "English").map(({ id, result }) => [id, result.type]),
  );
  return [...Map.groupBy(all, ({ language }) => language)].map(([language, members]) => ({
    language,
    tried: members.map(({ result }) => result),
    sameType: (100 * members.filter(({ id, result }) => typeInEnglish.get(id) === result.type).length) / members.length,
  }));
};
