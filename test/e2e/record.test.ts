import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRecordings } from "../../inference/train/recordings/recordings.ts";
import { startCommand } from "../support/command.ts";
import { childrenOf, stillRunning } from "../support/processes.ts";
import { kill } from "../support/start.ts";
import { systemUnderTest } from "../support/system-under-test.ts";
import type { VendorCall } from "../support/vendors.ts";

const first = "openai/gpt-6-luna";
const second = "anthropic/claude-haiku-5-5";

const { vendors, system } = systemUnderTest();
let dir: string;
let runs = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "shoal-recorded-"));
  await writeFile(join(dir, "prompts.jsonl"), prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(""));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const promptOf = (id: string, verifier: object, rest: object = {}) => ({
  id,
  domain: "test/mixed",
  problem: id,
  prompt: `Question ${id}`,
  verifier,
  ...rest,
});
const prompts = [
  promptOf("choice", { kind: "choice", answer: "B" }, { system: "End with the letter." }),
  promptOf("number", { kind: "number", answer: "12" }, { instruction: "Compute." }),
  promptOf("code", { kind: "tests", language: "python", tests: "assert f(2) == 4" }),
];

const newOut = () => join(dir, `run-${(runs += 1)}.jsonl`);
const journalOf = (out: string) => out.replace(/\.jsonl$/, ".calls.jsonl");

const start = (out: string, args: readonly string[], target: readonly string[] = ["--url", system.url]) => {
  const named = ["--prompts", join(dir, "prompts.jsonl"), "--out", out, ...target];
  // The folder of its own Shoal outlives a kill.
  const env = { ...process.env, ...vendors.env, SHOAL_API_KEY: system.key, TMPDIR: dir };
  return startCommand("inference/record/main.ts", [...named, ...args], { cwd: dir, env });
};

const run = async (out: string, ...args: readonly string[]) => {
  const { code, stdout, stderr } = await start(out, args).ended;
  return { code, output: `${stdout}${stderr}` };
};

const outcomesOf = async (out: string, worker: string) => {
  const { recordings } = await readRecordings(out);
  return Object.fromEntries(recordings.map(({ id, models }) => [id, models[worker]]));
};

const right = (call: VendorCall) => {
  const body = JSON.stringify(call.body);
  if (body.includes("Question choice")) return { text: ["It is ", "B.\n\nAnswer: B"] };
  return { text: [body.includes("Question number") ? "Answer: 12" : "```python\ndef f(x):\n    return 2 * x\n```"] };
};

