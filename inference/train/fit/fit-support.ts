/** What tells prompts like the recorded ones from all others: their words against those of generic text. */
import { packMatrix, type PackedMatrix } from "../../../shared/head.ts";
import { hashFeatures, type SparseFeatures } from "../../../shared/ngrams.ts";
import { columnsOf, dotWeights, fitSoftmax, type Row, type Shape } from "./linear.ts";
import { shuffled, type Random } from "./random.ts";

export type Support = { readonly centers: PackedMatrix; readonly far: number; readonly near: number };

export type SetText = { readonly set: string; readonly row: Row };

type Options = {
  readonly shape: Shape;
  /** Ordinary prompts of no recorded set. */
  readonly background: readonly string[];
  readonly random: Random;
};

/** More texts of one set change the border little and cost as much time as the first ones. */
const maxPerSet = 600;
/** All texts on one side of the border together weigh this; with it, the penalty of the weights. */
const sideWeight = 1000;
const ridge = 0.2;
const rounds = 80;

/** Share of a set's texts that may stand nearer to the border than `near`. */
const outliers = 0.05;
/** `far` of `near`. */
const farShare = 0.5;
/** Least logit of a prompt that is fully supported: odds of two to one. */
const leastNear = Math.log(2);

/**
 * The log odds that a text is one of the recorded sets' rather than of the background, linear in its n-grams: the
 * encoder's vector adds nothing to them. Sets weigh the same, whatever their size. `near` is what all but one in twenty
 * texts of every set reach, `far` half of it. Words that neither side has leave the intercept, which is far below.
 */
export const fitSupport = (texts: readonly SetText[], { shape, background, random }: Options): Support => {
  const sets = [...Map.groupBy(texts, ({ set }) => set).values()].map((members) =>
    shuffled(members, random)
      .slice(0, maxPerSet)
      .map(({ row }) => ngramsOnly(row.sparse)),
  );
  const others = background.map((text) => ngramsOnly(hashFeatures(text, shape.buckets)));
  const ngrams: Shape = { dense: 0, buckets: shape.buckets };
  const { weights, bias } = fitSoftmax(
    [...sets.flat(), ...others],
    [...sets.flat().map(() => 1), ...others.map(() => 0)],
    {
      classes: 2,
      shape: ngrams,
      ridge,
      rounds,
      rowWeights: [
        ...sets.flatMap((rows) => rows.map(() => sideWeight / sets.length / rows.length)),
        ...others.map(() => sideWeight / others.length),
      ],
    },
  );
  const direction = Float64Array.from(
    { length: shape.buckets },
    (_, at) => (weights[1]?.[at] ?? 0) - (weights[0]?.[at] ?? 0),
  );
  const intercept = (bias[1] ?? 0) - (bias[0] ?? 0);
  const reached = sets.map((rows) =>
    quantile(
      rows.map((row) => intercept + dotWeights(direction, row, ngrams)),
      outliers,
    ),
  );
  const near = Math.max(leastNear, Math.min(...reached));
  const columns = [...new Float64Array(shape.dense), ...direction];
  return { centers: packMatrix([columns], columnsOf(shape)), far: farShare * near - intercept, near: near - intercept };
};

const ngramsOnly = (sparse: SparseFeatures | null): Row => ({ dense: null, sparse });

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * values.length)] ?? 0;
