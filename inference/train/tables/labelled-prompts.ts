/** Prompts with a label of their own: whether their answers can be compared, and how. What the detector is measured on. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { extractors, type Extractor } from "../../../shared/answers.ts";
import type { ChatRequest, Message } from "../../../shared/chat.ts";
import { toPrompts } from "../recordings/prompts.ts";
import { readRecordings, type Recording } from "../recordings/recordings.ts";
import { extractorOf } from "../replay/replay.ts";
import { bundledRecordings } from "../recordings/sets.ts";

/** `everyday`: questions with one answer, and their look-alikes, in the words of users. */
export const promptKinds = ["chat", "code", "everyday", "benchmark"] as const;
export type PromptKind = (typeof promptKinds)[number];

export type LabelledPrompt = {
  readonly id: string;
  readonly kind: PromptKind;
  /** Improvements of the detector were made by looking at one half only. */
  readonly half: "seen" | "apart";
  readonly chat: ChatRequest;
  /** The extractor under which two right answers are the same; null when there is none. */
  readonly label: Extractor | null;
};

const lineSchema = z.strictObject({
  id: z.string(),
  kind: z.enum(promptKinds),
  source: z.string(),
  license: z.string(),
  /** The user's turns; the last one is asked now. */
  turns: z.array(z.string()).min(1),
  /** The JSON schema that the client demands. */
  schema: z.record(z.string(), z.unknown()).optional(),
  extractor: z.enum(extractors).nullable(),
});
type Line = z.infer<typeof lineSchema>;

const labelsPath = join(import.meta.dirname, "detector", "prompts.jsonl");

/** So many prompts of each recorded set, drawn by the hash of their text. */
const benchmarkShares = { mmlu_pro: 70, zeroeval: 70, coderouterbench_idtest: 60 } as const;

/** The labelled mix: the prompts in `detector/`, and prompts of the bundled recordings. */
export const readLabelledPrompts = async (): Promise<readonly LabelledPrompt[]> => {
  const text = await readFile(labelsPath, "utf8");
  const lines = text.split("\n").filter((line) => line !== "");
  const written = lines.map((line) => fromLine(lineSchema.parse(JSON.parse(line))));
  const recorded = [];
  for (const [set, count] of Object.entries(benchmarkShares)) recorded.push(...(await fromSet(set, count)));
  return [...written, ...recorded];
};

const fromLine = ({ id, kind, turns, schema, extractor }: Line): LabelledPrompt => ({
  id,
  kind,
  half: halfOf(turns.join("\n")),
  chat: { ...chatOf(turns), ...(schema && { output: { type: "json_schema", name: "answer", schema } }) },
  label: extractor,
});

const fromSet = async (set: string, count: number): Promise<readonly LabelledPrompt[]> => {
  const read = await readRecordings(join(bundledRecordings, `${set}.jsonl.gz`));
  const labels = new Map(toPrompts(read).map((prompt) => [prompt.id, extractorOf(prompt)]));
  const drawn = read.recordings
    .flatMap((recording) => wholeText(recording) ?? [])
    .toSorted((a, b) => (a.hash < b.hash ? -1 : 1))
    .slice(0, count);
  return drawn.map(({ id, text }) => ({
    id,
    kind: "benchmark",
    half: halfOf(text),
    chat: chatOf([text]),
    label: labels.get(id) ?? (asksForOutput.test(id) ? "short" : null),
  }));
};

/** What a function returns, as a literal; the set has no recorded answers. */
const asksForOutput = /^crb\/dim4_cruxeval_/;

const wholeText = ({ id, instruction, prompt }: Recording) => {
  if (prompt === null) return null;
  const text = instruction === undefined ? prompt : `${instruction}\n\n${prompt}`;
  return { id, text, hash: hashOf(id) };
};

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

const halfOf = (text: string): LabelledPrompt["half"] => (hashOf(text) < "8" ? "seen" : "apart");

const chatOf = (turns: readonly string[]): ChatRequest => ({
  model: "shoal-ultra",
  messages: turns.flatMap((text, at): Message[] => [
    ...(at === 0 ? [] : [{ role: "assistant", content: [{ type: "text", text: "Here you are." }] } as const]),
    { role: "user", content: [{ type: "text", text }] },
  ]),
  tools: [],
  toolChoice: "auto",
  output: { type: "text" },
  sampling: {},
  stop: [],
  metadata: {},
});
