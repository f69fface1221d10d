/**
 * `npm run chaos -- isolation | money`: what the tests do for a few seconds for long, or in every combination. Prints what
 * it found; ends with 1 when something was not as it should be.
 */
import { parseArgs } from "node:util";
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
  console.log(report.leaks.length === 0 ? "nothing of one reached the other" : report.leaks.join("\n"));
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

const shows = new Map([
  ["isolation", showIsolation],
  ["money", showMoney],
]);
const show = shows.get(positionals.join());
if (!show) throw new Error(`usage: npm run chaos -- ${[...shows.keys()].join(" | ")}`);
process.exitCode = (await show()) ? 0 : 1;
