import type { PackedMatrix } from "../../shared/head.ts";
import { packMatrix } from "../../shared/head.ts";
import { clusterRows, nearestCenter } from "./k-means.ts";
import { columnsOf, type Row, type Shape } from "./linear.ts";
import { shuffled, type Random } from "./random.ts";

export type Support = { readonly centers: PackedMatrix; readonly far: number; readonly near: number };

const maxRows = 3000;

/**
 * Centers of the training prompts. `near` is the similarity that all but one in twenty of them reach, `far` half of
 * it: about what ordinary chat in other words or languages reaches with this encoder.
 */
export const fitSupport = (
  rows: readonly Row[],
  options: { shape: Shape; centers: number; random: Random },
): Support => {
  const { shape, random } = options;
  const kept = shuffled(rows, random).slice(0, maxRows);
  const { centers } = clusterRows(kept, { clusters: options.centers, shape, random, starts: 1 });
  const reached = kept.map((row) => nearestCenter(centers, row, shape).similarity).toSorted((a, b) => a - b);
  const near = reached[Math.floor(0.05 * reached.length)] ?? 0;
  return { centers: packMatrix(centers, columnsOf(shape)), far: near / 2, near };
};
