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
};

export const readKnownSets = async (): Promise<readonly KnownSet[]> => {
  const files = (await readdir(bundledRecordings)).filter((file) => /\.jsonl(?:\.gz)?$/.test(file)).toSorted();
  const known = files.filter((file) => poolsOf(nameOf(file)).length > 0);
  const sets = [];
  for (const file of known) {
    const prompts = toPrompts(await readRecordings(join(bundledRecordings, file))).filter(isReadable);
    sets.push({ name: nameOf(file), pools: poolsOf(nameOf(file)), prompts });
  }
  return sets;
};

/** Told by domains and workers, whatever the file is called. Null when it is none of them. */
export const recognizeSet = (prompts: readonly Prompt[], known: readonly KnownSet[]): KnownSet | null => {
  const workers = workersOf(prompts);
  const matches = known.map((set) => {
    const domains = new Set(set.prompts.map((prompt) => prompt.domain));
    const near = prompts.filter((prompt) => domains.has(prompt.domain)).length / prompts.length;
    const shared = set.pools[0]?.filter((worker) => workers.has(worker)).length ?? 0;
    return { set, near: shared >= 2 ? near : 0 };
  });
  const [best] = matches.toSorted((a, b) => b.near - a.near);
  return best && best.near >= 0.5 ? best.set : null;
};

export const workersOf = (prompts: readonly Prompt[]): ReadonlySet<string> =>
  new Set(prompts.flatMap((prompt) => Object.keys(prompt.models)));

const nameOf = (file: string): string => file.replace(/\.jsonl(?:\.gz)?$/, "");
