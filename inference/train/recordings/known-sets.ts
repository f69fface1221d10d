/** Recorded sets that the weights learn from, and which of them a file is a part of. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isReadable, toPrompts, type Prompt } from "./prompts.ts";
import { readRecordings } from "./recordings.ts";
import { bundledRecordings, poolsOf } from "./sets.ts";

export type KnownSet = {
  readonly name: string;
  /** The usual pool first. */
  readonly pools: readonly (readonly string[])[];
  /** Those with text. */
  readonly prompts: readonly Prompt[];
  /** Those too of which only the outcomes are known. */
  readonly recorded: readonly Prompt[];
};

export const readKnownSets = async (): Promise<readonly KnownSet[]> => {
  const files = (await readdir(bundledRecordings)).filter((file) => /\.jsonl(?:\.gz)?$/.test(file)).toSorted();
  const wanted = files.filter((file) => poolsOf(nameOf(file)).length > 0);
  const sets = [];
  for (const file of wanted) {
    const recorded = toPrompts(await readRecordings(join(bundledRecordings, file)));
    sets.push({ name: nameOf(file), pools: poolsOf(nameOf(file)), prompts: recorded.filter(isReadable), recorded });
  }
  return sets;
};

const leastShared = 2;

/** Told by domains and workers, whatever the file is called. Null when it is none of them. */
export const recognizeSet = (prompts: readonly Prompt[], known: readonly KnownSet[]): KnownSet | null => {
  const workers = workersOf(prompts);
  const matches = known.map((set) => {
    const domains = new Set(set.prompts.map((prompt) => prompt.domain));
    const near = prompts.filter((prompt) => domains.has(prompt.domain)).length / prompts.length;
    return { set, near: sharedWith(set.pools[0] ?? [], workers) >= leastShared ? near : 0 };
  });
  const [best] = matches.toSorted((a, b) => b.near - a.near);
  return best && best.near >= 0.5 ? best.set : null;
};

const sharedWith = (pool: readonly string[], workers: ReadonlySet<string>): number =>
  pool.filter((worker) => workers.has(worker)).length;

export const workersOf = (prompts: readonly Prompt[]): ReadonlySet<string> =>
  new Set(prompts.flatMap((prompt) => Object.keys(prompt.models)));

const nameOf = (file: string): string => file.replace(/\.jsonl(?:\.gz)?$/, "");
