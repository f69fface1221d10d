/** Weights fitted on one recorded set and tried on another, over the workers that both know. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { fitHead } from "../fit/fit-head.ts";
import { readyHead } from "../fit/held-out.ts";
import type { ReadingOptions } from "../fit/head-options.ts";
import { tryHead, type Tried } from "./measure-trial.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";

/** By a model's name, what each set calls it. */
const sameModelsSchema = z.record(z.string(), z.record(z.string(), z.string()));
export type SameModels = z.infer<typeof sameModelsSchema>;

export const readSameModels = async (): Promise<SameModels> =>
  sameModelsSchema.parse(
    JSON.parse(await readFile(join(import.meta.dirname, "..", "recordings", "same-models.json"), "utf8")),
  );

/** Names of the models that both sets have. */
export const modelsOfBoth = (same: SameModels, one: string, other: string): readonly string[] =>
  Object.keys(same).filter((name) => same[name]?.[one] !== undefined && same[name]?.[other] !== undefined);

/** Both sets' outcomes under the models' common names; `options.profiles` names them. */
export const trainAndTry = (
  sets: { readonly training: readonly Prompt[]; readonly tried: readonly Prompt[] },
  same: SameModels,
  options: ReadingOptions,
): readonly Tried[] => {
  const [training, tried] = [sets.training, sets.tried].map((prompts) => renamed(prompts, same, options.profiles));
  const head = readyHead({ ...fitHead(training ?? [], options), ballot: {} });
  const readings = (tried ?? [])
    .filter(isReadable)
    .map((prompt) => ({ prompt, features: options.featuresOf(prompt.texts[0] ?? "") }));
  return tryHead(head, options.profiles, readings);
};

const renamed = (prompts: readonly Prompt[], same: SameModels, names: readonly string[]): readonly Prompt[] =>
  prompts.map((prompt) => ({
    ...prompt,
    models: Object.fromEntries(
      names.flatMap((name) => {
        const outcome = prompt.models[same[name]?.[prompt.set] ?? ""];
        return outcome ? [[name, outcome] as const] : [];
      }),
    ),
  }));
