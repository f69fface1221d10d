/** Workers that the weights do not know, placed by recorded outcomes for one evaluation. */
import { readFeatures, type Features, type Head } from "../../../shared/head.ts";
import { hashFeatures } from "../../../shared/ngrams.ts";
import { fitGround, readGround } from "./ground.ts";
import { scoreOf } from "./model.ts";
import { fitProfile } from "./profile.ts";
import type { Heads } from "../replay/contest.ts";
import { embedPrompts } from "../fit/embed-prompts.ts";
import { readKnownSets } from "../recordings/known-sets.ts";
import { isReadable, toPrompts } from "../recordings/prompts.ts";
import { readRecordings } from "../recordings/recordings.ts";
import { withTrainedNames } from "../recordings/trained-names.ts";

export type PlacedHeads = {
  readonly heads: Heads;
  readonly placed: readonly string[];
  /** Problems that the placing rests on. */
  readonly problems: ReadonlySet<string>;
};

/** Those of `strangers` that the recordings at `paths` have outcomes of. `date` is the day, ISO 8601. */
export const placeStrangers = async (
  heads: Heads,
  strangers: readonly string[],
  { paths, date }: { readonly paths: readonly string[]; readonly date: string },
): Promise<PlacedHeads> => {
  const recorded = await Promise.all(paths.map(readRecordings));
  const prompts = recorded.flatMap((set) => toPrompts(withTrainedNames(set))).filter(isReadable);
  const placed = strangers.filter((worker) => prompts.some((prompt) => scoreOf(prompt.models[worker]) !== null));
  if (placed.length === 0) return { heads, placed, problems: new Set() };
  const ground = fitGround(await readKnownSets());
  const embeddings = await embedPrompts([...ground.prompts, ...prompts].flatMap(({ texts }) => texts));
  const place = (head: Head, featuresOf: (text: string) => Features): Head => {
    const reading = readGround(ground, { head, featuresOf });
    const profiles = placed.map((worker) => fitProfile(worker, prompts, { ground, reading, date }));
    return { ...head, profiles: new Map([...head.profiles, ...profiles.map((entry) => [entry.name, entry] as const)]) };
  };
  return {
    heads: {
      encoder: place(heads.encoder, (text) => readFeatures(heads.encoder, text, embeddings.of(text))),
      edge: place(heads.edge, (text) => hashFeatures(text, heads.edge.features)),
    },
    placed,
    problems: new Set(prompts.map(({ problem }) => problem)),
  };
};
