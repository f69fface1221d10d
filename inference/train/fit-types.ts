import { shuffled, type Random } from "./random.ts";
import { fitSoftmax, type Row, type Shape, type Softmax } from "./linear.ts";

/** A prompt that types are learnt from: the rows of its texts, with and without the instruction. */
export type Typed = { readonly rows: readonly Row[]; readonly type: number };

/** More prompts of one type than this change its border little and cost as much time as the first ones. */
const maxPerType = 150;
const steps = 80;
const ridge = 5e-5;

/**
 * What the text without its instruction weighs beside the one with it. Without, several types have the very same text:
 * at full weight they blur the types of those that say what they want.
 */
const withoutInstruction = 0.1;

/** Task types from features. */
export const fitTypes = (
  prompts: readonly Typed[],
  options: { types: number; shape: Shape; random: Random },
): Softmax => {
  const kept = Array.from({ length: options.types }, (_, type) =>
    shuffled(
      prompts.filter((prompt) => prompt.type === type),
      options.random,
    ).slice(0, maxPerType),
  ).flat();
  return fitSoftmax(
    kept.flatMap((prompt) => prompt.rows),
    kept.flatMap((prompt) => prompt.rows.map(() => prompt.type)),
    {
      classes: options.types,
      shape: options.shape,
      ridge,
      steps,
      rowWeights: kept.flatMap((prompt) => prompt.rows.map((_, at) => (at === 0 ? 1 : withoutInstruction))),
    },
  );
};
