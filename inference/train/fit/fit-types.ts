import { shuffled, type Random } from "./random.ts";
import { fitSoftmax, type Shape, type Softmax } from "./linear.ts";
import type { LabeledText } from "./label-texts.ts";

/** More texts of one type than this change its border little and cost as much time as the first ones. */
const maxPerType = 150;
const rounds = 80;
const ridge = 0.01;

/** Task types from features. */
export const fitTypes = (
  texts: readonly LabeledText[],
  options: { types: number; shape: Shape; random: Random },
): Softmax => {
  const kept = Array.from({ length: options.types }, (_, type) =>
    shuffled(
      texts.filter((text) => text.type === type),
      options.random,
    ).slice(0, maxPerType),
  ).flat();
  return fitSoftmax(
    kept.map(({ row }) => row),
    kept.map(({ type }) => type),
    {
      classes: options.types,
      shape: options.shape,
      ridge,
      rounds,
      rowWeights: kept.map(({ weight }) => weight),
    },
  );
};
