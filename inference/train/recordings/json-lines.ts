import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type * as z from "zod";

export type JsonLines<Row> = {
  /** Without its folder. */
  readonly file: string;
  readonly sha256: string;
  readonly rows: readonly Row[];
};

/**
 * Reads a `.jsonl` or `.jsonl.gz` whose rows have an id each. Throws with file, line and field of the first thing that
 * does not fit.
 */
export const readJsonLines = async <Row extends { readonly id: string }>(
  path: string,
  schema: z.ZodType<Row>,
): Promise<JsonLines<Row>> => {
  const bytes = await readFile(path);
  const text = (path.endsWith(".gz") ? await promisify(gunzip)(bytes) : bytes).toString("utf8");
  const file = basename(path);
  const lines = text.split("\n").map((line, at) => ({ line, at: at + 1 }));
  const rows = lines
    .filter(({ line }) => line.trim() !== "")
    .map(({ line, at }) => parseLine(line, `${file}:${at}`, schema));
  const twice = firstRepeated(rows.map(({ id }) => id));
  if (twice !== null) throw new Error(`${file}: id ${twice} occurs twice`);
  return { file, sha256: createHash("sha256").update(bytes).digest("hex"), rows };
};

/** `place` opens the message of what is thrown. */
export const parseLine = <Row>(line: string, place: string, schema: z.ZodType<Row>): Row => {
  const parsed = schema.safeParse(parseJson(line, place));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${place}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "does not fit"}`);
};

const parseJson = (line: string, place: string): unknown => {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`${place}: not JSON`, { cause });
  }
};

const firstRepeated = (ids: readonly string[]): string | null => {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) return id;
    seen.add(id);
  }
  return null;
};
