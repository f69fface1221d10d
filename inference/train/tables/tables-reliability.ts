/** Whether a ballot is right as often as it says when it stops: by set, pool and preference, on held-out predictions. */
import * as z from "zod";
import { trainingSeed } from "../fit/head-options.ts";
import type { Plot, Series } from "../plot/plot.ts";
import { measureReliability } from "./reliability.ts";
import { extractorOf } from "../replay/replay.ts";
import { defineTable, percent } from "./table.ts";

const rowSchema = z.strictObject({
  set: z.string(),
  workers: z.number(),
  preference: z.string(),
  bins: z.array(z.strictObject({ ballots: z.number(), stated: z.number(), observed: z.number() })).readonly(),
  error: z.number(),
  ballots: z.number(),
  undecided: z.number(),
});
type ReliabilityRow = z.infer<typeof rowSchema>;

export const reliabilityTable = defineTable({
  name: "reliability",
  row: rowSchema,
  compute: async ({ sets, heldOut }) => {
    const comparable = (await sets()).filter(({ prompts }) => prompts.some((prompt) => extractorOf(prompt) !== null));
    const entries = [];
    for (const { name } of comparable) entries.push(...(await heldOut("encoder", name)));
    return measureReliability(entries, trainingSeed);
  },
  columns: [
    { title: "recordings", cell: ({ set, workers }) => `${set}, ${workers} workers` },
    { title: "preference", cell: (row) => row.preference },
    { title: "ballots decided", cell: (row) => row.ballots.toLocaleString("en") },
    { title: "undecided: most could not be read", cell: (row) => row.undecided.toLocaleString("en") },
    { title: "expected calibration error, points", cell: (row) => percent(100 * row.error) },
  ],
  plots: (rows) => [{ name: "reliability", plot: plotReliability(rows) }],
});

const plotReliability = (rows: readonly ReliabilityRow[]): Plot => ({
  title: "Ballots at the moment they stop, balanced preference",
  x: { label: "stated probability of being right, %", scale: "linear", include: [100] },
  y: { label: "right, %", scale: "linear", include: [100] },
  series: [
    ...rows
      .filter(({ preference }) => preference === "balanced")
      .map(({ set, workers, bins }): Series => ({
        name: `${set}, ${workers} workers`,
        draw: "line",
        points: bins.map(({ ballots, stated, observed }) => {
          const error = 196 * Math.sqrt((observed * (1 - observed)) / ballots);
          return { x: 100 * stated, y: 100 * observed, low: 100 * observed - error, high: 100 * observed + error };
        }),
      })),
    {
      name: "as stated",
      draw: "dashed",
      points: [lowest(rows), 100].map((value) => ({ x: value, y: value })),
    },
  ],
});

const lowest = (rows: readonly ReliabilityRow[]): number =>
  100 * Math.min(1, ...rows.flatMap(({ bins }) => bins.map(({ stated }) => stated)));
