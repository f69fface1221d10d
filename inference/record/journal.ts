/**
 * What has been asked, as it happens: one line for each event, on disk before the run goes on, so that a run that is
 * killed has lost no answer that was paid for. The recording is made from it.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import * as z from "zod";
import { parseLine } from "../train/recordings/json-lines.ts";
import { promptSchema, textOfPrompt, type Prompt } from "./prompts.ts";
import { runSchema } from "./run.ts";

const call = {
  /** Hash of the prompt's id and of what is sent: an edited prompt is another one. */
  asked: z.string(),
  worker: z.string(),
  repeat: z.number().int(),
  /** ISO 8601. */
  at: z.string(),
};
const dollars = z.number().min(0);

const entrySchema = z.discriminatedUnion("type", [
  /** Before its first call, and again when its verifier has changed: what it was graded by before no longer counts. */
  z.object({ type: z.literal("prompt"), asked: z.string(), prompt: promptSchema }),
  /** Before the call, with the most that it can cost. */
  z.object({ type: z.literal("open"), ...call, bound_usd: dollars }),
  z.object({
    type: z.literal("answer"),
    ...call,
    model: z.string().nullable(),
    answer: z.string(),
    finish: z.string(),
    tokens_in: z.number(),
    tokens_out: z.number(),
    cost_usd: dollars,
    latency_ms: z.number(),
    /** Of a tier, which stands in `worker` then. */
    run: runSchema.optional(),
  }),
  /** `cost_usd`: what may have been billed all the same. */
  z.object({ type: z.literal("failure"), ...call, status: z.number().nullable(), code: z.string(), cost_usd: dollars }),
  z.object({ type: z.literal("grade"), ...call, correct: z.number(), pred: z.string().nullable().optional() }),
]);
export type Entry = z.infer<typeof entrySchema>;
export type EntryOf<Type extends Entry["type"]> = Extract<Entry, { type: Type }>;
/** One answer that is wanted of a worker. */
export type Call = { readonly asked: string; readonly worker: string; readonly repeat: number };

export type Journal = {
  readonly entries: readonly Entry[];
  append(entry: Entry): void;
  close(): void;
};

/** The name of a prompt in the journal. */
export const askedOf = (prompt: Prompt): string =>
  createHash("sha256")
    .update(JSON.stringify([prompt.id, prompt.system ?? "", textOfPrompt(prompt)]))
    .digest("hex")
    .slice(0, 16);

/** Two entries of one call have the same key. */
export const keyOf = ({ asked, worker, repeat }: Call): string => JSON.stringify([asked, worker, repeat]);

/** The prompts as they were last written, by id: of an edited one the newest. */
export const promptsOf = (entries: readonly Entry[]): ReadonlyMap<string, EntryOf<"prompt">> =>
  new Map(entries.flatMap((entry) => (entry.type === "prompt" ? [[entry.prompt.id, entry]] : [])));

/** Grades by the verifier that holds, by call. */
export const gradesOf = (entries: readonly Entry[]): ReadonlyMap<string, EntryOf<"grade">> => {
  const newest = new Map(entries.flatMap((entry, at) => (entry.type === "prompt" ? [[entry.asked, at]] : [])));
  return new Map(
    entries.flatMap((entry, at) =>
      entry.type === "grade" && at > (newest.get(entry.asked) ?? -1) ? [[keyOf(entry), entry]] : [],
    ),
  );
};

/** Opens the file, or makes it; a last line that was cut is dropped. Throws with file, line and field of a bad one. */
export const openJournal = (path: string): Journal => {
  mkdirSync(dirname(path), { recursive: true });
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const entries = whole
    .split("\n")
    .flatMap((line, at) => (line === "" ? [] : [parseLine(line, `${basename(path)}:${at + 1}`, entrySchema)]));
  const file = openSync(path, "a");
  ftruncateSync(file, Buffer.byteLength(whole));
  return {
    get entries() {
      return entries;
    },
    append(entry) {
      writeSync(file, `${JSON.stringify(entry)}\n`);
      fdatasyncSync(file);
      entries.push(entry);
    },
    close: () => closeSync(file),
  };
};

/** Dollars that the calls have cost; one that was opened and never ended may have cost its bound. */
export const spentOf = (entries: readonly Entry[]): number => {
  const open = new Map<string, number>();
  let spent = 0;
  for (const entry of entries) {
    if (entry.type === "open") {
      spent += open.get(keyOf(entry)) ?? 0;
      open.set(keyOf(entry), entry.bound_usd);
    }
    if (entry.type === "answer" || entry.type === "failure") {
      open.delete(keyOf(entry));
      spent += entry.cost_usd;
    }
  }
  return [...open.values()].reduce((sum, bound) => sum + bound, spent);
};
