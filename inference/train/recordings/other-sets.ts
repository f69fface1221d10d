/** Recorded sets that the weights do not learn from. Those that may not be redistributed are read from a folder. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { toPrompts, type Prompt } from "./prompts.ts";
import { readRecordings } from "./recordings.ts";
import { bundledRecordings } from "./sets.ts";

/** From the bundled recordings or the folder that `SHOAL_RECORDINGS` names; null, with a note, when neither has it. */
export const readOtherSet = async (name: string): Promise<readonly Prompt[] | null> => {
  const folders = [bundledRecordings, process.env["SHOAL_RECORDINGS"] ?? bundledRecordings];
  for (const folder of folders) {
    const path = join(folder, `${name}.jsonl.gz`);
    const present = await access(path).then(
      () => true,
      () => false,
    );
    if (present) return toPrompts(await readRecordings(path));
  }
  console.error(`${name}.jsonl.gz is in no folder of recordings: name one with SHOAL_RECORDINGS`);
  return null;
};
