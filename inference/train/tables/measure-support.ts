/** How much support texts get: those of the recorded sets by weights that have not seen their problems, and others. */
import { leastSupport } from "../../../shared/decide.ts";
import { packMatrix, predict } from "../../../shared/head.ts";
import { hashFeatures } from "../../../shared/ngrams.ts";
import { fitSupport, type Support } from "../fit/fit-support.ts";
import { foldCount, readyHead } from "../fit/held-out.ts";
import { trainingSeed } from "../fit/head-options.ts";
import { createRandom, foldsByProblem } from "../fit/random.ts";

/** A text, and what must stay on one side with it. */
export type Source = { readonly group: string; readonly problem: string; readonly text: string };

export type Shares = {
  readonly texts: number;
  /** Percent of the texts with a support of 0.9 or more. */
  readonly full: number;
  /** Percent of the texts whose task type still counts: not said to be out of support. */
  readonly some: number;
};

const fullSupport = 0.9;

type Sources = {
  readonly recorded: readonly Source[];
  readonly background: readonly Source[];
  /** Never fitted on. */
  readonly others: readonly Source[];
};

/** By group of texts. Recorded and background texts are held out in five folds. */
export const measureSupport = (sources: Sources, buckets: number): ReadonlyMap<string, Shares> => {
  const folded = { recorded: withFolds(sources.recorded), background: withFolds(sources.background) };
  const heldOut = Array.from({ length: foldCount }, (_, fold) => fold).flatMap((fold) => {
    const read = supportReader(
      { recorded: apart(folded.recorded, fold), background: apart(folded.background, fold) },
      buckets,
    );
    return [...folded.recorded, ...folded.background].filter((entry) => entry.fold === fold).map(read);
  });
  const read = supportReader(sources, buckets);
  const all = [...heldOut, ...sources.others.map(read)];
  return new Map([...Map.groupBy(all, ({ group }) => group)].map(([group, members]) => [group, sharesOf(members)]));
};

type Read = { readonly group: string; readonly support: number };

const supportReader = ({ recorded, background }: Pick<Sources, "recorded" | "background">, buckets: number) => {
  const support = fitSupport(
    recorded.map(({ group, text }) => ({ set: group, row: { dense: null, sparse: hashFeatures(text, buckets) } })),
    {
      shape: { dense: 0, buckets },
      background: background.map(({ text }) => text),
      random: createRandom(trainingSeed + 1),
    },
  );
  const head = headOf(support, buckets);
  return ({ group, text }: Source): Read => ({
    group,
    support: predict(head, hashFeatures(text, buckets), []).support,
  });
};

/** Weights that know of nothing but support. */
const headOf = (support: Support, buckets: number) =>
  readyHead({
    kind: "edge",
    features: buckets,
    types: ["any"],
    typeWeights: packMatrix([[]], buckets),
    typeBias: [0],
    profiles: [],
    residual: null,
    support,
    ballot: {},
  });

const withFolds = (sources: readonly Source[]): readonly (Source & { readonly fold: number })[] => {
  const folds = foldsByProblem(
    sources.map(({ problem }) => problem),
    foldCount,
    trainingSeed,
  );
  return sources.map((source, at) => ({ ...source, fold: folds[at] ?? 0 }));
};

const apart = <Entry extends { readonly fold: number }>(entries: readonly Entry[], fold: number): readonly Entry[] =>
  entries.filter((entry) => entry.fold !== fold);

const sharesOf = (members: readonly Read[]): Shares => ({
  texts: members.length,
  full: percentOf(members, ({ support }) => support >= fullSupport),
  some: percentOf(members, ({ support }) => support >= leastSupport),
});

const percentOf = (members: readonly Read[], holds: (read: Read) => boolean): number =>
  Number(((100 * members.filter(holds).length) / members.length).toFixed(2));
