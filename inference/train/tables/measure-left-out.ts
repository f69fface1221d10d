/** Task types that the weights have never seen: all prompts of a domain, or of one kind of task, kept out of training. */
import { fitHead } from "../fit/fit-head.ts";
import { readyHead } from "../fit/held-out.ts";
import type { ReadingOptions } from "../fit/head-options.ts";
import { tryHead, type Tried } from "./measure-trial.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";

export type LeftOut = { readonly type: string; readonly tried: readonly Tried[] };

/** One entry for each type of a set, whose problems are kept out under other types too; `options` name the pool. */
export const leaveTypesOut = (prompts: readonly Prompt[], options: ReadingOptions): readonly LeftOut[] => {
  const types = [...new Set(prompts.filter(isReadable).flatMap(({ domain, type }) => [domain, type]))].toSorted();
  return types.map((type) => {
    const problems = new Set(prompts.filter((prompt) => isOf(prompt, type)).map(({ problem }) => problem));
    const training = prompts.filter((prompt) => !problems.has(prompt.problem));
    const head = readyHead({ ...fitHead(training, options), ballot: {} });
    const readings = prompts
      .filter((prompt) => isReadable(prompt) && isOf(prompt, type))
      .map((prompt) => ({ prompt, features: options.featuresOf(prompt.texts[0] ?? "") }));
    return { type, tried: tryHead(head, options.profiles, readings) };
  });
};

const isOf = (prompt: Prompt, type: string): boolean => prompt.domain === type || prompt.type === type;
