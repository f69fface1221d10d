import { join } from "node:path";
import type { ChatRequest } from "../../shared/chat.ts";
import { boundOf, costOf, toDollars, type Price } from "../../shared/pricing.ts";
import { countInput, type InputTokens } from "../../shared/tokens.ts";
import { noUsage } from "../../shared/usage.ts";
import { readRecordings, type Outcome } from "../train/recordings/recordings.ts";
import { bundledRecordings } from "../train/recordings/sets.ts";
import type { Listed } from "./ask.ts";
import { promptsOf, type Entry } from "./journal.ts";
import { textOfPrompt, type Prompt } from "./prompts.ts";

/** A worker whose calls can be kept within a budget. */
export type Priced = { readonly id: string; readonly price: Price; readonly cap: number };

/** Output tokens that an answer to the prompt is likely to take. */
export type Lengths = (worker: string, prompt: Prompt) => number;

/** Of the worker's own answers, so many must be known before they count for more than those of others. */
const enoughAnswers = 5;
const charactersPerToken = 4;

/** The cap of an answer: the run's, or the worker's where that is smaller. */
export const withCap = (worker: Listed & { readonly price: Price }, maxTokens: number): Priced => ({
  id: worker.id,
  price: worker.price,
  cap: worker.maxOutputTokens > 0 ? Math.min(maxTokens, worker.maxOutputTokens) : maxTokens,
});

/** The most that a call can cost, in dollars: what the edge reserves for it. */
export const boundOfCall = (worker: Priced, prompt: Prompt): number =>
  toDollars(boundOf(worker.price, inputOf(prompt).bound, worker.cap));

/** What a call is likely to cost, in dollars. */
export const expectedOfCall = (worker: Priced, prompt: Prompt, lengths: Lengths): number => {
  const outputTokens = Math.min(worker.cap, lengths(worker.id, prompt));
  return toDollars(costOf(worker.price, { ...noUsage, inputTokens: inputOf(prompt).likely, outputTokens }));
};

const inputOf = (prompt: Prompt): InputTokens => {
  const request: ChatRequest = {
    model: "",
    messages: [
      ...(prompt.system === undefined ? [] : [{ role: "system" as const, text: prompt.system }]),
      { role: "user", content: [{ type: "text", text: textOfPrompt(prompt) }] },
    ],
    tools: [],
    toolChoice: "auto",
    output: { type: "text" },
    sampling: {},
    stop: [],
    metadata: {},
  };
  return countInput(request);
};

/**
 * The mean length of the worker's own answers to prompts of the same kind, once there are some; before, that of the
 * bundled recordings' answers, of code to code and of text to all else.
 */
export const learnLengths = async (entries: readonly Entry[]): Promise<Lengths> => {
  const [code, text] = await Promise.all([recordedLength("coderouterbench_idtest"), recordedLength("zeroeval")]);
  const kinds = new Map([...promptsOf(entries).values()].map(({ asked, prompt }) => [asked, prompt.verifier.kind]));
  const own = new Map<string, number[]>();
  for (const entry of entries) {
    if (entry.type !== "answer") continue;
    const key = `${kinds.get(entry.asked)} ${entry.worker}`;
    own.set(key, [...(own.get(key) ?? []), entry.tokens_out]);
  }
  return (worker, { verifier: { kind } }) => {
    const lengths = own.get(`${kind} ${worker}`) ?? [];
    if (lengths.length >= enoughAnswers) return Math.ceil(mean(lengths));
    return kind === "tests" ? code : text;
  };
};

const recordedLength = async (set: string): Promise<number> => {
  const { recordings } = await readRecordings(join(bundledRecordings, `${set}.jsonl.gz`));
  return Math.ceil(mean(recordings.flatMap(({ models }) => Object.values(models).flatMap(lengthOf))));
};

const lengthOf = ({ imputed, tokens_out, chars_out }: Outcome): readonly number[] => {
  if (imputed) return [];
  if (tokens_out !== undefined) return [tokens_out];
  return chars_out === undefined ? [] : [chars_out / charactersPerToken];
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
