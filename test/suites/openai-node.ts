/**
 * openai-node's generated tests through the whole system, with OpenAI's own specification behind it: the tests check
 * what we answer, and `@stdy/cli`, made from the specification in the checkout, checks what we send; what it takes is
 * answered by a vendor played on loopback. Wants the path of a checkout of github.com/openai/openai-node with its
 * dependencies (`npx pnpm@11.5.1 install --frozen-lockfile --ignore-scripts`).
 */
import path from "node:path";
import OpenAI from "openai";
import * as z from "zod";
import { startSystem } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";
import { startFront } from "./front.ts";
import { printVerdict, runJest } from "./jest.ts";
import { startSpecification } from "./specification.ts";

const leftOut = [
  { test: /^chat\/.* (?:retrieve|update: .*|list|delete)$/, why: "answers of Chat Completions are not stored" },
  { test: /^completions: /, why: "the API before Chat Completions" },
  { test: /^models: .* delete$/, why: "models are the operator's" },
  { test: /^responses\/responses: .* cancel$/, why: "no answer is made in the background" },
  { test: /^responses\/responses: .* compact: /, why: "compaction is not served" },
  { test: /^responses\/input-tokens: .* count$/, why: "tokens are counted by vendors, after the call" },
];

const errorSchema = z.looseObject({ error: z.looseObject({ param: z.string().nullish() }) });

const [, , argument] = process.argv;
if (argument === undefined) throw new Error("usage: npm run suite:openai-node -- <checkout of openai-node>");
const checkout = path.resolve(argument);

await using vendors = await startVendors();
await using specification = await startSpecification({
  file: path.join(checkout, "api_reference", "openapi.transformed.yml"),
  vendor: vendors.openai.baseUrl,
});
await using system = await startSystem({ env: { ...vendors.env, OPENAI_BASE_URL: specification.url } });

const client = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: system.key, maxRetries: 0 });
const model = "openai/gpt-5.4";
const stored = async () => (await client.responses.create({ model, input: "Hello" })).id;

await using front = await startFront({
  target: `${system.url}/v1`,
  key: system.key,
  names: {
    "gpt-5.4": model,
    "gpt-4o-mini": model,
    "text-embedding-3-small": "all-minilm-l6-v2",
    resp_677efb5139a88190b512bc3fef8e535d: await stored(),
    response_id: await stored(),
  },
  defaults: (route) => (route === "/responses" ? { model, input: "Hello" } : {}),
  paramOf: (error) => errorSchema.safeParse(error).data?.error.param ?? null,
});

const outcomes = await runJest({
  checkout,
  files: ["chat", "completions.test.ts", "embeddings", "models", "responses"],
  env: { OPENAI_TEST_SUITE: "generated", TEST_API_BASE_URL: front.url },
});

const allPassed = printVerdict({ suite: "openai-node", outcomes, leftOut });
for (const [route, params] of front.refused) console.log(`refused by name at ${route}: ${[...params].join(", ")}`);
for (const problem of specification.problems) console.log(`against the specification: ${problem}`);
for (const { problem } of vendors.violations) console.log(`refused by a vendor: ${problem}`);
console.log(
  `${specification.taken()} requests to the vendor, ${specification.problems.length} against the specification`,
);
process.exitCode =
  allPassed && specification.problems.length + vendors.violations.length === 0 && specification.taken() > 0 ? 0 : 1;
