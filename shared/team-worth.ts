import type { PlanRequest, Score } from "./decision.ts";

/**
 * Share of the prompts that the best worker gets wrong and a workflow gets right. Conductor's tables give 0.10 (table 1)
 * to 0.23 (table 7) over its best worker (arXiv 2512.04388); ballots on recorded answers gave 0.15 to 0.19. Of our own
 * workflows it is not measured.
 */
const recoveredShare = 0.15;

/** A gain below this is within what qualities are known to: an easy prompt is one call. */
const leastGain = 0.01;

/** Calls of a workflow that a planner writes: the mean of Conductor's. */
const writtenCalls = 3;
/** How many calls of a team wait for one another: the usual shape. */
const chained = 2;

/**
 * Who asks for Ultra has agreed to pay for more than one call: dollars and seconds weigh a tenth of what they do where
 * one worker is chosen. A judgment.
 */
const weightInUltra = 0.1;

/**
 * No call counts for more dollars than this: whoever has a pool of dear workers has agreed to what one call costs, and a
 * team is so many calls in any pool. A judgment: with all its dollars no team of them would ever be worth it.
 */
const mostCallDollars = 0.005;

/** A call of unknown price is taken to cost as much. */
const dollarsOf = (costDollars: number | null): number => Math.min(mostCallDollars, costDollars ?? mostCallDollars);

/** What a team is expected to add to the best worker's quality, what its calls and wait are worth, both in quality. */
export type TeamWorth = { readonly gain: number; readonly price: number; readonly isWorthIt: boolean };

/**
 * Whether a team is worth more than the best worker alone, where answers cannot be compared. `scores`: best utility
 * first. `fixedCalls`: of the fixed shape, which runs where no planner writes the workflow.
 */
export const teamWorth = (
  scores: readonly Score[],
  { lambda, mu, planner }: Pick<PlanRequest, "lambda" | "mu" | "planner">,
  fixedCalls: number,
): TeamWorth => {
  const [best] = scores;
  const calls = planner ? writtenCalls : fixedCalls;
  const likely = scores.slice(0, calls);
  const gain = best === undefined ? 0 : recoveredShare * (1 - Math.min(1, best.quality + (best.bias ?? 0)));
  const callDollars = mean(likely.map(({ costDollars }) => dollarsOf(costDollars)));
  const callMs = mean(likely.flatMap(({ latencyMs }) => latencyMs ?? []));
  const dollars =
    calls * callDollars - dollarsOf(best?.costDollars ?? null) + (planner ? dollarsOf(planner.costDollars) : 0);
  const seconds = (chained * callMs - (best?.latencyMs ?? callMs) + (planner?.waitMs ?? 0)) / 1000;
  const price = weightInUltra * (lambda * Math.max(0, dollars) + mu * Math.max(0, seconds));
  return { gain, price, isWorthIt: gain >= leastGain && gain > price };
};

/** The same in plain words. */
export const tellWorth = ({ gain, price, isWorthIt }: TeamWorth): string => {
  const sum = `a team would add about ${gain.toFixed(3)} to the quality, for calls and wait worth ${price.toFixed(3)}`;
  return isWorthIt ? sum : `one call: ${sum}`;
};

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
