/** Rules to compare with, on the same prompts: counting votes, single workers, nearest neighbors, and what cannot be beaten. */
import { sameAnswer, type Extractor } from "../../../shared/answers.ts";
import type { Share } from "./hull.ts";
import { fitRidge, gramOf, dotWeights, type Row, type Shape } from "../fit/linear.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { answerOf, extractorOf, playSingle, type Played } from "./replay.ts";

export type Rule = (prompt: Prompt) => Played;

/** Asks in order until an answer can be read. Like the rules below, asks the first alone where answers cannot be compared. */
export const retryUnreadable =
  (order: readonly string[]): Rule =>
  (prompt) => {
    const extractor = extractorOf(prompt);
    if (extractor === null) return playSingle(prompt, order[0] ?? "");
    const readable = order.findIndex((worker) => answerOf(prompt.models[worker], extractor) !== null);
    const asked = readable < 0 ? order : order.slice(0, readable + 1);
    return { ...sumOf(prompt, asked), score: prompt.models[asked.at(-1) ?? ""]?.correct ?? 0 };
  };

/** Asks in order until `wanted` answers are equal; else the plurality. */
export const firstTo =
  (wanted: number, order: readonly string[]): Rule =>
  (prompt) => {
    const extractor = extractorOf(prompt);
    if (extractor === null) return playSingle(prompt, order[0] ?? "");
    for (let count = 1; count < order.length; count++) {
      const lead = pluralityOf(prompt, order.slice(0, count), extractor);
      if (lead.votes >= wanted) return { ...sumOf(prompt, order.slice(0, count)), score: lead.score };
    }
    return { ...sumOf(prompt, order), score: pluralityOf(prompt, order, extractor).score };
  };

/** The most frequent answer of all asked at once; of equally frequent ones the first given. */
export const majority =
  (asked: readonly string[]): Rule =>
  (prompt) => {
    const extractor = extractorOf(prompt);
    if (extractor === null) return playSingle(prompt, asked[0] ?? "");
    return { ...sumOf(prompt, asked), waves: 1, score: pluralityOf(prompt, asked, extractor).score };
  };

export const single =
  (worker: string): Rule =>
  (prompt) =>
    playSingle(prompt, worker);

/** The best outcome on record, at the least price. Luck of single runs included: no rule reaches it. */
export const oracle =
  (pool: readonly string[]): Rule =>
  (prompt) =>
    pool
      .map((worker) => playSingle(prompt, worker))
      .reduce((best, next) =>
        next.score > best.score || (next.score === best.score && next.dollars < best.dollars) ? next : best,
      );

export type Example = { readonly row: Row; readonly prompt: Prompt };

/** Direct regression of every worker's outcome on the features. */
export const ridgeRule = (
  train: readonly Example[],
  options: {
    readonly pool: readonly string[];
    readonly shape: Shape;
    readonly ridge: number;
    readonly rowOf: (prompt: Prompt) => Row;
  },
): Rule => {
  const rows = train.map(({ row }) => row);
  const means = options.pool.map((worker) => meanOf(train.flatMap(({ prompt }) => masked(prompt, worker) ?? [])));
  const targets = options.pool.map((worker, at) =>
    train.map(({ prompt }) => (masked(prompt, worker) ?? means[at] ?? 0) - (means[at] ?? 0)),
  );
  const models = fitRidge(rows, gramOf(rows), targets, {
    ridge: options.ridge,
    shape: options.shape,
    rowWeights: rows.map(() => 1),
  });
  return (prompt) => {
    const row = options.rowOf(prompt);
    const scores = models.map(
      (model, at) => (means[at] ?? 0) + model.bias + dotWeights(model.weights, row, options.shape),
    );
    return playSingle(prompt, options.pool[scores.indexOf(Math.max(...scores))] ?? "");
  };
};

/** The worker that did best on the nearest training prompts. */
export const neighborRule = (
  training: readonly Prompt[],
  options: {
    readonly pool: readonly string[];
    readonly neighbors: number;
    readonly vectorOf: (prompt: Prompt) => Float32Array;
  },
): Rule => {
  const known = training.map((prompt) => ({ prompt, vector: options.vectorOf(prompt) }));
  return (scored) => {
    const vector = options.vectorOf(scored);
    const near = known
      .map(({ prompt, vector: other }) => ({ prompt, similarity: cosine(other, vector) }))
      .toSorted((a, b) => b.similarity - a.similarity)
      .slice(0, options.neighbors);
    const scores = options.pool.map((worker) => meanOf(near.flatMap(({ prompt }) => masked(prompt, worker) ?? [])));
    return playSingle(scored, options.pool[scores.indexOf(Math.max(...scores))] ?? "");
  };
};

/** Draws one of several workers for each prompt, with these shares: what that is worth on average. */
export const mixture =
  (shares: readonly Share[]): Rule =>
  (prompt) =>
    shares.reduce<Played>(
      (sum, { name, share }) => {
        const played = playSingle(prompt, name);
        return { ...sum, score: sum.score + share * played.score, dollars: sum.dollars + share * played.dollars };
      },
      { score: 0, dollars: 0, calls: 1, waves: 1 },
    );

const masked = (prompt: Prompt, worker: string): number | null => {
  const outcome = prompt.models[worker];
  return outcome && !outcome.outage ? outcome.correct : null;
};

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

const cosine = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
};

const sumOf = (prompt: Prompt, asked: readonly string[]): Played => ({
  score: 0,
  dollars: asked.reduce((sum, worker) => sum + playSingle(prompt, worker).dollars, 0),
  calls: asked.length,
  waves: asked.length,
});

const pluralityOf = (prompt: Prompt, asked: readonly string[], extractor: Extractor) => {
  const groups: { readonly answer: string; readonly score: number; votes: number }[] = [];
  for (const worker of asked) {
    const answer = answerOf(prompt.models[worker], extractor);
    if (answer === null) continue;
    const group = groups.find((known) => sameAnswer(extractor, known.answer, answer));
    if (group) group.votes += 1;
    else groups.push({ answer, score: prompt.models[worker]?.correct ?? 0, votes: 1 });
  }
  const first = { answer: "", score: prompt.models[asked[0] ?? ""]?.correct ?? 0, votes: 0 };
  return groups.reduce((best, group) => (group.votes > best.votes ? group : best), first);
};
