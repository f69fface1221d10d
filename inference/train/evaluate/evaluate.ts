/** From files to contests: what is scored, with which pool, and what is to be said about it. */
import { basename } from "node:path";
import {
  bestSingle,
  hasOutage,
  isRead,
  lacksSome,
  openContest,
  textOf,
  type Contest,
  type Heads,
} from "../replay/contest.ts";
import type { Embeddings } from "../fit/embed.ts";
import { embedPrompts } from "../fit/embed-prompts.ts";
import type { Flags } from "./flags.ts";
import { readKnownSets, recognizeSet, workersOf, type KnownSet } from "../recordings/known-sets.ts";
import { examplesOf } from "../replay/learners.ts";
import { isReadable, toPrompts, type Prompt } from "../recordings/prompts.ts";
import { publishedOf, type Published } from "../recordings/published.ts";
import { abridged, contestCounts, told } from "./evaluation-notes.ts";
import { placeStrangers, type PlacedHeads } from "../calibrate/heads.ts";
import { trainedName, withTrainedNames } from "../recordings/trained-names.ts";
import { readRecordings, type RecordingSet } from "../recordings/recordings.ts";

export type Evaluation = {
  readonly file: string;
  readonly contest: Contest;
  readonly published: readonly Published[];
  /** What a reader of the rows has to know; whole sentences without a full stop. */
  readonly notes: readonly string[];
};

/** Throws an error of one line when a file cannot be read. `date` is the day, ISO 8601. */
export const openEvaluations = async (flags: Flags, heads: Heads, date: string): Promise<readonly Evaluation[]> => {
  const sets = [];
  for (const path of flags.recordings) sets.push(withTrainedNames(await readRecordings(path)));
  const read = sets.map((set) => ({ set, prompts: toPrompts(set) }));
  const known = await readKnownSets();
  const files = read.map(({ set, prompts }) => {
    const readable = prompts.filter(isReadable);
    const family = recognizeSet(prompts, known);
    return { set, prompts, readable, family, pools: poolsFor(readable, family, flags) };
  });
  const wanted = new Set(files.flatMap(({ pools }) => pools.flat()));
  const strangers = [...wanted].filter((worker) => !heads.encoder.profiles.has(worker));
  const placed = await placeStrangers(heads, strangers, { paths: flags.calibrate, date });
  const problems = known.flatMap((set) => set.recorded.map((prompt) => prompt.problem));
  const learnt = new Set([...problems, ...placed.problems]);
  const encoded = files.flatMap(({ readable, family }) => [...readable, ...examplesOf(family?.prompts ?? [])]);
  const embeddings = await embedPrompts(encoded.map((prompt) => textOf(flags, prompt)));
  return files.flatMap((file) => file.pools.map((pool) => openOne(file, pool, { flags, placed, embeddings, learnt })));
};

/** The set's usual pool as far as the file has its workers; every worker of a file of no known set. */
const poolsFor = (
  prompts: readonly Prompt[],
  family: KnownSet | null,
  flags: Flags,
): readonly (readonly string[])[] => {
  if (flags.pools.length > 0) return flags.pools.map((pool) => pool.map(trainedName));
  const recorded = workersOf(prompts);
  const usual = family?.pools[0]?.filter((worker) => recorded.has(worker));
  return [usual ?? [...recorded].toSorted()];
};

type File = {
  readonly set: RecordingSet;
  readonly prompts: readonly Prompt[];
  readonly readable: readonly Prompt[];
  readonly family: KnownSet | null;
};

type Ground = {
  readonly flags: Flags;
  readonly placed: PlacedHeads;
  readonly embeddings: Embeddings;
  /** Problems that the weights, or the placing of new workers, rest on. */
  readonly learnt: ReadonlySet<string>;
};

const openOne = (file: File, wanted: readonly string[], { flags, placed, embeddings, learnt }: Ground): Evaluation => {
  const { heads } = placed;
  const recorded = workersOf(file.readable);
  const absent = wanted.filter((worker) => !recorded.has(worker));
  const strangers = wanted.filter((worker) => recorded.has(worker) && !heads.encoder.profiles.has(worker));
  const pool = wanted.filter((worker) => recorded.has(worker) && heads.encoder.profiles.has(worker));
  const answered = file.readable.filter((prompt) => pool.some((worker) => prompt.models[worker] !== undefined));
  const all = openContest({
    pool,
    prompts: answered,
    training: file.family?.prompts ?? [],
    heads,
    embeddings,
    ultra: flags.tier !== "mini",
    instruction: flags.instruction,
  });
  const contest = { ...all, prompts: selected(all, flags) };
  const newcomers = pool.filter((worker) => placed.placed.includes(worker));
  const notes = told([
    [file.prompts.length - file.readable.length, "prompts without text are left out"],
    [absent.length, `workers are not in ${file.set.file}: ${absent.join(", ")}`],
    [strangers.length, `workers are unknown to the weights and left out: ${abridged(strangers)}`],
    [newcomers.length, `workers are placed by --calibrate: ${abridged(newcomers)}`],
    [
      pool.length > 0 ? file.readable.length - answered.length : 0,
      "prompts have no outcome of any worker of the pool and are left out",
    ],
    [answered.length - contest.prompts.length, flags.incomplete ? "prompts are left out as asked" : incompleteNote],
    ...contestCounts(contest, learnt),
  ]);
  return {
    file: basename(file.set.file),
    contest,
    published: publishedOf(file.set.recordings),
    notes,
  };
};

const incompleteNote =
  "prompts are left out: some worker of the pool was not recorded on them (--incomplete keeps them), or as asked";

const selected = (contest: Contest, flags: Flags): readonly Prompt[] =>
  contest.prompts
    .filter((prompt) => flags.incomplete || !lacksSome(prompt, contest.pool))
    .filter((prompt) => !flags.readable || isRead(prompt, bestSingle(contest)))
    .filter((prompt) => !flags.withoutOutages || !hasOutage(prompt, contest.pool));
