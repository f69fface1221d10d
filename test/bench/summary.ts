import type { Latency, Throughput } from "./measure.ts";
import type { Sample } from "./rows.ts";
import { bootstrap, median, quantile, type Interval } from "./statistics.ts";

/** What is measured of an answer, in milliseconds. */
export type Metric = "total" | "firstDelta" | "longestGap";

export type Quantiles = { readonly p50: number; readonly p95: number; readonly p99: number };

export type LatencyRow = {
  readonly row: string;
  readonly answers: number;
  readonly ms: Quantiles;
  /** Over the first row's sample of the same round; the interval is that of the median. */
  readonly added: (Quantiles & { readonly interval: Interval }) | null;
  /** Median added here by median added by the floor, the second row; null where the floor adds next to nothing. */
  readonly byFloor: ({ readonly ratio: number } & Interval) | null;
};

export type ThroughputRow = {
  readonly row: string;
  /** Median over the slices. */
  readonly perSecond: number;
  /** Median over the slices of this row's by the floor's in the same slice. */
  readonly byFloor: number | null;
  /** Answers that the conductor did not plan. */
  readonly fellBack: number;
};

type Draw = { readonly random: () => number; readonly resamples: number };
type Rows = readonly { readonly name: string }[];

/** The rows are in the order of the samples: first the direct call, then the floor. */
export const summarizeLatency = (
  rows: Rows,
  { rounds }: Pick<Latency, "rounds">,
  { metric, ...draw }: Draw & { readonly metric: Metric },
): readonly LatencyRow[] =>
  rows.map(({ name }, index) => {
    const own = rounds.map((round) => valueOf(round[index], metric));
    const direct = rounds.map((round) => valueOf(round[0], metric));
    const floor = rounds.map((round) => valueOf(round[1], metric));
    const added = index === 0 ? [] : rounds.flatMap((_, at) => differenceOf(own[at], direct[at]));
    const pairs = rounds.flatMap((_, at) =>
      differenceOf(own[at], direct[at]).flatMap((row) =>
        differenceOf(floor[at], direct[at]).map((least) => ({ row, least })),
      ),
    );
    const values = own.filter((value) => value !== null);
    return {
      row: name,
      answers: values.length,
      ms: quantilesOf(values),
      added: added.length === 0 ? null : { ...quantilesOf(added), interval: bootstrap(added, median, draw) },
      byFloor:
        index < 2 || metric === "longestGap" || pairs.length === 0
          ? null
          : { ratio: ratioOf(pairs), ...bootstrap(pairs, ratioOf, draw) },
    };
  });

const valueOf = (sample: Sample | null | undefined, metric: Metric): number | null => sample?.[metric] ?? null;

const differenceOf = (own: number | null | undefined, other: number | null | undefined): readonly number[] =>
  typeof own === "number" && typeof other === "number" ? [own - other] : [];

const quantilesOf = (values: readonly number[]): Quantiles => ({
  p50: quantile(values, 0.5),
  p95: quantile(values, 0.95),
  p99: quantile(values, 0.99),
});

const ratioOf = (pairs: readonly { readonly row: number; readonly least: number }[]): number =>
  median(pairs.map(({ row }) => row)) / median(pairs.map(({ least }) => least));

export const summarizeThroughput = (rows: Rows, { slices }: Pick<Throughput, "slices">): readonly ThroughputRow[] =>
  rows.map(({ name }, index) => {
    const own = slices.map((slice) => slice[index]?.perSecond ?? 0);
    const floor = slices.map((slice) => slice[1]?.perSecond ?? Number.NaN);
    return {
      row: name,
      perSecond: median(own),
      byFloor: index < 2 ? null : median(own.map((perSecond, at) => perSecond / (floor[at] ?? Number.NaN))),
      fellBack: slices.reduce((sum, slice) => sum + (slice[index]?.fellBack ?? 0), 0),
    };
  });
