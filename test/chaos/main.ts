/** `npm run chaos -- isolation`: a long run of what the tests do for a few seconds. Prints what it found. */
import { parseArgs } from "node:util";
import { runIsolation } from "./isolation.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "600" },
    clients: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
  },
});
if (positionals.join() !== "isolation") throw new Error("usage: npm run chaos -- isolation [--seconds 600]");

const report = await runIsolation({
  seconds: Number(values.seconds),
  clients: Number(values.clients),
  seed: Number(values.seed),
});
console.log(`${report.requests} requests of two tenants, ${report.cacheHits} of them from a cache`);
console.log(`${report.attempts} attempts at what is the other's: all refused unless named below`);
console.log(report.leaks.length === 0 ? "nothing of one reached the other" : report.leaks.join("\n"));
process.exitCode = report.leaks.length === 0 ? 0 : 1;
