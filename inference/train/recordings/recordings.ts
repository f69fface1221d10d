/** Recorded outcomes of real models: the format, its reader, and the texts that a router would have seen. */
import * as z from "zod";
import { viewOf, viewText } from "../../../shared/prompt-view.ts";
import { readJsonLines } from "./json-lines.ts";

/** Of one call: what `npm run record` keeps beside the outcome. */
const sampleSchema = z.object({
  /** When it ended, ISO 8601. */
  date: z.string(),
  /** The vendor's own name of what answered; null when it named none. */
  model: z.string().nullable(),
  answer: z.string(),
  /** OpenAI's finish reason: `length` when the cap cut the answer. */
  finish: z.string(),
  correct: z.number().min(0).max(1),
  pred: z.string().nullable().optional(),
  tokens_in: z.number().min(0),
  tokens_out: z.number().min(0),
  cost_usd: z.number().min(0),
  latency_ms: z.number().min(0),
});
export type Sample = z.infer<typeof sampleSchema>;

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
  /** Calls that failed, whether or not another succeeded. */
  failures: z.number().int().min(0).optional(),
  /** The calls behind the means, oldest first; `pred` is the first one's. */
  samples: z.array(sampleSchema).optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

/** `choice`, `number`, `short`: compared with the right answer. `json`: by schema. `tests`: code by its unit tests. */
export const verifierKinds = ["choice", "number", "short", "json", "tests"] as const;

const recordingSchema = z.object({
  id: z.string().min(1),
  domain: z.string().min(1),
  instruction: z.string().optional(),
  /** Null where the source names the task but not its text. */
  prompt: z.string().nullable(),
  /** What must stay on one side of every split. */
  problem: z.string().min(1),
  answer: z.string().optional(),
  /** Sent as system message when the prompt was asked; no part of what a router sees. */
  system: z.string().optional(),
  /** How answers were graded; absent: as the set's domains tell. */
  verifier: z.enum(verifierKinds).optional(),
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
  const { file, sha256, rows } = await readJsonLines(path, recordingSchema);
  return { name: file.replace(/\.jsonl(?:\.gz)?$/, ""), file, sha256, recordings: rows };
};

/** What a router sees of a recording: the instruction, an empty line, the prompt, as one user turn. */
export const textOfRecording = (recording: Recording, options: { readonly instruction: boolean }): string => {
  const { instruction, prompt } = recording;
  const text = options.instruction && instruction !== undefined ? `${instruction}\n\n${prompt ?? ""}` : (prompt ?? "");
  return viewText(viewOf("", text));
};
