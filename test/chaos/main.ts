/**
 * `npm run chaos -- isolation | money | growth`: what the tests do for a few seconds for long, or in every combination, and
 * a tenant that grows. Prints what it found; ends with 1 when something was not as it should be.
 */
import { parseArgs } from "node:util";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { writePlot } from "../../inference/train/plot/plot-files.ts";
import { describeMachine } from "../bench/machine.ts";
import { runGrowth, type GrowthRow } from "./growth.ts";
import { runIsolation } from "./isolation.ts";
import { runMoney } from "./money.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "600" },
    clients: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
    requests: { type: "string", default: "200" },
    affordable: { type: "string", default: "50" },
    isolates: { type: "string", default: "1" },
  },
});

const showIsolation = async (): Promise<boolean> => {
  const report = await runIsolation({
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    seed: Number(values.seed),
  });
  console.log(`${report.requests} requests of two tenants, ${report.cacheHits} of them from a cache`);
  console.log(`${report.attempts} attempts at what is the other's: all refused unless named below`);
  console.log(report.leaks.length === 0 ? "nothing of one reached the other" : report.leaks.slice(0, 20).join("\n"));
  return report.leaks.length === 0;
};

const showMoney = async (): Promise<boolean> => {
  const { requests, affordable } = values;
  console.log(`${requests} requests at once on a budget for ${affordable}; amounts in micro-dollars`);
  let fine = true;
  for (const [leaves, kill] of [
    [0, false],
    [3, false],
    [3, true],
  ] as const) {
    for (const stream of [true, false]) {
      const report = await runMoney({
        requests: Number(requests),
        affordable: Number(affordable),
        isolates: Number(values.isolates),
        stream,
        leaves,
        kill,
      });
      const how = [
        stream ? "streamed" : "JSON",
        ...(leaves > 0 ? ["a third leaves"] : []),
        ...(kill ? ["killed"] : []),
      ];
      const rows = Object.entries(report.rows).map(([kind, count]) => `${count} ${kind}`);
      console.log(
        `${how.join(", ")}: ${report.passed} passed, ${report.refused} refused; budget ${report.budget}, ` +
          `ledger ${report.spent}, vendor ${report.upstream}; ${rows.join("; ")}; ` +
          `nothing reserved after ${report.closedAfterMs} ms of at most ${report.closesWithinMs}`,
      );
      for (const line of report.wrong) console.log(`  ${line}`);
      fine &&= report.wrong.length === 0;
    }
  }
  return fine;
};

const sizes = [
  { keys: 100, rows: 1_000 },
  { keys: 1_000, rows: 10_000 },
  { keys: 3_000, rows: 100_000 },
  { keys: 10_000, rows: 1_000_000 },
] as const;

/** Flat: the largest tenant waits no more than twice as long as the smallest. */
const flat = 2;

const showGrowth = async (): Promise<boolean> => {
  const machine = describeMachine();
  const rows = await runGrowth(sizes, 100, ({ keys, rows: count, coldRequest, warmRequest, usage }) =>
    console.log(
      `${keys} keys, ${count} rows: first request of a key ${coldRequest.p50} ms (p95 ${coldRequest.p95}), ` +
        `others ${warmRequest.p50} (${warmRequest.p95}), usage ${usage.p50} (${usage.p95})`,
    ),
  );
  const results = path.join(import.meta.dirname, "..", "results");
  const series = (name: string, read: (row: GrowthRow) => GrowthRow["usage"]) => ({
    name,
    draw: "line" as const,
    points: rows.map((row) => ({ x: row.rows / 1_000, y: read(row).p50, low: read(row).p50, high: read(row).p95 })),
  });
  await writeFile(path.join(results, "growth.json"), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  await writePlot(path.join(results, "growth"), {
    title: "One tenant grows: what a client waits, median to p95",
    x: { label: "thousands of rows in the ledger (100 to 10,000 keys)", scale: "log" },
    y: { label: "milliseconds", scale: "linear", include: [0] },
    series: [
      series("first request of a key", (row) => row.coldRequest),
      series("other requests", (row) => row.warmRequest),
      series("GET /v1/usage", (row) => row.usage),
    ],
  });
  const [first, last] = [rows[0], rows.at(-1)];
  return (
    first !== undefined &&
    last !== undefined &&
    last.coldRequest.p50 <= flat * first.coldRequest.p50 &&
    last.usage.p50 <= flat * first.usage.p50
  );
};

const shows = new Map([
  ["growth", showGrowth],
  ["isolation", showIsolation],
  ["money", showMoney],
]);
const show = shows.get(positionals.join());
if (!show) throw new Error(`usage: npm run chaos -- ${[...shows.keys()].join(" | ")}`);
process.exitCode = (await show()) ? 0 : 1;
