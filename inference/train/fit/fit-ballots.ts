import type { Extractor } from "../../../shared/answers.ts";
import type { Coefficients } from "../../../shared/ballot.ts";
import type { HeadJson } from "../../../shared/head.ts";
import { fitBallot, type Cast } from "./fit-ballot.ts";
import type { HeldOut } from "./held-out.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { answerOf, extractorOf } from "../replay/replay.ts";

/** The ballot's coefficients by extractor, from predictions made by weights that had not seen the prompts. */
export const fitBallots = (heldOut: readonly HeldOut[], seed: number): HeadJson["ballot"] => {
  const fit = (extractor: Extractor): Coefficients | null => {
    const prompts = heldOut.flatMap(({ prompt, predictions }) =>
      extractorOf(prompt) === extractor ? [castsOf(prompt, predictions[0], extractor)] : [],
    );
    return prompts.length === 0 ? null : fitBallot(prompts, { extractor, seed });
  };
  const short = fit("short");
  const entries = [
    ["choice", fit("choice")],
    ["number", fit("number")],
    ["short", short],
    // No recording has JSON answers; like short literals, two of them seldom agree by chance.
    ["json", short],
  ] as const;
  return Object.fromEntries(entries.filter(([, coefficients]) => coefficients !== null));
};

const castsOf = (
  prompt: Prompt,
  prediction: HeldOut["predictions"][number] | undefined,
  extractor: Extractor,
): readonly Cast[] =>
  [...(prediction?.profiles ?? [])].flatMap(([name, { quality }]) => {
    const outcome = prompt.models[name];
    if (!outcome) return [];
    const inside = Math.min(0.999, Math.max(0.001, quality));
    return [
      { logit: Math.log(inside / (1 - inside)), answer: answerOf(outcome, extractor), right: outcome.correct >= 0.5 },
    ];
  });