describe("npm run record", () => {
  it("keeps answers, grades, tokens, dollars, times and the vendor's model of every repeat", async () => {
    vendors.openai.script((call) => ({
      ...right(call),
      usage: { inputTokens: 1000, cachedInputTokens: 0, outputTokens: 200, reasoningTokens: 50 },
    }));
    const out = newOut();
    const { code, output } = await run(out, "--workers", first, "--budget", "1", "--repeats", "2");
    expect(output).toMatch(/^3 prompts \(.*1 tests.*\), repeats: 2$/m);
    expect(output).toContain("Done. Answers still missing: 0.");
    expect(code).toBe(0);
    expect(vendors.violations).toEqual([]);
    expect(vendors.calls()).toHaveLength(6);

    const { recordings } = await readRecordings(out);
    expect(recordings.map(({ id }) => id).toSorted()).toEqual(["choice", "code", "number"]);
    expect(recordings.find(({ id }) => id === "number")).toMatchObject({
      instruction: "Compute.",
      prompt: "Question number",
      answer: "12",
      verifier: "number",
    });
    const { choice, number, code: program } = await outcomesOf(out, first);
    expect(choice).toMatchObject({
      correct: 1,
      runs: [1, 1],
      pred: "B",
      failures: 0,
      tokens_in: 1000,
      tokens_out: 200,
    });
    expect(number).toMatchObject({ correct: 1, pred: "12" });
    expect(program?.correct).toBe(1);
    expect(program).not.toHaveProperty("pred");
    expect(choice?.samples).toHaveLength(2);
    expect(choice?.samples?.[0]).toMatchObject({
      answer: "It is B.\n\nAnswer: B",
      finish: "stop",
      model: vendors.calls()[0]?.model,
      cost_usd: choice?.cost_usd,
    });
    expect(choice?.latency_ms).toBeGreaterThan(0);
    const [, paid = ""] = /Paid in all: \$(\S+)\./.exec(output) ?? [];
    expect(Number(paid)).toBeCloseTo(6 * (choice?.cost_usd ?? 0), 6);
  });

  it("stops before a call that could pass the budget, and goes on when there is more", async () => {
    vendors.openai.script((call) => ({
      ...right(call),
      usage: { inputTokens: 60, cachedInputTokens: 0, outputTokens: 1000, reasoningTokens: 0 },
    }));
    const out = newOut();
    const flags = ["--workers", first, "--max-tokens", "1000", "--concurrency", "1"];
    const { output } = await run(out, ...flags, "--budget", "1", "--dry-run");
    expect(vendors.calls()).toEqual([]);
    const [, most = ""] = /all\s+3\s+\S+\s+\$(\S+)/.exec(output) ?? [];
    // Two of three calls.
    const short = await run(out, ...flags, "--budget", String(Number(most) * 0.8));
    expect(short.output).toContain("The next call could pass the budget. Answers still missing: 1.");
    expect(vendors.calls()).toHaveLength(2);
    await run(out, ...flags, "--budget", "1");
    expect(vendors.calls()).toHaveLength(3);
    expect(Object.values(await outcomesOf(out, first)).map((outcome) => outcome?.correct)).toEqual([1, 1, 1]);
  });

  it("has lost no answer when it is killed, and counts what was under way as spent", async () => {
    vendors.openai.script((call) => (vendors.openai.calls.length === 3 ? { headersAfterMs: 60_000 } : right(call)));
    const out = newOut();
    const flags = ["--workers", first, "--budget", "1", "--concurrency", "1"];
    const killed = start(out, flags);
    await vendors.openai.call(2);
    kill(killed.pid, "SIGKILL");
    await killed.ended;
    expect(existsSync(out)).toBe(false);
    // As a power cut would leave it.
    await writeFile(journalOf(out), '{"type":"answer","as', { flag: "a" });

    vendors.reset();
    vendors.openai.script(right);
    const { output } = await run(out, ...flags);
    expect(vendors.calls()).toHaveLength(1);
    expect(output).toMatch(/all\s+1\s/);
    expect(output).not.toContain("Paid so far: $0.00.");
    expect(Object.values(await outcomesOf(out, first)).map((outcome) => outcome?.correct)).toEqual([1, 1, 1]);
    await run(out, ...flags);
    expect(vendors.calls()).toHaveLength(1);
  });

  it("takes a failed call for an outage and no wrong answer, and asks again", async () => {
    vendors.openai.script((call) => ({ ...right(call), text: ["No idea."] }));
    vendors.anthropic.script({ status: 500 });
    const out = newOut();
    const flags = ["--workers", `${first},${second}`, "--budget", "1"];
    const { code, output } = await run(out, ...flags);
    expect(code).toBe(0);
    expect(output).toContain(`${second}: 5`);
    expect(output).toContain("Answers still missing: 3.");
    const down = await outcomesOf(out, second);
    expect(down["choice"]).toEqual({ correct: 0, outage: true, failures: 1 });
    expect((await outcomesOf(out, first))["choice"]).toMatchObject({ correct: 0, pred: null, failures: 0 });

    vendors.reset();
    vendors.anthropic.script(right);
    await run(out, ...flags);
    expect(vendors.openai.calls).toEqual([]);
    const up = await outcomesOf(out, second);
    expect(up["choice"]).toMatchObject({ correct: 1, failures: 1 });
    expect(up["choice"]).not.toHaveProperty("outage");
  });

  it("names what is wrong with the command before it asks anybody", async () => {
    const bad = await run(newOut(), "--workers", "openai/none", "--budget", "1");
    expect(bad.code).toBe(1);
    expect(bad.output).toContain("openai/none is not among the workers");
    const lacking = await run(newOut(), "--workers", first, "--repeats", "0");
    expect(lacking.code).toBe(1);
    expect(lacking.output).toContain("--budget is missing");
    expect(lacking.output).toContain("--repeats is a whole number from 1 to 100");
    expect(vendors.calls()).toEqual([]);
  });
});

describe("a Shoal of its own", () => {
  it("answers, and is gone when the recorder is killed", async () => {
    vendors.openai.script((call) => (vendors.openai.calls.length === 1 ? right(call) : { headersAfterMs: 60_000 }));
    const started = start(newOut(), ["--workers", first, "--budget", "1", "--concurrency", "1"], []);
    await vendors.openai.call(1);
    const children = await childrenOf(started.pid);
    const all = [...children, ...(await Promise.all(children.map(({ pid }) => childrenOf(pid)))).flat()];
    expect(all.map(({ command: line }) => line).join("\n")).toContain("main.ts");
    kill(started.pid, "SIGKILL");
    await started.ended;
    await expect.poll(() => stillRunning(all), { timeout: 10_000, interval: 100 }).toEqual([]);
  });
});
