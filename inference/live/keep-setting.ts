import { readFile, writeFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

/** What answers of one evaluation have in common. */
const settingSchema = z.strictObject({
  /** That may be asked, in order. */
  workers: z.array(z.string()),
  /** Version of the conductor's. */
  weights: z.string(),
  /** Who writes workflows, as the environment of a Shoal started for the run names it; null for nobody, or where another's is used. */
  planner: z.string().nullable(),
  max_tokens: z.number(),
});
export type Setting = z.infer<typeof settingSchema>;

/** Written by the first run into a folder. A later one goes on only where it is the same: answers are never mixed. */
export const keepSetting = async (file: string, setting: Setting): Promise<Result<Setting, string>> => {
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) {
    await writeFile(file, `${JSON.stringify(setting, null, 2)}\n`);
    return ok(setting);
  }
  const kept = settingSchema.parse(JSON.parse(text));
  const changed = settingSchema.keyof().options.filter((name) => !isDeepStrictEqual(kept[name], setting[name]));
  if (changed.length === 0) return ok(kept);
  return err(`${file} was made with other ${changed.join(", ")}: choose another folder by --out`);
};
