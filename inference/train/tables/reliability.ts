/** Whether a ballot's stated probability of being right, at the moment it stops, is what the record shows. */
import { decide } from "../../../shared/decide.ts";
import { preferenceTable, type Preference } from "../../../shared/preference.ts";
import { fitPrices } from "../fit/fit-prices.ts";
import type { HeldOut } from "../fit/held-out.ts";
import { lacksSome } from "../replay/contest.ts";
import { withBallots } from "../replay/measure-held-out.ts";
import { extractorOf, poll, requestOf } from "../replay/replay.ts";
import { poolsOf } from "../recordings/sets.ts";

/** A ballot that has stopped with a winner. */
export type Stopped = {
  /** What the winner is said to be right with, 0 to 1. */
  readonly stated: number;
  readonly right: boolean;
};

export type ReliabilityBin = {
  readonly ballots: number;
  /** Means over the bin, 0 to 1. */
  readonly stated: number;
  readonly observed: number;
};

export type Reliability = {
  /** Of nearly equal mass, by rising stated probability. */
  readonly bins: readonly ReliabilityBin[];
  /** Expected calibration error, 0 to 1: the bins' distances between stated and observed, weighted by their mass. */
  readonly error: number;
  readonly ballots: number;
  /** Ballots in which most workers abstained, so that nothing is stated. */
  readonly undecided: number;
};

export type ReliabilityRow = Reliability & {
  readonly set: string;
  readonly workers: number;
  readonly preference: string;
};

const binCount = 10;

/** The bins and the error of ballots that stopped; no bins and an error of 0 when there are none. */
export const reliabilityOf = (stopped: readonly Stopped[], undecided: number): Reliability => {
  const sorted = stopped.toSorted((a, b) => a.stated - b.stated);
  const count = Math.min(binCount, sorted.length);
  const bins = Array.from({ length: count }, (_, at) =>
    binOf(sorted.slice(Math.round((at * sorted.length) / count), Math.round(((at + 1) * sorted.length) / count))),
  );
  const apart = bins.reduce((sum, bin) => sum + bin.ballots * Math.abs(bin.stated - bin.observed), 0);
  return { bins, error: sorted.length === 0 ? 0 : apart / sorted.length, ballots: sorted.length, undecided };
};

const binOf = (stopped: readonly Stopped[]): ReliabilityBin => ({
  ballots: stopped.length,
  stated: meanOf(stopped.map((ballot) => ballot.stated)),
  observed: meanOf(stopped.map((ballot) => (ballot.right ? 1 : 0))),
});

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * A row for each set with comparable answers, pool and preference, on the prompts that every worker of the pool was
 * recorded on. Every ballot is carried out with coefficients that
 * were fitted on the other folds alone.
 */
export const measureReliability = (heldOut: readonly HeldOut[], seed: number): readonly ReliabilityRow[] => {
  const comparable = heldOut.filter(({ prompt }) => extractorOf(prompt) !== null);
  const bySet = [...Map.groupBy(withBallots(comparable, seed), ({ prompt }) => prompt.set)];
  return bySet.flatMap(([set, members]) => {
    const prices = fitPrices(members.map(({ prompt }) => prompt));
    return poolsOf(set).flatMap((pool) =>
      Object.values(preferenceTable).map((preference) => {
        const complete = members.filter(({ prompt }) => !lacksSome(prompt, pool));
        const ends = complete.map((member) => endOf(member, { pool, prices, preference }));
        const stopped = ends.filter((end) => end !== null);
        const row = { set, workers: pool.length, preference: preference.name };
        return { ...row, ...reliabilityOf(stopped, ends.length - stopped.length) };
      }),
    );
  });
};

type Reading = {
  readonly pool: readonly string[];
  readonly prices: ReturnType<typeof fitPrices>;
  readonly preference: Preference;
};

/** How the ballot on a prompt ends; null without a winner, and where no ballot is held. */
const endOf = ({ prompt, predictions }: HeldOut, { pool, prices, preference }: Reading): Stopped | null => {
  const [prediction] = predictions;
  const [text] = prompt.texts;
  if (!prediction || text === undefined) return null;
  const { lambda, mu } = preference;
  const request = requestOf(text, { lambda, mu, pool, prices, extractor: extractorOf(prompt) });
  const { plan } = decide(prediction, request, "held-out");
  if (plan.kind !== "ballot") return null;
  const { winner } = poll(prompt, plan.ballot);
  if (!winner) return null;
  return { stated: winner.probability, right: (prompt.models[winner.worker]?.correct ?? 0) >= 0.5 };
};
