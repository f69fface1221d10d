/** What the evaluation prints. */
import { boundOfCall, expectedOfCall, type Lengths, type Priced } from "../record/estimate.ts";
import type { Prompt } from "../record/prompts.ts";
import { money, sum, table } from "../record/report.ts";
import { mostSamples } from "./best-of-n.ts";
import type { Comparison, Difference, Row } from "./compare.ts";
import { isUltra, type Contender } from "./contenders.ts";
import type { Survey } from "./survey.ts";

export type Costs = {
  readonly contenders: readonly Contender[];
  readonly priced: ReadonlyMap<string, Priced>;
  readonly baseline: Priced;
  /** Tasks that a contender has not answered yet. */
  readonly missing: (contender: string) => readonly Prompt[];
  readonly survey: Survey;
  readonly lengths: Lengths;
};

/** Expected and greatest cost of the answers that are missing. Of tiers and controls as far as dry runs foresee it. */
export const describeCosts = (costs: Costs): string => {
  const rows = [...costs.contenders.map((contender) => costOf(contender, costs)), costOfControls(costs)];
  const total = {
    name: "all",
    answers: sum(rows.map(({ answers }) => answers ?? 0)),
    expected: sum(rows.map(({ expected }) => expected)),
    bound: sum(rows.map(({ bound }) => bound)),
  };
  const cells = [...rows, total].map(({ name, answers, expected, bound }) => [
    name,
    answers === null ? "-" : String(answers),
    money(expected),
    money(bound),
  ]);
  return table([["", "answers", "expected", "at most"], ...cells]);
};

type Cost = {
  readonly name: string;
  readonly answers: number | null;
  readonly expected: number;
  readonly bound: number;
};

const costOf = ({ id }: Contender, { priced, missing, survey, lengths }: Costs): Cost => {
  const prompts = missing(id);
  const worker = priced.get(id);
  const each = survey.costs.get(id) ?? { expected: 0, bound: 0 };
  return {
    name: id,
    answers: prompts.length,
    expected: worker
      ? sum(prompts.map((prompt) => expectedOfCall(worker, prompt, lengths)))
      : prompts.length * each.expected,
    bound: worker ? sum(prompts.map((prompt) => boundOfCall(worker, prompt))) : prompts.length * each.bound,
  };
};

/** Preferences share samples: what the dearest takes. */
const costOfControls = (costs: Costs): Cost => {
  const { contenders, baseline, missing, survey, lengths } = costs;
  const ultras = contenders.filter(isUltra).map(({ id }) => {
    const prompts = missing(id);
    const single = sum(prompts.map((prompt) => expectedOfCall(baseline, prompt, lengths)));
    return {
      expected: Math.max(0, prompts.length * (survey.costs.get(id)?.expected ?? 0) - single),
      bound: (mostSamples - 1) * sum(prompts.map((prompt) => boundOfCall(baseline, prompt))),
    };
  });
  return {
    name: `${baseline.id}, further samples`,
    answers: null,
    expected: Math.max(0, ...ultras.map(({ expected }) => expected)),
    bound: Math.max(0, ...ultras.map(({ bound }) => bound)),
  };
};

/** What each has done, and the paired differences. */
export const describeComparison = ({ rows, differences }: Comparison): string => {
  const fallbacks = sum(rows.filter(({ family }) => family === null).map((row) => row.fallbacks));
  return [
    table([rowHead, ...rows.map(cellsOfRow)]),
    ...(fallbacks > 0 ? [`Planned by the edge head, the conductor being late or away: ${fallbacks} answers.`] : []),
    "",
    table([differenceHead, ...differences.map(cellsOfDifference)]),
  ].join("\n");
};

const nameOf = (name: string, family: string | null): string => (family === null ? name : `  ${name}: ${family}`);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const points = (share: number): string => `${share < 0 ? "-" : "+"}${Math.abs(100 * share).toFixed(1)}`;

const rowHead = ["", "tasks", "right", "cost", "calls", "mean wait", "answering models, as vendors name them"];

const cellsOfRow = ({
  name,
  family,
  tasks,
  right,
  dollars,
  calls,
  written,
  revised,
  ms,
  models,
}: Row): readonly string[] => [
  nameOf(name, family === "workflow" ? `${family} (${written} written by a planner, ${revised} revised)` : family),
  String(tasks),
  tasks === 0 ? "-" : percent(right),
  money(dollars),
  String(calls),
  tasks === 0 ? "-" : `${(ms / 1000).toFixed(2)} s`,
  models.join(", ") || "-",
];

const differenceHead = ["", "against", "tasks", "points [95 %]", "cost of both"];

const cellsOfDifference = ({ of, family, against, tasks, mean, interval, dollars }: Difference): readonly string[] => [
  nameOf(of, family),
  against,
  String(tasks),
  `${points(mean)} ${interval === null ? "[one problem]" : `[${interval.map(points).join(", ")}]`}`,
  `${money(dollars.of)}, ${money(dollars.against)}`,
];
