import type { Memory } from "./measure.ts";
import type { LatencyRow, ThroughputRow } from "./summary.ts";

/** Cells in columns, the first to the left, the others to the right. */
const writeTable = (head: readonly string[], body: readonly (readonly string[])[]): string => {
  const lines = [head, ...body];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const write = (line: readonly string[]) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  const [first = "", ...others] = lines.map(write);
  return [first, "-".repeat(first.length), ...others].join("\n");
};

const none = "-";
const ms = (value: number): string => value.toFixed(2);

export const writeLatency = (title: string, rows: readonly LatencyRow[]): string => {
  const head = ["ms", "p50", "p95", "p99", "added p50", "95 % interval", "p95", "p99", "by floor", "95 % interval"];
  const body = rows.map(({ row, ms: { p50, p95, p99 }, added, byFloor }) => [
    row,
    ...[p50, p95, p99].map(ms),
    ...(added === null
      ? [none, none, none, none]
      : [ms(added.p50), `${ms(added.interval.low)} to ${ms(added.interval.high)}`, ms(added.p95), ms(added.p99)]),
    ...(byFloor === null ? [none, none] : [ms(byFloor.ratio), `${ms(byFloor.low)} to ${ms(byFloor.high)}`]),
  ]);
  return `${title}\n${writeTable(head, body)}`;
};

const loadCells = (row: ThroughputRow | undefined): readonly string[] =>
  row === undefined
    ? [none, none, none]
    : [row.perSecond.toFixed(0), row.byFloor === null ? none : row.byFloor.toFixed(2), String(row.fellBack)];

export const writeThroughput = (
  title: string,
  { json, stream }: { readonly json: readonly ThroughputRow[]; readonly stream: readonly ThroughputRow[] },
): string => {
  const head = ["per second", "JSON", "by floor", "fallbacks", "stream", "by floor", "fallbacks"];
  const body = json.map((row, index) => [row.row, ...loadCells(row), ...loadCells(stream[index])]);
  return `${title}\n${writeTable(head, body)}`;
};

export const writeMemory = (title: string, rows: readonly Memory[]): string => {
  const head = ["resident MB", "idle", "peak", "completed"];
  const body = rows.map(({ row, idleMb, peakMb, completed, streams }) => [
    row,
    idleMb.toFixed(0),
    peakMb.toFixed(0),
    `${completed} of ${streams}`,
  ]);
  return `${title}\n${writeTable(head, body)}`;
};
