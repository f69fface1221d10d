import { parseHead, predict, type Features, type Head, type HeadJson, type Prediction } from "../../../shared/head.ts";
import { fitHead, type FitOptions, type FittedHead } from "./fit-head.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import { foldsByProblem } from "./random.ts";

export const foldCount = 5;

/** What a head that has not seen a prompt's problem says of each of its texts. */
export type HeldOut = { readonly prompt: Prompt; readonly fold: number; readonly predictions: readonly Prediction[] };

/** Cross-validated predictions within one set. */
export const predictHeldOut = (
  prompts: readonly Prompt[],
  options: FitOptions & { readonly featuresOf: (text: string) => Features; readonly ballot: HeadJson["ballot"] },
): readonly HeldOut[] => {
  const folds = foldsByProblem(
    prompts.map((prompt) => prompt.problem),
    foldCount,
    options.seed,
  );
  return Array.from({ length: foldCount }, (_, fold) => fold).flatMap((fold) => {
    const fitted = fitHead(
      prompts.filter((_, at) => folds[at] !== fold),
      options,
    );
    const head = readyHead({ ...fitted, ballot: options.ballot });
    return prompts
      .filter((prompt, at) => folds[at] === fold && isReadable(prompt))
      .map((prompt) => ({
        prompt,
        fold,
        predictions: prompt.texts.map((text) => predict(head, options.featuresOf(text), options.profiles)),
      }));
  });
};

/** A fitted head without provenance, to predict with. */
export const readyHead = (fitted: FittedHead & Pick<HeadJson, "ballot">): Head => {
  const head = parseHead({
    ...fitted,
    version: "held-out",
    trained: { date: "1970-01-01", seed: 0, recordings: [], encoder: null, measured: [] },
  });
  if (!head.ok) throw new Error(head.error);
  return head.value;
};
