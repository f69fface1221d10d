/** How well a new worker is placed, by how many prompts: every known worker left out in turn. */
import { measureCalibration } from "../calibrate/error.ts";
import { calibrationRowSchema, plotCalibration, summarize, type CalibrationRow } from "../calibrate/summary.ts";
import { trainingSeed } from "../fit/head-options.ts";
import { defineTable } from "./table.ts";

/** Halves of the problems that the workers are placed by and judged on. */
const splits = 10;

const shown: readonly number[] = [10, 40, 160, 320];

export const calibrationTable = defineTable({
  name: "calibration",
  row: calibrationRowSchema,
  compute: async ({ sets }) =>
    summarize(
      (await sets()).flatMap(({ name, pools, prompts }) =>
        measureCalibration(prompts, { set: name, pool: [...new Set(pools.flat())], splits, seed: trainingSeed }),
      ),
    ),
  columns: [
    { title: `recordings; ${shown.join(" / ")} prompts`, cell: (row) => `${row.set}, ${row.workers} workers` },
    { title: "prompts and outcomes", cell: (row) => row.method },
    { title: "error of strengths, points", cell: (row) => cellOf(row, ({ strengthError }) => strengthError.mean) },
    { title: "error of the mean", cell: (row) => cellOf(row, ({ meanError }) => meanError.mean) },
    { title: "regret of the pool", cell: (row) => cellOf(row, ({ regret }) => regret.mean) },
    { title: "within 1.96 stated errors, %", cell: (row) => cellOf(row, ({ covered }) => covered) },
  ],
  plots: (rows) => [{ name: "calibration", plot: plotCalibration(rows) }],
});

const cellOf = ({ points }: CalibrationRow, valueOf: (point: CalibrationRow["points"][number]) => number | null) =>
  points
    .filter(({ prompts }) => shown.includes(prompts))
    .flatMap((point) => valueOf(point)?.toFixed(1) ?? [])
    .join(" / ");
