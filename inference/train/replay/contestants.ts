/** The rows of an evaluation: Shoal's decisions and the rules that they are compared with. */
import type { Prediction } from "../../../shared/head.ts";
import { preferenceTable, type Preference } from "../../../shared/preference.ts";
import { firstTo, majority, mixture, oracle, retryUnreadable, single, type Rule } from "./baselines.ts";
import { bestSingle, isComparable, isPriced, predictAll, textOf, type Contest } from "./contest.ts";
import { mixtureAt, upperHull, type Point, type Share } from "./hull.ts";
import { learnedRules } from "./learners.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { publishedRule, type Published } from "../recordings/published.ts";
import { extractorOf, play, playSingle, requestOf, type Trade } from "./replay.ts";

export type Contestant = {
  readonly name: string;
  readonly preference: string | null;
  readonly rule: Rule;
  /** Prompts that it says something about; null: all. */
  readonly covers: ((prompt: Prompt) => boolean) | null;
  /** What the row rests on, where that is a choice among workers. */
  readonly workers: readonly Share[] | null;
};

export type Predictions = {
  readonly encoder: ReadonlyMap<Prompt, Prediction>;
  readonly edge: ReadonlyMap<Prompt, Prediction>;
};

export const predictBoth = (contest: Contest): Predictions => ({
  encoder: predictAll(contest, "encoder"),
  edge: predictAll(contest, "edge"),
});

/** Shoal first, then its edge head, the best single worker, and the rest. */
export const contestantsOf = (
  contest: Contest,
  predictions: Predictions,
  published: readonly Published[],
): readonly Contestant[] => {
  const { order } = contest;
  return [
    ...preferred("shoal", (preference) => decisionRule(contest, predictions.encoder, preference)),
    ...preferred("edge-head", (preference) => decisionRule(contest, predictions.edge, preference)),
    bestSingleRow(contest),
    ...order.map((worker) => plain(worker, single(worker))),
    plain("predicted-type-table", predictedTypeRule(contest, predictions.encoder)),
    ...comparedRules(contest),
    hullRule(contest, predictions),
    ...published.map((router) => ({
      ...plain(`published: ${router.router}`, publishedRule(router)),
      covers: (prompt: Prompt) => router.choiceOf(prompt) !== null,
    })),
  ];
};

export const bestSingleRow = (contest: Contest): Contestant => {
  const best = bestSingle(contest);
  return { ...plain("best-single", single(best)), workers: [{ name: best, share: 1 }] };
};

/** Rules that need none of the weights. */
export const comparedRules = (contest: Contest): readonly Contestant[] => [
  ...learnedRules(contest).map(([name, rule]) => plain(name, rule)),
  ...countingRules(contest),
  plain("random", mixture(contest.pool.map((name) => ({ name, share: 1 / contest.pool.length })))),
  ...cheapestRules(contest),
  plain("oracle", oracle(contest.pool)),
];

const plain = (name: string, rule: Rule): Contestant => ({ name, preference: null, rule, covers: null, workers: null });

const preferred = (name: string, ruleOf: (preference: Preference) => Rule): readonly Contestant[] =>
  Object.values(preferenceTable).map((preference) => ({
    ...plain(name, ruleOf(preference)),
    preference: preference.name,
  }));

/** The decision of the service, carried out on the record. */
export const decisionRule =
  (contest: Contest, predictions: ReadonlyMap<Prompt, Prediction>, { lambda, mu }: Trade): Rule =>
  (prompt) => {
    const prediction = predictions.get(prompt);
    if (!prediction) throw new Error(`${prompt.id}: no prediction`);
    const { pool, prices, heads } = contest;
    const extractor = contest.ultra ? extractorOf(prompt) : null;
    const request = requestOf(textOf(contest, prompt), { lambda, mu, pool, prices, extractor });
    return play(prompt, prediction, request, heads.encoder.version);
  };

/** The best worker of the likeliest learnt type. */
const predictedTypeRule = ({ heads, order }: Contest, predictions: ReadonlyMap<Prompt, Prediction>): Rule => {
  const { types, profiles } = heads.encoder;
  return (prompt) => {
    const type = types.indexOf(predictions.get(prompt)?.types[0]?.name ?? "");
    const strengths = order.map((worker) => profiles.get(worker)?.strengths[type] ?? profiles.get(worker)?.mean ?? 0);
    return playSingle(prompt, order[strengths.indexOf(Math.max(...strengths))] ?? "");
  };
};

const countingRules = (contest: Contest): readonly Contestant[] => {
  const { order } = contest;
  if (!isComparable(contest)) return [];
  const sizes = [3, 5].filter((size) => size <= order.length);
  return [
    plain("retry-on-unreadable", retryUnreadable(order)),
    plain("first-to-2", firstTo(2, order)),
    plain("first-to-3", firstTo(3, order)),
    ...sizes.map((size) => plain(`majority-of-${size}`, majority(order.slice(0, size)))),
    plain("majority-of-all", majority(order)),
  ];
};

/** The cheapest worker, where calls have prices. */
const cheapestRules = (contest: Contest): readonly Contestant[] => {
  const [cheapest] = singlePoints(contest).toSorted((a, b) => a.cost - b.cost);
  if (!cheapest || !isPriced(contest)) return [];
  return [{ ...plain("cheapest", single(cheapest.name)), workers: [{ name: cheapest.name, share: 1 }] }];
};

/**
 * The best mixture of single workers at the cost of Shoal's balanced row, chosen in hindsight; without prices the best
 * single worker in hindsight.
 */
const hullRule = (contest: Contest, predictions: Predictions): Contestant => {
  const balanced = decisionRule(contest, predictions.encoder, preferenceTable.balanced);
  const cost = meanOf(contest.prompts.map((prompt) => balanced(prompt).dollars));
  const shares = mixtureAt(upperHull(singlePoints(contest)), cost);
  return { ...plain("convex-hull", mixture(shares)), workers: shares };
};

/** What each worker alone costs in dollars, and scores (0 to 1), on average. */
export const singlePoints = ({ pool, prompts }: Pick<Contest, "pool" | "prompts">): readonly Point[] =>
  pool.map((name) => {
    const played = prompts.map((prompt) => playSingle(prompt, name));
    return { name, cost: meanOf(played.map((row) => row.dollars)), score: meanOf(played.map((row) => row.score)) };
  });

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
