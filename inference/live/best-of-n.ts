/** The control that spends as much as Ultra did: one worker asked n times, the majority of its answers taken. */
import { sameAnswer, type Extractor } from "../../shared/answers.ts";
import type { Prompt } from "../record/prompts.ts";
import { sum } from "../record/report.ts";
import type { Outcome, Samples } from "./outcomes.ts";

/** More samples of one task are not asked. */
export const mostSamples = 16;

/**
 * How many samples of a worker cost what a team's answer cost, from its first sample; at least one. Where calls cost
 * nothing, as many as the team made.
 */
export const samplesFor = (team: Outcome, single: Outcome): number => {
  const n = single.cost > 0 ? Math.round(team.cost / single.cost) : team.calls;
  return Math.min(mostSamples, Math.max(1, n));
};

/**
 * The first n samples as one answer: that of the majority where answers can be compared (the earliest of equals), else
 * the first. Samples run at once, so its time is that of the slowest. Null while one is missing.
 */
export const bestOf = (n: number, samples: Samples, verifier: Prompt["verifier"]): Outcome | null => {
  const drawn = Array.from({ length: n }, (_, repeat) => samples.get(repeat)).filter((one) => one !== undefined);
  const [first] = drawn;
  if (first === undefined || drawn.length < n) return null;
  const chosen = verifier.kind === "tests" ? first : (majorityOf(drawn, verifier.kind) ?? first);
  return {
    ...chosen,
    cost: sum(drawn.map(({ cost }) => cost)),
    calls: sum(drawn.map(({ calls }) => calls)),
    ms: Math.max(...drawn.map(({ ms }) => ms)),
  };
};

/** An answer that cannot be read has no vote; undefined where none can. */
const majorityOf = (drawn: readonly Outcome[], extractor: Extractor): Outcome | undefined => {
  const votes = (answer: string) =>
    drawn.filter(({ pred }) => typeof pred === "string" && sameAnswer(extractor, pred, answer)).length;
  return drawn
    .flatMap((outcome) => (typeof outcome.pred === "string" ? [{ outcome, votes: votes(outcome.pred) }] : []))
    .toSorted((a, b) => b.votes - a.votes)[0]?.outcome;
};
