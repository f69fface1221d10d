/** Candidates and what they are compared with, each with decisions on every prompt. */
import { oracle } from "../replay/baselines.ts";
import { fitStrengths } from "../fit/fit-strengths.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { playSingle, type Played } from "../replay/replay.ts";
import type { Candidate } from "./candidate.ts";
import { decidedBy, entriesOf, type Contestant, type Entry } from "./entries.ts";
import { amountsOf } from "./expense.ts";
import type { Field } from "./field.ts";
import { fitCandidates, type OuterFold } from "./nested.ts";
import { meanQuality } from "./ridge.ts";

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
