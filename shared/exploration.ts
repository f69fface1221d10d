import type { Score } from "./decision.ts";

/** How a decision's worker came about, and how likely each worker was to be it. */
export type Exploration = {
  /** The worker that the draw gave. */
  readonly worker: string;
  /** Whether it is another than the best. */
  readonly explored: boolean;
  /** Of every worker that could have been drawn; others had none. They add up to 1. */
  readonly propensities: Readonly<Record<string, number>>;
};

export type ExplorationRule = {
  /** Share of decisions that are drawn at random, 0 to 0.1. */
  readonly share: number;
  /** The tenant's own choice of worker, which is drawn among the others however they rank; null: it has named none. */
  readonly baseline: string | null;
};

/** A worker is worth a draw when its utility (in quality, 0 to 1) is so near to the best one's. */
const nearBest = 0.05;
/** And when it is foreseen to cost at most so many times as much; that holds for the baseline too. */
const maxCostRatio = 3;

/**
 * A share of decisions goes to a worker drawn evenly among those worth it (the best one is one of them), the rest to the
 * best. `scores`: best first. `draw`: a number in [0, 1) that is drawn anew for each decision.
 */
export const explore = (scores: readonly Score[], rule: ExplorationRule, draw: number): Exploration | null => {
  const [best] = scores;
  if (!best) return null;
  const worth = scores.filter((score) => isWorth(score, best, rule.baseline));
  const even = rule.share / worth.length;
  const drawn = draw < rule.share ? worth[Math.floor(draw / even)] : best;
  const worker = (drawn ?? best).worker;
  return {
    worker,
    explored: worker !== best.worker,
    propensities: Object.fromEntries(
      worth.map((score) => [score.worker, score === best ? 1 - rule.share + even : even] as const),
    ),
  };
};

const isWorth = (score: Score, best: Score, baseline: string | null): boolean =>
  score === best ||
  ((score.utility >= best.utility - nearBest || score.worker === baseline) && isAffordable(score, best));

/** What nobody knows the price of is no dearer than what nobody knows the price of either. */
const isAffordable = ({ costDollars }: Score, best: Score): boolean =>
  best.costDollars === null
    ? costDollars === null
    : costDollars !== null && costDollars <= maxCostRatio * best.costDollars;
