/** The weights that ship. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseHead, type Head } from "../../../shared/head.ts";
import type { Heads } from "../replay/contest.ts";

const root = join(import.meta.dirname, "..", "..", "..");

export const weightFiles = {
  encoder: join(root, "inference", "models", "head.json"),
  edge: join(root, "shared", "edge-head.json"),
} as const;

/** Throws with the file's name when one does not fit. */
export const readHeads = async (): Promise<Heads> => ({
  encoder: await readHead(weightFiles.encoder),
  edge: await readHead(weightFiles.edge),
});

const readHead = async (path: string): Promise<Head> => {
  const head = parseHead(JSON.parse(await readFile(path, "utf8")));
  if (!head.ok) throw new Error(`${path}: ${head.error}`);
  return head.value;
};
