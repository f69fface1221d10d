/** Cost–quality curves of a contest: Shoal and its edge head over λ, single workers, their hull, the oracle. */
import { preferenceTable } from "../../../shared/preference.ts";
import type { Prediction } from "../../../shared/head.ts";
import { firstTo, majority, oracle, retryUnreadable, single, type Rule } from "../replay/baselines.ts";
import { decisionRule, singlePoints, type Predictions } from "../replay/contestants.ts";
import { isComparable, isPriced, type Contest } from "../replay/contest.ts";
import { upperHull, type Point } from "../replay/hull.ts";
import type { Plot, PlotPoint, Series } from "../plot/plot.ts";
import { publishedRule, type Published } from "../recordings/published.ts";
import type { Prompt } from "../recordings/prompts.ts";

/** λ in quality per dollar: what costs nothing to what asks the cheapest alone. */
const lambdas = [0, 2, 5, 10, 20, 25, 30, 35, 40, 50, 75, 100, 200, 500, 1000];

export type Curves = {
  readonly title: string;
  readonly priced: boolean;
  readonly series: readonly Series[];
  /** Corners of the single workers' hull: dollars per prompt, score from 0 to 1. */
  readonly hull: readonly Point[];
};

/** x is dollars per 1,000 prompts, calls per prompt where there are no prices; y is percent. */
export const curvesOf = (
  contest: Contest,
  options: { readonly title: string; readonly predictions: Predictions; readonly published: readonly Published[] },
): Curves => {
  const { predictions, published, title } = options;
  const named = Object.values(preferenceTable).map((preference) => ({
    ...reach(contest, decisionRule(contest, predictions.encoder, preference)),
    label: preference.name,
  }));
  const priced = isPriced(contest);
  const hull = upperHull(singlePoints(contest));
  const singles = contest.order.map((worker) => ({ ...reach(contest, single(worker)), label: worker }));
  const series: readonly Series[] = [
    { name: "shoal over λ", draw: "line", points: sweep(contest, predictions.encoder) },
    { name: "edge head over λ", draw: "line", points: sweep(contest, predictions.edge) },
    { name: "shoal's preferences", draw: "points", points: named },
    { name: "single workers", draw: "points", points: singles },
    {
      name: "hull of these",
      draw: "dashed",
      points: priced && hull.length > 1 ? hull.map(({ cost, score }) => ({ x: 1000 * cost, y: 100 * score })) : [],
    },
    { name: "counting rules", draw: "points", points: countingPoints(contest) },
    { name: "published", draw: "points", points: published.map((router) => publishedPoint(contest, router)) },
    { name: "oracle", draw: "points", points: [reach(contest, oracle(contest.pool))] },
  ];
  return { title, priced, series: series.filter(({ points }) => points.length > 0), hull };
};

export const plotOf = ({ title, priced, series }: Curves): Plot => ({
  title,
  x: { label: priced ? "dollars per 1,000 prompts" : "calls per prompt", scale: "linear", include: [0] },
  y: { label: "score, %", scale: "linear" },
  series,
});

const sweep = (contest: Contest, predictions: ReadonlyMap<Prompt, Prediction>): readonly PlotPoint[] =>
  lambdas
    .map((lambda) => reach(contest, decisionRule(contest, predictions, { lambda, mu: preferenceTable.balanced.mu })))
    .toSorted((a, b) => a.x - b.x);

const reach = (contest: Contest, rule: Rule): PlotPoint => {
  const played = contest.prompts.map(rule);
  const sum = (valueOf: (row: (typeof played)[number]) => number) =>
    played.reduce((total, row) => total + valueOf(row), 0) / played.length;
  return {
    x: isPriced(contest) ? 1000 * sum((row) => row.dollars) : sum((row) => row.calls),
    y: 100 * sum((row) => row.score),
  };
};

const countingPoints = (contest: Contest): readonly PlotPoint[] => {
  const { order } = contest;
  if (!isComparable(contest)) return [];
  return [
    { ...reach(contest, retryUnreadable(order)), label: "retry on unreadable" },
    { ...reach(contest, firstTo(2, order)), label: "first to 2" },
    { ...reach(contest, firstTo(3, order)), label: "first to 3" },
    ...[3, 5, order.length]
      .filter((size, at, sizes) => size <= order.length && sizes.indexOf(size) === at)
      .map((size) => ({ ...reach(contest, majority(order.slice(0, size))), label: `majority of ${size}` })),
  ];
};

const publishedPoint = (contest: Contest, router: Published): PlotPoint => {
  const prompts = contest.prompts.filter((prompt) => router.choiceOf(prompt) !== null);
  return { ...reach({ ...contest, prompts }, publishedRule(router)), label: router.router };
};
