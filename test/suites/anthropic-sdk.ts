/**
 * anthropic-sdk-typescript's own tests of the Messages API through the whole system, with vendors played on loopback.
 * Wants the path of a checkout of github.com/anthropics/anthropic-sdk-typescript with its dependencies
 * (`npx pnpm@10.34.5 install --frozen-lockfile --ignore-scripts`).
 */
import path from "node:path";
import * as z from "zod";
import { startSystem } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";
import { startFront } from "./front.ts";
import { printVerdict, runJest } from "./jest.ts";

const errorSchema = z.looseObject({ error: z.looseObject({ message: z.string() }) });

/** Anthropic's errors have no field for the parameter: the message names it, in quotes. */
const paramOf = (error: unknown): string | null =>
  /'([\w.[\]]+)'/.exec(errorSchema.safeParse(error).data?.error.message ?? "")?.[1] ?? null;

const [, , argument] = process.argv;
if (argument === undefined) throw new Error("usage: npm run suite:anthropic-sdk -- <checkout>");
const checkout = path.resolve(argument);

await using vendors = await startVendors();
await using system = await startSystem({ env: vendors.env });
await using front = await startFront({
  target: system.url,
  key: system.key,
  names: {
    "claude-opus-5": "anthropic/claude-opus-5",
    "claude-opus-4-6": "anthropic/claude-opus-4-6",
    model_id: "anthropic/claude-opus-5",
  },
  paramOf,
});

const outcomes = await runJest({
  checkout,
  files: ["messages/messages.test.ts", "beta/messages/messages.test.ts", "models.test.ts", "beta/models.test.ts"],
  env: { TEST_API_BASE_URL: front.url },
});

/** These answer themselves. */
const asksNobody = /non-streaming timeout/;
const asked = outcomes.filter(({ name }) => !asksNobody.test(name));

const allPassed = printVerdict({ suite: "anthropic-sdk-typescript", outcomes: asked, leftOut: [] });
console.log(`not counted: ${outcomes.length - asked.length} tests that ask no server`);
console.log("not run: batches, files, skills, agents and the other resources that Shoal does not serve");
for (const [route, params] of front.refused) console.log(`refused by name at ${route}: ${[...params].join(", ")}`);
for (const { problem } of vendors.violations) console.log(`refused by a vendor: ${problem}`);
process.exitCode = allPassed && vendors.violations.length === 0 ? 0 : 1;
