/** What each contestant reaches at the named preferences. */
import { preferenceTable, type Preference, type PreferenceName } from "../../../shared/preference.ts";
import { bootstrapByProblem, type Interval } from "../replay/bootstrap.ts";
import { isPriced } from "../replay/contest.ts";
import { bestSingleName } from "./compete.ts";
import type { Contestant, Reading } from "./entries.ts";

export type Standing = {
  readonly name: string;
  readonly reading: Reading;
  readonly prompts: number;
  readonly at: Readonly<Record<PreferenceName, Reached>>;
  /** At the balanced preference, in points; null where it is the one compared with. */
  readonly againstFirst: Interval | null;
  readonly againstBest: Interval | null;
  /** Settings that the inner folds chose, with how many outer folds chose them. */
  readonly chosen: Readonly<Record<string, number>>;
};

export type Reached = {
  /** Percent. */
  readonly score: number;
  /** Dollars of a prompt; null where the recordings have none. */
  readonly dollars: number | null;
};

const seed = 1;
const draws = 2000;

/** One row for each contestant; the first is compared with, and the one that is named as best single. */
export const standingsOf = (contestants: readonly Contestant[], reading: Reading): readonly Standing[] => {
  const scored = contestants.map((contestant) => ({
    contestant,
    scores: scoresOf(contestant, preferenceTable.balanced, reading),
  }));
  const first = scored[0]?.scores;
  const best = scored.find(({ contestant }) => contestant.name === bestSingleName)?.scores;
  return scored.map(({ contestant, scores }, place) => {
    const problems = contestant.entries.map(({ prompt }) => prompt.problem);
    const against = (other: readonly number[] | undefined): Interval | null =>
      other ? differenceOf(scores, other, problems) : null;
    return {
      name: contestant.name,
      reading,
      prompts: problems.length,
      at: {
        quality: reachedBy(contestant, preferenceTable.quality, reading),
        balanced: reachedBy(contestant, preferenceTable.balanced, reading),
        economy: reachedBy(contestant, preferenceTable.economy, reading),
      },
      againstFirst: place === 0 ? null : against(first),
      againstBest: contestant.name === bestSingleName ? null : against(best),
      chosen: countsOf(contestant.chosen),
    };
  });
};

const scoresOf = ({ entries }: Contestant, preference: Preference, reading: Reading): readonly number[] =>
  entries.map((entry) => entry.playedAt(preference, reading).score);

const differenceOf = (scores: readonly number[], other: readonly number[], problems: readonly string[]): Interval =>
  bootstrapByProblem(
    scores.map((score, at) => 100 * (score - (other[at] ?? 0))),
    problems,
    { seed, draws },
  );

const reachedBy = ({ entries }: Contestant, preference: Preference, reading: Reading): Reached => {
  const played = entries.map((entry) => entry.playedAt(preference, reading));
  const prompts = entries.map(({ prompt }) => prompt);
  const pool = [...new Set(prompts.flatMap(({ models }) => Object.keys(models)))];
  return {
    score: 100 * meanOf(played.map(({ score }) => score)),
    dollars: isPriced({ prompts, pool }) ? meanOf(played.map(({ dollars }) => dollars)) : null,
  };
};

const countsOf = (labels: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(labels, (label) => label)].map(([label, all]) => [label, all.length]));

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
