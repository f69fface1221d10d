/**
 * The Open Responses compliance suite against the whole system, with vendors played on loopback. Wants the path of a
 * checkout of github.com/openresponses/openresponses with its dependencies, and bun (https://bun.sh) as `BUN` or on the
 * path. Left out: WebSocket and compaction, which Shoal does not serve. Exits with 1 unless all others pass.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { startSystem } from "../support/start.ts";
import { startVendors, type VendorCall, vendorNames } from "../support/vendors.ts";

const leftOut = /^(?:websocket|compact)-/;

const reportSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      id: z.string(),
      status: z.enum(["passed", "failed", "skipped"]),
      errors: z.array(z.string()).optional(),
    }),
  ),
});

const readTestIds = async (checkout: string): Promise<readonly string[]> => {
  const source = await readFile(path.join(checkout, "src", "lib", "compliance-tests.ts"), "utf8");
  return [...source.matchAll(/^ {4}id: "([a-z-]+)"/gm)].flatMap(([, id]) => id ?? []);
};

/** Whoever is offered a tool calls it; everyone else says something. */
const answerOf = (call: VendorCall) =>
  JSON.stringify(call.body).includes("get_weather")
    ? { text: [], toolCalls: [{ id: "call_1", name: "get_weather", arguments: ['{"location":', '"San Francisco"}'] }] }
    : { text: ["One, two, ", "three, four, five."] };

const runSuite = (checkout: string, ids: readonly string[], target: { readonly url: string; readonly key: string }) =>
  new Promise<string>((resolve, reject) => {
    const args = ["run", "bin/compliance-test.ts", "--json", "--base-url", `${target.url}/v1`, "--model", "shoal-mini"];
    execFile(
      process.env["BUN"] ?? "bun",
      [...args, "--filter", ids.join(",")],
      { cwd: checkout, env: { ...process.env, OPENRESPONSES_API_KEY: target.key } },
      // A failed test is a failed process, whose report is still there.
      (error, stdout) => (stdout === "" ? reject(error ?? new Error("the suite said nothing")) : resolve(stdout)),
    );
  });

const checkout = process.argv[2];
if (checkout === undefined) throw new Error("usage: npm run suite:open-responses -- <checkout of openresponses>");

const all = await readTestIds(path.resolve(checkout));
const ids = all.filter((id) => !leftOut.test(id));
await using vendors = await startVendors();
for (const name of vendorNames) vendors[name].script(answerOf);
await using system = await startSystem({ env: vendors.env });

const { results } = reportSchema.parse(JSON.parse(await runSuite(path.resolve(checkout), ids, system)));
const passed = results.filter(({ status }) => status === "passed");
for (const { id, status, errors } of results)
  console.log(`${status} ${id}${errors?.length ? `: ${errors.join("; ")}` : ""}`);
for (const { problem } of vendors.violations) console.log(`refused by a vendor: ${problem}`);
console.log(`left out: ${all.filter((id) => leftOut.test(id)).join(", ")}`);
console.log(`Open Responses: ${passed.length}/${ids.length} passed`);
process.exitCode = passed.length === ids.length && vendors.violations.length === 0 ? 0 : 1;
