/** What each candidate reaches at the named preferences on prompts whose problems it had not seen. */
import { preferenceTable, type Preference, type PreferenceName } from "../../../shared/preference.ts";
import { bootstrapByProblem, type Interval } from "../bootstrap.ts";
import { fitStrengths } from "../fit-strengths.ts";
import { isPriced } from "../contest.ts";
import { oracle } from "../baselines.ts";
import type { Prompt } from "../prompts.ts";
import { play, playSingle, requestOf, type Played } from "../replay.ts";
import type { Candidate } from "./candidate.ts";
import type { Field } from "./field.ts";
import { fitCandidates, type OuterFold } from "./nested.ts";
import { meanQuality } from "./ridge.ts";
import { amountsOf, predictionOf, type Amounts, type QualityOf, type Training } from "./training.ts";

/** With the instruction where the set has one, or without. */
export type Reading = "whole" | "untold";

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

/** One prompt as one contestant would have it decided. */
type Entry = {
  readonly prompt: Prompt;
  readonly playedAt: (preference: Preference, reading: Reading) => Played;
};

export type Contestant = {
  readonly name: string;
  readonly chosen: readonly string[];
  readonly entries: readonly Entry[];
};

const seed = 1;
const draws = 2000;

/** The candidates in their order, then what they are compared with. The first candidate is compared with in particular. */
export const compete = (
  field: Field,
  folds: readonly OuterFold[],
  candidates: readonly Candidate[],
): readonly Contestant[] => {
  const fitted = folds.map((fold) => ({ fold, fits: new Map(fitCandidates(fold, candidates)) }));
  const learnt = candidates.map((candidate): Contestant => {
    const parts = fitted.map(({ fold, fits }) => {
      const fit = fits.get(candidate);
      if (!fit) throw new Error(`${candidate.name} was not fitted`);
      return { fold, fit };
    });
    return {
      name: candidate.name,
      chosen: parts.map(({ fit }) => fit.label),
      entries: parts.flatMap(({ fold, fit }) => entriesOf(fold, fit.qualityOf)),
    };
  });
  return [...learnt, ...comparedWith(field, folds)];
};

const comparedWith = (field: Field, folds: readonly OuterFold[]): readonly Contestant[] => {
  const fixed = (name: string, rule: (fold: OuterFold) => (prompt: Prompt) => Played): Contestant => ({
    name,
    chosen: [],
    entries: folds.flatMap((fold) => {
      const played = rule(fold);
      return fold.scored.map((prompt) => ({ prompt, playedAt: () => played(prompt) }));
    }),
  });
  return [
    fixed(bestSingleName, ({ training }) => {
      const means = meanQuality(training)(0);
      const best = field.pool[means.indexOf(Math.max(...means))] ?? "";
      return (prompt) => playSingle(prompt, best);
    }),
    { name: "told the type × strengths", chosen: [], entries: folds.flatMap((fold) => toldEntries(fold)) },
    fixed("oracle", () => oracle(field.pool)),
  ];
};

export const bestSingleName = "best single worker of the training folds";

/** What a candidate's qualities lead to; costs are expected as task types let. */
export const entriesOf = ({ training, scored }: OuterFold, qualityOf: QualityOf): readonly Entry[] =>
  scored.map((prompt) => {
    const texts = training.field.textsOf.get(prompt) ?? [];
    const decided = texts.map((at) => ({ at, quality: qualityOf(at) }));
    return {
      prompt,
      playedAt: (preference, reading) => {
        const text = decided.at(reading === "whole" ? 0 : -1);
        const expense = training.expenses[text?.at ?? -1];
        if (!text || !expense) throw new Error(`${prompt.id}: no text`);
        return decidedBy(training, text.at, { preference, quality: text.quality, amounts: expense });
      },
    };
  });

const decidedBy = (
  { field }: Training,
  at: number,
  by: { readonly preference: Preference; readonly quality: Float64Array; readonly amounts: Amounts },
): Played => {
  const text = field.texts[at];
  if (!text) throw new Error(`no text ${at}`);
  const { lambda, mu } = by.preference;
  const request = requestOf(text.text, { lambda, mu, pool: field.pool, prices: field.prices, extractor: null });
  return play(text.prompt, predictionOf(field.pool, by.quality, by.amounts), request, "");
};

/** The recorded task type, which no router is told. */
const toldEntries = ({ training, learnt, scored }: OuterFold): readonly Entry[] => {
  const types = [...new Set([...learnt, ...scored].map((prompt) => prompt.type))];
  const domains = types.map((type) => [...learnt, ...scored].find((prompt) => prompt.type === type)?.domain ?? "");
  const labeled = learnt.map((prompt) => ({
    type: prompt.texts.length > 0 ? types.indexOf(prompt.type) : null,
    domain: prompt.domain,
    weight: 1,
    models: prompt.models,
  }));
  const strengths = training.field.pool.map((name) => fitStrengths(name, labeled, domains));
  return scored.map((prompt) => {
    const type = types.indexOf(prompt.type);
    const quality = Float64Array.from(strengths, (worker) => worker.strengths[type] ?? 0);
    const amounts = amountsOf(
      strengths,
      types.map((_, other) => (other === type ? 1 : 0)),
    );
    const [at = 0] = training.field.textsOf.get(prompt) ?? [];
    return { prompt, playedAt: (preference) => decidedBy(training, at, { preference, quality, amounts }) };
  });
};

/** One row for each contestant; the first is compared with, and the one that is named as best single. */
export const standingsOf = (contestants: readonly Contestant[], reading: Reading): readonly Standing[] => {
  const scoresOf = (name: string | undefined) =>
    contestants
      .find((contestant) => contestant.name === name)
      ?.entries.map((entry) => entry.playedAt(preferenceTable.balanced, reading).score);
  const first = scoresOf(contestants[0]?.name);
  const best = scoresOf(bestSingleName);
  return contestants.map(({ name, chosen, entries }, place) => {
    const prompts = entries.map(({ prompt }) => prompt);
    const balanced = entries.map((entry) => entry.playedAt(preferenceTable.balanced, reading).score);
    const against = (other: readonly number[] | undefined): Interval | null =>
      other
        ? bootstrapByProblem(
            balanced.map((score, at) => 100 * (score - (other[at] ?? 0))),
            prompts.map((prompt) => prompt.problem),
            { seed, draws },
          )
        : null;
    const reached = (preference: Preference): Reached => {
      const played = entries.map((entry) => entry.playedAt(preference, reading));
      const priced = isPriced({ prompts, pool: [...new Set(prompts.flatMap(({ models }) => Object.keys(models)))] });
      return {
        score: 100 * meanOf(played.map(({ score }) => score)),
        dollars: priced ? meanOf(played.map(({ dollars }) => dollars)) : null,
      };
    };
    return {
      name,
      reading,
      prompts: prompts.length,
      at: {
        quality: reached(preferenceTable.quality),
        balanced: reached(preferenceTable.balanced),
        economy: reached(preferenceTable.economy),
      },
      againstFirst: place === 0 ? null : against(first),
      againstBest: name === bestSingleName ? null : against(best),
      chosen: countsOf(chosen),
    };
  });
};

const countsOf = (labels: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(labels, (label) => label)].map(([label, all]) => [label, all.length]));

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
