/** What a reader of an evaluation's rows has to know. */
import { bestSingle, hasOutage, isComparable, isRead, lacksSome, type Contest } from "../replay/contest.ts";
import type { Prompt } from "../recordings/prompts.ts";

/** A number and what it counts, to be told where the number is not zero. */
type Count = readonly [number, string];

export const told = (counts: readonly Count[]): readonly string[] =>
  counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));

/** `learnt` has the problems that the weights, or the placing of new workers, rest on. */
export const contestCounts = (contest: Contest, learnt: ReadonlySet<string>): readonly Count[] => {
  const { prompts, pool } = contest;
  const outcomes = prompts.flatMap((prompt) => pool.flatMap((worker) => prompt.models[worker] ?? []));
  const count = (holds: (prompt: Prompt) => boolean) => prompts.filter(holds).length;
  return [
    [
      count((prompt) => learnt.has(prompt.problem)),
      "prompts are of problems that the weights learnt from: on those Shoal's rows are no measurement",
    ],
    [
      count((prompt) => lacksSome(prompt, pool)),
      "prompts lack an outcome of some worker of the pool, which counts as wrong there",
    ],
    [
      count((prompt) => hasOutage(prompt, pool)),
      "prompts have a worker that failed to answer, which counts as wrong; --without-outages leaves them out",
    ],
    [
      count((prompt) => !isRead(prompt, bestSingle(contest))),
      "answers of the best single worker could not be read and count as wrong; --readable leaves those prompts out",
    ],
    [
      outcomes.filter((outcome) => outcome.imputed).length,
      `of ${outcomes.length} outcomes have imputed costs, which are counted`,
    ],
    [
      isComparable(contest) ? 0 : prompts.length,
      "prompts have no comparable answers: every decision is one call, and rules that count answers have no row",
    ],
  ];
};

const shown = 8;

export const abridged = (names: readonly string[]): string =>
  names.length <= shown ? names.join(", ") : `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`;
