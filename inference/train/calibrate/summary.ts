/** Trials of calibration in the words of a table and a plot. */
import * as z from "zod";
import { methods, promptCounts, type Trial } from "./error.ts";
import type { Plot, Series } from "../plot/plot.ts";

/** In points: the mean over the left-out workers, and the standard deviation between them. */
const spreadSchema = z.strictObject({ mean: z.number(), deviation: z.number() });
export type Spread = z.infer<typeof spreadSchema>;

/** How well one way to choose prompts and read outcomes places the workers of one set. */
export const calibrationRowSchema = z.strictObject({
  set: z.string(),
  workers: z.number(),
  method: z.enum(methods),
  points: z.array(
    z.strictObject({
      prompts: z.number(),
      strengthError: spreadSchema,
      meanError: spreadSchema,
      regret: spreadSchema,
      /** Share of strengths within 1.96 of their stated errors, in percent; null where none are stated. */
      covered: z.number().nullable(),
    }),
  ),
});
export type CalibrationRow = z.infer<typeof calibrationRowSchema>;

export const summarize = (trials: readonly Trial[]): readonly CalibrationRow[] =>
  [...Map.groupBy(trials, ({ set }) => set)].flatMap(([set, members]) =>
    methods.map((method) => ({
      set,
      workers: new Set(members.map(({ worker }) => worker)).size,
      method,
      points: promptCounts.flatMap((prompts) => {
        const rows = members.filter((trial) => trial.method === method && trial.prompts === prompts);
        return rows.length === 0 ? [] : [pointOf(prompts, rows)];
      }),
    })),
  );

const pointOf = (prompts: number, rows: readonly Trial[]): CalibrationRow["points"][number] => {
  const byWorker = [...Map.groupBy(rows, ({ worker }) => worker).values()];
  const spread = (valueOf: (trial: Trial) => number) =>
    spreadOf(byWorker.map((own) => 100 * average(own.map(valueOf))));
  const covered = rows.flatMap((trial) => trial.covered ?? []);
  return {
    prompts,
    strengthError: spread((trial) => trial.strengthError),
    meanError: spread((trial) => trial.meanError),
    regret: spread((trial) => trial.regret),
    covered: covered.length === 0 ? null : round(100 * average(covered)),
  };
};

const drawn = { chosen: "line", random: "line", "shrunk means": "dashed", "plain means": "dashed" } as const;

/** Error of the strengths against the number of prompts, in the mean over sets; bars: the sets' extremes. */
export const plotCalibration = (rows: readonly CalibrationRow[]): Plot => ({
  title: "A new worker is placed: error against number of prompts",
  x: { label: "scored prompts of the new worker", scale: "log" },
  y: { label: "mean absolute error of its strengths, points", scale: "linear", include: [0] },
  series: methods.map((method): Series => ({
    name: method,
    draw: drawn[method],
    points: promptCounts.flatMap((prompts) => {
      const errors = rows
        .filter((row) => row.method === method)
        .flatMap(({ points }) => points.filter((point) => point.prompts === prompts))
        .map(({ strengthError }) => strengthError.mean);
      return errors.length === 0
        ? []
        : [{ x: prompts, y: average(errors), low: Math.min(...errors), high: Math.max(...errors) }];
    }),
  })),
});

const spreadOf = (values: readonly number[]): Spread => {
  const mean = average(values);
  const squares = values.map((value) => (value - mean) ** 2);
  return { mean: round(mean), deviation: round(Math.sqrt(average(squares))) };
};

const round = (value: number): number => Number(value.toFixed(2));

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
