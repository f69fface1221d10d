/** What the recorder prints. Amounts in dollars. */
import type { Recording } from "../train/recordings/recordings.ts";
import type { Job } from "./ask-all.ts";
import { expectedOfCall, type Lengths, type Priced } from "./estimate.ts";
import type { Verifier } from "./prompts.ts";

/** Expected and greatest cost of the calls that are missing, by worker and in all. */
export const describeCost = (jobs: readonly Job[], workers: readonly Priced[], lengths: Lengths): string => {
  const rows = workers.map((worker) => {
    const own = jobs.filter((job) => job.worker.id === worker.id);
    return {
      name: worker.id,
      calls: own.length,
      expected: sum(own.map((job) => expectedOfCall(worker, job.prompt, lengths))),
      bound: sum(own.map((job) => job.bound)),
    };
  });
  const total = {
    name: "all",
    calls: jobs.length,
    expected: sum(rows.map((row) => row.expected)),
    bound: sum(rows.map((row) => row.bound)),
  };
  const cells = [...rows, total].map(({ name, calls, expected, bound }) => [
    name,
    String(calls),
    money(expected),
    money(bound),
  ]);
  return table([["worker", "calls", "expected", "at most"], ...cells]);
};

/** What has been recorded, by worker. */
export const describeRecordings = (recordings: readonly Recording[], workers: readonly string[]): string => {
  const cells = workers.map((worker) => {
    const outcomes = recordings.flatMap(({ models }) => models[worker] ?? []);
    const answered = outcomes.filter(({ outage }) => !outage);
    const unread = answered.filter(({ pred }) => pred === null).length;
    const samples = answered.flatMap((outcome) => outcome.samples ?? []);
    return [
      worker,
      String(answered.length),
      answered.length === 0
        ? "-"
        : `${((100 * sum(answered.map(({ correct }) => correct))) / answered.length).toFixed(1)} %`,
      String(unread),
      String(outcomes.length - answered.length),
      money(sum(samples.map((sample) => sample.cost_usd))),
      [...new Set(samples.flatMap(({ model }) => model ?? []))].join(", ") || "-",
    ];
  });
  return table([["worker", "prompts", "right", "unreadable", "outages", "cost", "vendor's model"], ...cells]);
};

/** How many prompts are graded how. */
export const countKinds = (verifiers: readonly Verifier[]): string =>
  Object.entries(Object.groupBy(verifiers, ({ kind }) => kind))
    .map(([kind, some]) => `${some.length} ${kind}`)
    .join(", ");

export const money = (dollars: number): string => {
  const digits = dollars === 0 || dollars >= 1 ? 2 : dollars >= 0.01 ? 4 : 6;
  return `$${dollars.toFixed(digits)}`;
};

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** First and last columns to the left, figures to the right. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      /^[-$\d]/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
  return rows.map((row) => `  ${line(row).join("  ").trimEnd()}`).join("\n");
};
