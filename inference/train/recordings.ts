/** Recorded outcomes of real models: the format, its reader, and the texts that a router would have seen. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import * as z from "zod";
import { viewOf, viewText } from "../../shared/prompt-view.ts";

const outcomeSchema = z.object({
  /** A pass, or the mean over repeated runs or samples. */
  correct: z.number().min(0).max(1),
  runs: z.array(z.number().min(0).max(1)).optional(),
  tokens_in: z.number().min(0).optional(),
  tokens_out: z.number().min(0).optional(),
  chars_out: z.number().min(0).optional(),
  cost_usd: z.number().min(0).optional(),
  latency_ms: z.number().min(0).optional(),
  /** The final answer; null where none could be read; absent where the set has none. */
  pred: z.string().nullable().optional(),
  /** Tokens, cost and latency are not measurements. */
  imputed: z.boolean().optional(),
  /** The call failed and was scored 0. */
  outage: z.boolean().optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

const recordingSchema = z.object({
  id: z.string().min(1),
  domain: z.string().min(1),
  instruction: z.string().optional(),
  /** Null where the source names the task but not its text. */
  prompt: z.string().nullable(),
  /** What must stay on one side of every split. */
  problem: z.string().min(1),
  answer: z.string().optional(),
  models: z.record(z.string().min(1), outcomeSchema),
  /** By router: the model that it chose for this prompt, or an object that names it. */
  published_decisions: z.record(z.string(), z.unknown()).nullish().catch(null),
});
export type Recording = z.infer<typeof recordingSchema>;

export type RecordingSet = {
  /** The file's name without its extensions. */
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
  readonly recordings: readonly Recording[];
};

/** Reads a `.jsonl` or `.jsonl.gz`. Throws with file, line and field of the first thing that does not fit. */
export const readRecordings = async (path: string): Promise<RecordingSet> => {
  const bytes = await readFile(path);
  const text = (path.endsWith(".gz") ? await promisify(gunzip)(bytes) : bytes).toString("utf8");
  const file = basename(path);
  const lines = text.split("\n").map((line, at) => ({ line, at: at + 1 }));
  const recordings = lines
    .filter(({ line }) => line.trim() !== "")
    .map(({ line, at }) => parseLine(line, `${file}:${at}`));
  const twice = firstRepeated(recordings.map((recording) => recording.id));
  if (twice !== null) throw new Error(`${file}: id ${twice} occurs twice`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name: file.replace(/\.jsonl(?:\.gz)?$/, ""), file, sha256, recordings };
};

/** What a router sees of a recording: the instruction, an empty line, the prompt, as one user turn. */
export const textOfRecording = (recording: Recording, options: { readonly instruction: boolean }): string => {
  const { instruction, prompt } = recording;
  const text = options.instruction && instruction !== undefined ? `${instruction}\n\n${prompt ?? ""}` : (prompt ?? "");
  return viewText(viewOf("", text));
};

const parseLine = (line: string, place: string): Recording => {
  const parsed = recordingSchema.safeParse(parseJson(line, place));
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
