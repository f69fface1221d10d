import { writeInterval, type ToldArm, type ToldStage } from "./report.ts";
import { arms } from "./figures.ts";

/** A report for people: per stage what it is, a table of its arms, their differences and the decision. */
export const writeReport = (stages: readonly ToldStage[]): string =>
  stages.length === 0 ? "No key has a baseline yet.\n" : `${stages.map(writeStage).join("\n\n")}\n`;

const writeStage = (stage: ToldStage): string =>
  [
    `key ${stage.key_name} (${stage.key_id}), stage ${stage.stage}: ${stage.mode}, baseline ${stage.baseline ?? "none"}, ` +
      `${stage.began_at} to ${stage.ended_at ?? "now"}`,
    ...writeTable([
      header,
      ...arms.filter((arm) => stage.arms[arm].requests > 0).map((arm) => [arm, ...writeArm(stage.arms[arm])]),
    ]),
    ...arms.flatMap((arm) => writeOther(arm, stage.arms[arm])),
    ...writeDifferences(stage.differences),
    `decision: ${stage.decision}`,
  ].join("\n");

const header = [
  "arm",
  "conversations",
  "requests",
  "dollars",
  "per request",
  "p50 ms",
  "p95 ms",
  "first p50",
  "first p95",
  "errors",
  "feedback",
  "answered by",
];

const writeArm = (arm: ToldArm): readonly string[] => [
  String(arm.conversations),
  String(arm.requests),
  arm.cost_usd.toFixed(6),
  arm.cost_per_request_usd?.toFixed(6) ?? "",
  write(arm.latency_ms.p50),
  write(arm.latency_ms.p95),
  write(arm.first_token_ms.p50),
  write(arm.first_token_ms.p95),
  `${arm.errors} (${((arm.error_rate ?? 0) * 100).toFixed(1)} %)`,
  arm.feedback.mean === null ? "" : `${arm.feedback.mean.toFixed(2)} of ${arm.feedback.scored}`,
  writeWorkers(arm.workers),
];

const write = (value: number | null): string => (value === null ? "" : String(Math.round(value)));

const writeWorkers = (workers: ToldArm["workers"]): string =>
  Object.entries(workers)
    .toSorted(([, a], [, b]) => b - a)
    .map(([worker, times]) => `${worker} ${times}`)
    .join(", ");

const writeOther = (arm: (typeof arms)[number], { other_arm: other }: ToldArm): readonly string[] => {
  if (other.requests === 0) return [];
  const most = other.foreseen_max_usd > other.foreseen_usd ? ` (at most $${other.foreseen_max_usd.toFixed(6)})` : "";
  const name = arm === "baseline" ? "shoal" : "baseline";
  return [
    `of ${arm}, ${other.requests} requests for $${other.cost_usd.toFixed(6)}: ${name} foreseen at $${other.foreseen_usd.toFixed(6)}${most}, answered by ${writeWorkers(other.workers)}`,
  ];
};

const writeDifferences = (differences: ToldStage["differences"]): readonly string[] => {
  const told = Object.entries(differences).flatMap(([name, interval]) =>
    interval ? [`${name} ${writeInterval(interval)}`] : [],
  );
  return told.length > 0 ? [`shoal against baseline, 95 % at every look: ${told.join("; ")}`] : [];
};

/** Columns as wide as their widest cell. */
const writeTable = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
};
