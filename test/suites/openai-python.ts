/**
 * OpenAI's Python client against the whole system, with vendors played on loopback. Makes itself a virtual environment
 * from PyPI in a temporary folder; `PYTHON` names another interpreter than `python3`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startSystem } from "../support/start.ts";
import { startVendors, type VendorCall, vendorNames } from "../support/vendors.ts";

const version = "3.54.0";
const models = ["shoal-mini", "openai/gpt-6-luna", "anthropic/claude-opus-5", "google/gemini-3.6-flash"];

const run = async (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  const [code]: unknown[] = await once(child, "close");
  return code === 0;
};

const callOf = (sea: string) => ({
  text: [],
  toolCalls: [{ id: `theirs-${sea}`, name: "depth", arguments: ['{"sea":', `"${sea}"}`] }],
});

/** What the vendors say to each of the checks. */
const answerOf = ({ body }: VendorCall) => {
  const seen = JSON.stringify(body);
  if (seen.includes("Fail")) return { status: 429 };
  if (seen.includes("JSON")) return { text: ['{"depth":', "95}"] };
  if (seen.includes("long story")) {
    return { text: Array.from({ length: 100 }, (_, index) => `word${index} `), chunkEveryMs: 30 };
  }
  if (!seen.includes("Use the tool")) return { text: ["one", " two", " three"] };
  if (!seen.includes("north: 95 m")) return callOf("north");
  return seen.includes("baltic: 55 m") ? { text: ["The North ", "Sea."] } : callOf("baltic");
};

const folder = await mkdtemp(path.join(tmpdir(), "shoal-suite-"));
const python = path.join(folder, "bin", "python");
const made =
  (await run(process.env["PYTHON"] ?? "python3", ["-m", "venv", folder])) &&
  (await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `openai==${version}`]));
if (!made) throw new Error("the client could not be installed");

await using vendors = await startVendors();
for (const name of vendorNames) vendors[name].script(answerOf);
await using system = await startSystem({ env: vendors.env });

let passed = 0;
for (const model of models) {
  const env = { SHOAL_URL: system.url, SHOAL_KEY: system.key, SHOAL_MODEL: model };
  if (await run(python, [path.join(import.meta.dirname, "openai-python.py")], env)) passed += 1;
}
await rm(folder, { recursive: true });

const left = await Promise.all(
  vendors
    .calls()
    .filter(({ body }) => JSON.stringify(body).includes("long story"))
    .map((call) => call.closed),
);
console.log(`${left.filter((how) => how === "aborted").length}/${left.length} calls ended when the client left`);
for (const { problem } of vendors.violations) console.log(`refused by a vendor: ${problem}`);
process.exitCode =
  passed === models.length && left.every((how) => how === "aborted") && vendors.violations.length === 0 ? 0 : 1;
