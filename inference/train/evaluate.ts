/** From files to contests: what is scored, with which pool, and what is to be said about it. */
import { basename } from "node:path";
import {
  bestSingle,
  hasOutage,
  isComparable,
  isRead,
  lacksSome,
  openContest,
  textOf,
  type Contest,
  type Heads,
} from "./contest.ts";
import type { Embeddings } from "./embed.ts";
import { embedPrompts } from "./embed-prompts.ts";
import type { Flags } from "./flags.ts";
import { readKnownSets, recognizeSet, workersOf, type KnownSet } from "./known-sets.ts";
import { examplesOf } from "./learners.ts";
import { isReadable, toPrompts, type Prompt } from "./prompts.ts";
import { publishedOf, type Published } from "./published.ts";
import { readRecordings, type RecordingSet } from "./recordings.ts";

export type Evaluation = {
  readonly file: string;
  readonly contest: Contest;
  readonly published: readonly Published[];
  /** What a reader of the rows has to know; whole sentences without a full stop. */
  readonly notes: readonly string[];
};

/** Throws an error of one line when a file cannot be read. */
export const openEvaluations = async (flags: Flags, heads: Heads): Promise<readonly Evaluation[]> => {
  const sets = [];
  for (const path of flags.recordings) sets.push(await readRecordings(path));
  const read = sets.map((set) => ({ set, prompts: toPrompts(set) }));
  const known = await readKnownSets(workersOf(read.flatMap(({ prompts }) => prompts)));
  const files = read.map(({ set, prompts }) => {
    const readable = prompts.filter(isReadable);
    return { set, prompts, readable, family: recognizeSet(prompts, known) };
  });
  const encoded = files.flatMap(({ readable, family }) => [...readable, ...examplesOf(family?.prompts ?? [])]);
  const embeddings = await embedPrompts(encoded.map((prompt) => textOf(flags, prompt)));
  const learnt = new Set(known.flatMap((set) => set.prompts.map((prompt) => prompt.problem)));
  return files.flatMap((file) =>
    poolsFor(file.readable, file.family, flags).map((pool) =>
      openOne(file, pool, { flags, heads, embeddings, learnt }),
    ),
  );
};

/** The set's usual pool as far as the file has its workers; every worker of a file of no known set. */
const poolsFor = (
  prompts: readonly Prompt[],
  family: KnownSet | null,
  flags: Flags,
): readonly (readonly string[])[] => {
  if (flags.pools.length > 0) return flags.pools;
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
  readonly heads: Heads;
  readonly embeddings: Embeddings;
  /** Problems that the weights learnt from. */
  readonly learnt: ReadonlySet<string>;
};

const openOne = (file: File, wanted: readonly string[], { flags, heads, embeddings, learnt }: Ground): Evaluation => {
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
  const notes = [
    [file.prompts.length - file.readable.length, "prompts without text are left out"],
    [absent.length, `workers are not in ${file.set.file}: ${absent.join(", ")}`],
    [strangers.length, `workers are unknown to the weights and left out: ${abridged(strangers)}`],
    [
      pool.length > 0 ? file.readable.length - answered.length : 0,
      "prompts have no outcome of any worker of the pool and are left out",
    ],
    [answered.length - contest.prompts.length, "prompts are left out as asked"],
    ...contestNotes(contest, learnt),
  ] as const;
  return {
    file: basename(file.set.file),
    contest,
    published: publishedOf(file.set.recordings),
    notes: notes.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])),
  };
};

const selected = (contest: Contest, flags: Flags): readonly Prompt[] =>
  contest.prompts
    .filter((prompt) => !flags.complete || !lacksSome(prompt, contest.pool))
    .filter((prompt) => !flags.readable || isRead(prompt, bestSingle(contest)))
    .filter((prompt) => !flags.withoutOutages || !hasOutage(prompt, contest.pool));

const contestNotes = (contest: Contest, learnt: ReadonlySet<string>): readonly (readonly [number, string])[] => {
  const { prompts, pool } = contest;
  const outcomes = prompts.flatMap((prompt) => pool.flatMap((worker) => prompt.models[worker] ?? []));
  const count = (holds: (prompt: Prompt) => boolean) => prompts.filter(holds).length;
  return [
    [
      count((prompt) => learnt.has(prompt.problem)),
      "prompts are of problems that the weights learnt from: on those Shoal's rows are no measurement",
    ],
    [
      count((prompt) => lacksSome(prompt, pool)),
      "prompts lack an outcome of some worker of the pool, which counts as wrong there; --complete leaves them out",
    ],
    [
      count((prompt) => hasOutage(prompt, pool)),
      "prompts have a worker that failed to answer, which counts as wrong; --without-outages leaves them out",
    ],
    [
      count((prompt) => !isRead(prompt, bestSingle(contest))),
      "answers of the best single worker could not be read and count as wrong; --readable leaves those prompts out",
    ],
    [
      outcomes.filter((outcome) => outcome.imputed).length,
      `of ${outcomes.length} outcomes have imputed costs, which are counted`,
    ],
    [
      isComparable(contest) ? 0 : prompts.length,
      "prompts have no comparable answers: every decision is one call, and rules that count answers have no row",
    ],
  ];
};

const shown = 8;

const abridged = (names: readonly string[]): string =>
  names.length <= shown ? names.join(", ") : `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`;
