/** What the one head reaches in pools of two, of three and of all workers of a set. */
import * as z from "zod";
import type { Interval } from "../replay/bootstrap.ts";
import { trainingSeed } from "../fit/head-options.ts";
import { measurePools, pooledInterval, type PoolResult } from "./pools.ts";
import { defineTable, interval, percent } from "./table.ts";

const rowSchema = z.strictObject({
  recordings: z.string(),
  size: z.string(),
  pools: z.number(),
  difference: z.number(),
  low: z.number(),
  high: z.number(),
  worst: z.number(),
  median: z.number(),
  /** Pools whose interval lies above −1 point. */
  safe: z.number(),
  /** Null where no head was fitted on a pool of its own. */
  againstOwn: z.number().nullable(),
});
type PoolRow = z.infer<typeof rowSchema>;

export const poolsTable = defineTable({
  name: "pools",
  row: rowSchema,
  compute: async ({ sets, heldOut }) => {
    const results: PoolResult[] = [];
    for (const { name, pools, recorded } of await sets()) {
      const workers = pools.at(-1) ?? [];
      const entries = await heldOut("encoder", name);
      results.push(...measurePools({ set: name, workers, recorded, heldOut: entries, seed: trainingSeed }));
    }
    const bySet = [...Map.groupBy(results, ({ set }) => set)];
    return [...bySet.flatMap(([set, members]) => rowsOf(set, members)), ...rowsOf("pooled over sets", results)];
  },
  columns: [
    { title: "recordings", cell: (row) => row.recordings },
    { title: "pools", cell: (row) => `${row.pools} of ${row.size}` },
    { title: "against the best single worker, points [95 %]", cell: (row) => interval(row) },
    { title: "worst pool", cell: (row) => percent(row.worst) },
    { title: "median pool", cell: (row) => percent(row.median) },
    { title: "pools surely above −1", cell: (row) => String(row.safe) },
    {
      title: "against a head fitted on the pool",
      cell: (row) => (row.againstOwn === null ? "" : percent(row.againstOwn)),
    },
  ],
});

const rowsOf = (recordings: string, results: readonly PoolResult[]): readonly PoolRow[] =>
  [...Map.groupBy(results, sizeOf)].map(([size, members]) => {
    const means = members.map((member) => member.interval.mean).toSorted((a, b) => a - b);
    const own = members.flatMap(({ againstOwn }) => againstOwn ?? []);
    const { mean, low, high }: Interval = pooledInterval(members, trainingSeed);
    return {
      recordings,
      size,
      pools: members.length,
      difference: mean,
      low,
      high,
      worst: means[0] ?? 0,
      median: means[Math.floor(means.length / 2)] ?? 0,
      safe: members.filter((member) => member.interval.low >= -1).length,
      againstOwn: own.length === 0 ? null : own.reduce((sum, points) => sum + points, 0) / own.length,
    };
  });

const sizeOf = ({ pool }: PoolResult): string => (pool.length === 2 ? "two" : pool.length === 3 ? "three" : "all");
