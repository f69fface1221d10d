import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Latency, Throughput } from "./measure.ts";
import type { Metric } from "./summary.ts";

const resultsFile = path.join(import.meta.dirname, "..", "results", "bench.json");

/** Microseconds are the last digit: no clock here is better. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value;

/** Samples of each row in the order of the rounds, in milliseconds. */
export const rawLatency = (names: readonly string[], { rounds }: Latency, metrics: readonly Metric[]) =>
  Object.fromEntries(
    metrics.map((metric) => [metric, byRow(names, (index) => rounds.map((round) => round[index]?.[metric] ?? null))]),
  );

/** Requests per second of each row in the order of the slices. */
export const rawThroughput = (names: readonly string[], { slices }: Throughput) =>
  byRow(names, (index) => slices.map((slice) => slice[index]?.perSecond ?? null));

const byRow = <T>(names: readonly string[], samples: (index: number) => T): Readonly<Record<string, T>> =>
  Object.fromEntries(names.map((name, index) => [name, samples(index)]));

/** Writes what was measured, one line a part. Gives the file, relative to the repository. */
export const writeResults = async (parts: Readonly<Record<string, unknown>>): Promise<string> => {
  const lines = Object.entries(parts).map(
    ([name, part]) => `  ${JSON.stringify(name)}: ${JSON.stringify(part, rounded)}`,
  );
  await mkdir(path.dirname(resultsFile), { recursive: true });
  await writeFile(resultsFile, `{\n${lines.join(",\n")}\n}\n`);
  return path.relative(path.join(import.meta.dirname, "..", ".."), resultsFile);
};
