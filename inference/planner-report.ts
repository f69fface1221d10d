import type { PlannerOutput } from "./planner.ts";

/** What came of one round. */
export type Row = {
  readonly output: PlannerOutput | null;
  /** Why there is no plan. */
  readonly refusal: string | null;
  readonly repairs: readonly string[];
  /** 0 where there is no plan, or it keeps the answer. */
  readonly steps: number;
  /** Steps left out. */
  readonly unused: number;
};

/** What came of one prompt; `revision`: null where none was asked for. */
export type Evaluated = { readonly first: Row; readonly revision: Row | null };

/** Whether the plan was usable as the model wrote it. */
export const isValid = ({ refusal, repairs }: Row): boolean => refusal === null && repairs.length === 0;

type Run = { readonly ms: number; readonly threads: number; readonly gpu: string | false };
type Line = readonly [name: string, value: string];

/** What `npm run eval:planner` prints. */
export const tellEvaluated = (evaluated: readonly Evaluated[], { ms, threads, gpu }: Run): string => {
  const first = evaluated.map((row) => row.first);
  const revisions = evaluated.flatMap(({ revision }) => revision ?? []);
  const tokens = outputsOf([...first, ...revisions]).reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  return tell([
    ["prompts", String(first.length)],
    ...linesOf(first),
    ...(revisions.length === 0 ? [] : linesOfRevisions(revisions)),
    ["output tokens per second, all sequences", (tokens / (ms / 1000)).toFixed(1)],
    ["computed on", gpu === false ? `CPU, ${threads} threads` : gpu],
  ]);
};

const tell = (lines: readonly Line[]): string => {
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
};

const linesOf = (rows: readonly Row[]): readonly Line[] => {
  const outputs = outputsOf(rows);
  const [tokens, anew, times] = [
    outputs.map(({ outputTokens }) => outputTokens),
    outputs.map(({ evaluatedTokens }) => evaluatedTokens),
    outputs.map((output) => output.ms),
  ];
  return [
    ["valid before repair", `${((100 * rows.filter(isValid).length) / rows.length).toFixed(1)} %`],
    ...problemsOf(rows),
    ["steps", histogram(rows.map(({ steps }) => steps))],
    ["plans with steps left out", String(rows.filter(({ unused }) => unused > 0).length)],
    ["output tokens, p50 / p95", `${quantile(tokens, 0.5)} / ${quantile(tokens, 0.95)}`],
    ["prompt tokens read anew, p50", String(quantile(anew, 0.5))],
    ["milliseconds of a plan, p50 / p95", `${quantile(times, 0.5)} / ${quantile(times, 0.95)}`],
  ];
};

const linesOfRevisions = (rows: readonly Row[]): readonly Line[] => [
  ["revising rounds", String(rows.length)],
  ["  that keep the answer", String(rows.filter(({ refusal, steps }) => refusal === null && steps === 0).length)],
  ...linesOf(rows).map(([name, value]): Line => [`  ${name}`, value]),
];

const outputsOf = (rows: readonly Row[]): readonly PlannerOutput[] => rows.flatMap(({ output }) => output ?? []);

const problemsOf = (rows: readonly Row[]): readonly Line[] => {
  const problems = rows.flatMap(({ refusal, repairs }) => [...(refusal === null ? [] : [refusal]), ...repairs]);
  const alike = Object.groupBy(problems, (problem) => problem);
  return Object.entries(alike).map(([problem, all]): Line => [problem, String(all?.length ?? 0)]);
};

const histogram = (steps: readonly number[]): string =>
  Object.entries(Object.groupBy(steps, String))
    .map(([number, all]) => `${number}: ${all?.length ?? 0}`)
    .join(", ");

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
};
