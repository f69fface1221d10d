/** Rows of an evaluation as data and as text. */
import type { Contestant } from "../replay/contestants.ts";
import { bestSingle, isPriced, type Contest } from "../replay/contest.ts";
import { measure } from "../replay/measure.ts";
import { playSingle } from "../replay/replay.ts";

const seed = 1;

export type Row = {
  readonly name: string;
  readonly preference?: string;
  /** The workers that the row rests on, with their shares. */
  readonly workers?: Readonly<Record<string, number>>;
  /** Percent. */
  readonly score: number;
  /** Dollars per prompt; null where the recordings have none. */
  readonly cost: number | null;
  readonly calls: number;
  readonly waves: number;
  /** Points against the best single worker on the same prompts, with the 95 % interval by bootstrap over problems. */
  readonly diff: number;
  readonly lo: number;
  readonly hi: number;
  readonly n: number;
};

export const rowOf = (contest: Contest, contestant: Contestant): Row => {
  const prompts = contest.prompts.filter((prompt) => contestant.covers?.(prompt) ?? true);
  const played = prompts.map(contestant.rule);
  const baseline = prompts.map((prompt) => playSingle(prompt, bestSingle(contest)));
  const measured = measure(contestant.name, prompts, { played, baseline, seed });
  const waves = played.reduce((sum, { waves: some }) => sum + some, 0) / played.length;
  return {
    name: contestant.name,
    ...(contestant.preference === null ? {} : { preference: contestant.preference }),
    ...(contestant.workers === null ? {} : { workers: sharesOf(contestant.workers) }),
    score: measured.score,
    cost: isPriced(contest) ? measured.costDollars : null,
    calls: measured.calls,
    waves: round(waves),
    diff: measured.difference,
    lo: measured.low,
    hi: measured.high,
    n: measured.prompts,
  };
};

export const tableText = (rows: readonly Row[]): string => {
  const head = ["", "score %", "$ per 1,000", "calls", "waves", "against best single", "n"];
  const lines = [head, ...rows.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  return lines
    .map((cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))))
    .map((cells) => `  ${cells.join("  ")}`)
    .join("\n");
};

const cellsOf = (row: Row): readonly string[] => [
  titleOf(row),
  row.score.toFixed(1),
  row.cost === null ? "-" : (1000 * row.cost).toFixed(2),
  row.calls.toFixed(2),
  row.waves.toFixed(2),
  `${signed(row.diff)} [${row.lo.toFixed(1)}, ${row.hi.toFixed(1)}]`,
  String(row.n),
];

const titleOf = ({ name, preference, workers }: Row): string => {
  if (preference !== undefined) return `${name}, ${preference}`;
  if (workers === undefined) return name;
  const shares = Object.entries(workers).map(([worker, share]) =>
    share === 1 ? worker : `${Math.round(100 * share)} % ${worker}`,
  );
  return `${name}: ${shares.join(", ")}`;
};

const signed = (value: number): string => `${value > 0 ? "+" : ""}${value.toFixed(1)}`;

const sharesOf = (workers: NonNullable<Contestant["workers"]>): Readonly<Record<string, number>> =>
  Object.fromEntries(workers.map(({ name, share }) => [name, round(share)]));

const round = (value: number): number => Number(value.toPrecision(5));
