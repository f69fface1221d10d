/** One file of recordings and one pool: everything that the rules of a table are played on. */
import { predict, readFeatures, type Head, type Prediction } from "../../../shared/head.ts";
import { hashFeatures } from "../../../shared/ngrams.ts";
import type { Rates } from "../../../shared/pricing.ts";
import type { Embeddings } from "../fit/embed.ts";
import { fitPrices } from "../fit/fit-prices.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { answerOf, extractorOf } from "./replay.ts";

export type Heads = { readonly encoder: Head; readonly edge: Head };

export type Contest = {
  readonly pool: readonly string[];
  /** Those that are scored; all have text. */
  readonly prompts: readonly Prompt[];
  /** What rules may learn from: the bundled recordings of the same set, problems in common included. */
  readonly training: readonly Prompt[];
  readonly heads: Heads;
  readonly embeddings: Embeddings;
  /** Whether an ultra decision is made where answers can be compared. */
  readonly ultra: boolean;
  readonly instruction: boolean;
  readonly prices: ReadonlyMap<string, Rates>;
  /** The pool by mean outcome on the training prompts, best first. */
  readonly order: readonly string[];
};

export const openContest = (parts: Omit<Contest, "prices" | "order">): Contest => ({
  ...parts,
  prices: fitPrices([...parts.training, ...parts.prompts]),
  order: orderOf(parts),
});

export const textOf = ({ instruction }: Pick<Contest, "instruction">, prompt: Prompt): string =>
  prompt.texts.at(instruction ? 0 : -1) ?? "";

/** What a head says of each prompt that is scored. */
export const predictAll = (contest: Contest, kind: keyof Heads): ReadonlyMap<Prompt, Prediction> => {
  const head = contest.heads[kind];
  return new Map(
    contest.prompts.map((prompt) => {
      const text = textOf(contest, prompt);
      const features =
        kind === "encoder"
          ? readFeatures(head, text, contest.embeddings.of(text))
          : hashFeatures(text, contest.heads.edge.features);
      return [prompt, predict(head, features, contest.pool)] as const;
    }),
  );
};

export const bestSingle = ({ order }: Pick<Contest, "order">): string => order[0] ?? "";

/** Whether any two answers to any of the prompts can be compared. */
export const isComparable = ({ prompts }: Pick<Contest, "prompts">): boolean =>
  prompts.some((prompt) => extractorOf(prompt) !== null);

export const isPriced = ({ prompts, pool }: Pick<Contest, "prompts" | "pool">): boolean =>
  prompts.some((prompt) => pool.some((worker) => prompt.models[worker]?.cost_usd !== undefined));

export const lacksSome = (prompt: Prompt, pool: readonly string[]): boolean =>
  pool.some((worker) => prompt.models[worker] === undefined);

export const hasOutage = (prompt: Prompt, pool: readonly string[]): boolean =>
  pool.some((worker) => prompt.models[worker]?.outage === true);

export const isRead = (prompt: Prompt, worker: string): boolean => {
  const extractor = extractorOf(prompt);
  return extractor === null || answerOf(prompt.models[worker], extractor) !== null;
};

/**
 * By what the training prompts recorded. A worker that they lack stands where the weights expect it on the prompts that
 * are scored; without training prompts all workers stand by their means in the weights.
 */
const orderOf = (contest: Omit<Contest, "prices" | "order">): readonly string[] => {
  const { pool, training, heads } = contest;
  const means = new Map(
    pool.map((worker) => {
      if (training.length === 0) return [worker, heads.encoder.profiles.get(worker)?.mean ?? 0];
      const outcomes = training.flatMap((prompt) => prompt.models[worker]?.correct ?? []);
      return [worker, outcomes.length > 0 ? meanOf(outcomes) : expectedOf(contest, worker)];
    }),
  );
  return pool.toSorted((a, b) => (means.get(b) ?? 0) - (means.get(a) ?? 0));
};

const expectedOf = (contest: Omit<Contest, "prices" | "order">, worker: string): number =>
  meanOf(
    contest.prompts.map((prompt) => {
      const text = textOf(contest, prompt);
      const features = readFeatures(contest.heads.encoder, text, contest.embeddings.of(text));
      return predict(contest.heads.encoder, features, [worker]).profiles.get(worker)?.quality ?? 0;
    }),
  );

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
