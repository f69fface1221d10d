/**
 * schemathesis on the reference of the whole system, with vendors played on loopback: requests made from
 * `/openapi.json`, right and wrong ones, none of which may end in a 5xx or in an answer that the reference does not
 * know. Wants schemathesis 4 (https://schemathesis.io) as `SCHEMATHESIS` or on the path; further arguments are passed on.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as z from "zod";
import { startSystem } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";

const adminKey = "suite-admin-key";

const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "unsupported_method",
  "ignored_auth",
];

/** Names of models are known to the system, not to the reference: without one a request gets no further than a 404. */
const withModels = (document: unknown, models: readonly string[]): unknown => {
  if (Array.isArray(document)) return document.map((entry) => withModels(entry, models));
  if (typeof document !== "object" || document === null) return document;
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [
      key,
      key === "model" && isBodyField(value) ? { enum: models } : withModels(value, models),
    ]),
  );
};

const isBodyField = (schema: unknown) =>
  z.object({ type: z.literal("string"), minLength: z.literal(1) }).safeParse(schema).success;

const fixed = ["--checks", checks.join(","), "--continue-on-failure", "--no-color", ...process.argv.slice(2)];

await using vendors = await startVendors();
await using system = await startSystem({
  env: { ...vendors.env, ADMIN_KEY: adminKey, SHOAL_ADMIN_PER_MINUTE: "1000000" },
});

const reference: unknown = await (await fetch(`${system.url}/openapi.json`)).json();
const folder = await mkdtemp(path.join(tmpdir(), "shoal-suite-"));
const file = path.join(folder, "openapi.json");
const models = ["shoal-mini", "shoal-ultra", "openai/gpt-5.4", "all-minilm-l6-v2"];
await writeFile(file, JSON.stringify(withModels(reference, models)));

const run = async (credential: string, which: readonly string[]): Promise<boolean> => {
  const child = spawn(
    process.env["SCHEMATHESIS"] ?? "schemathesis",
    ["run", file, "--url", system.url, ...fixed, "--header", `Authorization: Bearer ${credential}`, ...which],
    { cwd: folder, stdio: "inherit" },
  );
  const [code]: unknown[] = await once(child, "close");
  return code === 0;
};

const tenants = await run(system.key, ["--exclude-path-regex", "^/admin/"]);
const operators = await run(adminKey, ["--include-path-regex", "^/admin/"]);
/** A vendor's refusal comes back as a 400 in its words; that it had to say so is worth knowing all the same. */
const refused = new Map<string, number>();
for (const { vendor, problem } of vendors.violations) {
  const what = `${vendor}: ${problem.replaceAll(/\d+/g, "n").replaceAll(/\s+/g, " ").slice(0, 200)}`;
  refused.set(what, (refused.get(what) ?? 0) + 1);
}
console.log(
  `${vendors.calls().length} calls reached a vendor; ${vendors.violations.length} problems it would have named:`,
);
for (const [what, times] of refused) console.log(`  ${times} × ${what}`);
await rm(folder, { recursive: true });
process.exitCode = tenants && operators ? 0 : 1;
