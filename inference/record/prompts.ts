/** Prompts that can be graded without a person: the file format, and the ones that come with Shoal. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as z from "zod";
import { readAnswer } from "../../shared/answers.ts";
import { createRandom, shuffled } from "../train/fit/random.ts";
import { readJsonLines } from "../train/recordings/json-lines.ts";
import { readRecordings, type Recording } from "../train/recordings/recordings.ts";
import { bundledRecordings } from "../train/recordings/sets.ts";

const answerOf = <Kind extends "choice" | "number" | "short">(kind: Kind) =>
  z.strictObject({
    kind: z.literal(kind),
    /** The right answer, in any spelling that can be read as this kind. */
    answer: z.string().refine((text) => readAnswer(kind, text) !== null, `cannot be read as ${kind}`),
  });

const compiles = (schema: Record<string, unknown>): boolean => {
  try {
    return Boolean(new Ajv2020({ strict: false, logger: false }).compile(schema));
  } catch {
    return false;
  }
};

const verifierSchema = z.discriminatedUnion("kind", [
  answerOf("choice"),
  answerOf("number"),
  answerOf("short"),
  z.strictObject({
    kind: z.literal("json"),
    /** JSON Schema 2020-12 that the answer must satisfy: tell right from wrong by `const` and `enum`. */
    schema: z.record(z.string(), z.unknown()).refine(compiles, "is no JSON Schema"),
  }),
  z.strictObject({
    kind: z.literal("tests"),
    language: z.enum(["python", "javascript"]),
    /** Statements that run after the answer's code, in its scope, and raise when it is wrong; `assert` is at hand. */
    tests: z.string().min(1),
  }),
]);
export type Verifier = z.infer<typeof verifierSchema>;

/** One line of a prompt file. */
export const promptSchema = z.strictObject({
  id: z.string().min(1),
  domain: z.string().min(1),
  /** Prompts of one problem never stand on both sides of a split. */
  problem: z.string().min(1),
  prompt: z.string().min(1),
  /** Stands above the prompt with an empty line between; a router sees it. */
  instruction: z.string().min(1).optional(),
  /** Sent as system message, such as how to mark the final answer; no part of what is recorded as the prompt's text. */
  system: z.string().min(1).optional(),
  verifier: verifierSchema,
});
export type Prompt = z.infer<typeof promptSchema>;

/** Reads a file of prompts. Throws with file, line and field of the first thing that does not fit. */
export const readPrompts = async (path: string): Promise<readonly Prompt[]> =>
  (await readJsonLines(path, promptSchema)).rows;

/** The user turn that a worker gets. */
export const textOfPrompt = ({ instruction, prompt }: Prompt): string =>
  instruction === undefined ? prompt : `${instruction}\n\n${prompt}`;

const ownPrompts = join(import.meta.dirname, "prompts");

/** Sets whose rows carry the right answer. */
const answeredSets = ["mmlu_pro", "zeroeval"] as const;

/**
 * Questions of the bundled recordings under their own ids and problems, so that workers recorded there can be compared
 * with on the same prompts, and Shoal's own tasks with unit tests and JSON Schemas.
 */
export const readBundledPrompts = async (): Promise<readonly Prompt[]> => {
  const sets = await Promise.all(
    answeredSets.map(async (name) => (await readRecordings(join(bundledRecordings, `${name}.jsonl.gz`))).recordings),
  );
  const files = (await readdir(ownPrompts)).filter((file) => file.endsWith(".jsonl")).toSorted();
  const own = await Promise.all(files.map((file) => readPrompts(join(ownPrompts, file))));
  return [...sets.flat().flatMap((recording) => fromRecording(recording) ?? []), ...own.flat()];
};

/** Which of many prompts are asked; null: all. */
export type Draw = { readonly perDomain: number | null; readonly limit: number | null; readonly seed: number };

/** Draws one prompt of each domain in turn, so that wherever a run stops it is balanced. */
export const drawPrompts = (prompts: readonly Prompt[], { perDomain, limit, seed }: Draw): readonly Prompt[] => {
  const groups = byDomain(prompts, seed).map((group) => group.slice(0, perDomain ?? undefined));
  const longest = Math.max(0, ...groups.map((group) => group.length));
  const rounds = Array.from({ length: longest }, (_, round) => groups.flatMap((group) => group[round] ?? []));
  return rounds.flat().slice(0, limit ?? undefined);
};

const byDomain = (prompts: readonly Prompt[], seed: number): readonly (readonly Prompt[])[] => {
  const groups = Object.groupBy(prompts, ({ domain }) => domain);
  return Object.keys(groups)
    .toSorted()
    .map((domain) => shuffled(groups[domain] ?? [], createRandom(seed)));
};

const fromRecording = ({ id, domain, problem, prompt, instruction, answer }: Recording): Prompt | null => {
  if (prompt === null || answer === undefined) return null;
  const kind = kindOf(domain);
  if (readAnswer(kind, answer) === null) return null;
  return {
    id,
    domain,
    problem,
    prompt,
    ...(instruction !== undefined && { instruction }),
    system: markAnswer[kind],
    verifier: { kind, answer },
  };
};

const kindOf = (domain: string): "choice" | "number" | "short" => {
  if (domain.startsWith("mmlupro/")) return "choice";
  return domain.startsWith("math/") ? "number" : "short";
};

/** The sets themselves asked for such a last line. */
const markAnswer = {
  choice: 'End with a line "Answer: X", where X is the letter of the right option.',
  number: 'End with a line "Answer: X", where X is the result alone.',
  short: 'End with a line "Answer: X", where X is the literal alone.',
} as const;
