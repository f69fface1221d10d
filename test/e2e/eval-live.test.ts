import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { openAccount } from "../../inference/live/open-account.ts";
import { clientsOf } from "../support/clients.ts";
import { startCommand } from "../support/command.ts";
import { kill, startSystem } from "../support/start.ts";
import { adminKey, patience, systemUnderTest } from "../support/system-under-test.ts";
import type { VendorCall } from "../support/vendors.ts";

const baseline = "anthropic/claude-sonnet-4-6";
const pool = ["openai/gpt-5.4", "anthropic/claude-opus-4-6", baseline];

const { vendors, system } = systemUnderTest();
/** Of a tenant with this pool. */
let key: string;
let dir: string;
let runs = 0;
beforeAll(async () => {
  key = await keyOf("evaluation", 100);
  dir = await mkdtemp(join(tmpdir(), "shoal-live-"));
  await writeFile(join(dir, "tasks.jsonl"), tasks.map((task) => `${JSON.stringify(task)}\n`).join(""));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const keyOf = async (tenant: string, budget: number): Promise<string> => {
  const account = await openAccount({ url: system.url, adminKey }, { tenant, budget, pool }, fetch);
  if (!account.ok) throw new Error(account.error);
  return account.value;
};

const choice = (id: string) => ({
  id,
  domain: "test/choice",
  problem: id,
  prompt: `Question ${id}: which of these is it?\n\nOptions:\nA. one\nB. two\nC. three\nD. four`,
  verifier: { kind: "choice", answer: "B" },
});
const code = (id: string) => ({
  id,
  domain: "test/code",
  problem: id,
  prompt: `Question ${id}: write a Python function \`f(x)\` that doubles its argument.`,
  verifier: { kind: "tests", language: "python", tests: "assert f(2) == 4" },
});
/** The baseline is wrong on what is hard, all others on traps: ballots and judges never have a choice. */
const tasks = [choice("easy-1"), choice("hard-1"), choice("hard-2"), choice("trap-1"), code("easy-2"), code("hard-3")];

const answer = ({ body, model }: Pick<VendorCall, "body" | "model">): string => {
  const sent = JSON.stringify(body);
  const right = !sent.includes(model === "claude-sonnet-4-6" ? "Question hard" : "Question trap");
  if (!sent.includes("doubles its argument")) return `Answer: ${right ? "B" : "A"}`;
  return `\`\`\`python\ndef f(x):\n    return ${right ? "2 * x" : "x"}\n\`\`\``;
};
const tokens = { inputTokens: 100, cachedInputTokens: 0, outputTokens: 100, reasoningTokens: 0 };
const script = () => {
  vendors.script((call) => ({ text: [answer(call)], usage: tokens }));
};

const newOut = () => join(dir, `run-${(runs += 1)}`);
const start = (out: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const named = ["--tasks", join(dir, "tasks.jsonl"), "--out", out];
  return startCommand("inference/live/main.ts", [...named, ...args], {
    cwd: dir,
    env: { ...process.env, ...vendors.env, ...patience, SHOAL_API_KEY: key, TMPDIR: dir, ...env },
  });
};
const alone = ["--baseline", baseline, "--max-tokens", "1000"];
/** At one preference, through the Shoal that runs. */
const one = () => [...alone, "--preferences", "balanced", "--url", system.url];
const run = (out: string, ...args: readonly string[]) => start(out, args).ended;

const resultsSchema = z.looseObject({
  first_answer_at: z.iso.datetime(),
  baseline: z.looseObject({ worker: z.string(), chosen_by: z.string() }),
  spent_usd: z.number(),
  rows: z.array(
    z.looseObject({
      name: z.string(),
      family: z.string().nullable(),
      tasks: z.number(),
      right: z.number(),
      calls: z.number(),
      cost_usd: z.number(),
      models: z.array(z.string()),
    }),
  ),
  differences: z.array(
    z.looseObject({
      of: z.string(),
      family: z.string().nullable(),
      against: z.string(),
      tasks: z.number(),
      mean: z.number(),
      interval: z.tuple([z.number(), z.number()]).nullable(),
    }),
  ),
  answers: z.array(z.looseObject({ contender: z.string(), cost_usd: z.number() })),
});
const resultsOf = async (out: string) =>
  resultsSchema.parse(JSON.parse(await readFile(join(out, "results.json"), "utf8")));

describe("npm run eval:live", () => {
  it("finds the differences that the workers' answers have, in all and by what Ultra ran", async () => {
    script();
    const out = newOut();
    const {
      code: status,
      stdout,
      stderr,
    } = await run(out, ...alone, "--pool", pool.join(","), "--budget", "5", "--json");
    expect(stderr).toContain("Done. Answers still missing: 0.");
    expect(status).toBe(0);
    expect(vendors.violations).toEqual([]);
    const results = await resultsOf(out);
    expect(resultsSchema.parse(JSON.parse(stdout))).toEqual(results);
    expect(results.baseline).toEqual({ worker: baseline, chosen_by: "name" });

    const found = (of: string, family: string | null, against: string) => {
      const difference = results.differences.find(
        (each) => each.of === of && each.family === family && each.against === against,
      );
      return difference && [difference.tasks, difference.mean];
    };
    // By economy a team is worth its calls where they can be stopped by a vote, and nowhere else.
    for (const [preference, ofCode, other] of [
      ["quality", "workflow", "direct"],
      ["balanced", "workflow", "direct"],
      ["economy", "direct", "workflow"],
    ] as const) {
      // Three hard ones won, a trap lost.
      expect(found(`shoal-mini ${preference}`, null, baseline)).toEqual([6, 2 / 6]);
      const ultra = `shoal-ultra ${preference}`;
      for (const against of [baseline, `${baseline}, best of n (${preference})`]) {
        expect(found(ultra, null, against)).toEqual([6, 2 / 6]);
        expect(found(ultra, "ballot", against)).toEqual([4, 1 / 4]);
        expect(found(ultra, ofCode, against)).toEqual([2, 1 / 2]);
        expect(found(ultra, other, against)).toBeUndefined();
      }
    }
    for (const { mean, interval } of results.differences) {
      expect(interval?.[0]).toBeLessThan(mean);
      expect(interval?.[1]).toBeGreaterThan(mean);
    }
  });

  it("spends on the control what Ultra spent, and tells dollars, calls and models as they were", async () => {
    script();
    const out = newOut();
    await run(out, ...one(), "--budget", "5");
    const results = await resultsOf(out);
    const row = (name: string, family: string | null = null) =>
      results.rows.find((each) => each.name === name && each.family === family);
    const [team, control] = [row("shoal-ultra balanced"), row(`${baseline}, best of n (balanced)`)];
    // Within half a call of the baseline for each task.
    const call = (row(baseline)?.cost_usd ?? 0) / 6;
    expect(control?.calls).toBeGreaterThan(6);
    expect(Math.abs((control?.cost_usd ?? 0) - (team?.cost_usd ?? 0))).toBeLessThanOrEqual(6 * (call / 2));
    expect(row(baseline)?.models).toEqual([vendors.calls().find(({ model }) => model.includes("sonnet"))?.model]);
    expect(row("shoal-ultra balanced", "workflow")?.calls).toBeGreaterThanOrEqual(2 * 3);

    const made = [row("shoal-mini balanced"), team, control].reduce((sum, each) => sum + (each?.calls ?? 0), 0);
    expect(vendors.calls()).toHaveLength(made);
    const paid = results.answers.reduce((sum, each) => sum + each.cost_usd, 0);
    expect(results.spent_usd).toBeCloseTo(paid, 9);

    const calls = vendors.calls().length;
    await run(out, ...one(), "--budget", "5");
    expect(vendors.calls()).toHaveLength(calls);
    expect((await resultsOf(out)).differences).toEqual(results.differences);

    const other = await run(out, ...one(), "--budget", "5", "--max-tokens", "500");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("was made with other max_tokens: choose another folder by --out");
  });

  it("asks nobody on a dry run, and stops before a call that could pass the budget", async () => {
    script();
    const out = newOut();
    const dry = await run(out, ...one(), "--budget", "5", "--dry-run");
    expect(dry.stdout).toMatch(/shoal-ultra balanced +6 +\$/);
    expect(vendors.calls()).toEqual([]);
    const short = await run(out, ...one(), "--budget", "0.1");
    expect(short.stdout).toContain("The next call could pass the budget.");
    expect((await resultsOf(out)).spent_usd).toBeLessThanOrEqual(0.1);
    const before = vendors.calls().length;
    expect(before).toBeGreaterThan(0);
    await run(out, ...one(), "--budget", "0.1");
    expect((await resultsOf(out)).spent_usd).toBeLessThanOrEqual(0.1);
  });

  it("has the edge hold the budget as well", async () => {
    script();
    const poor = clientsOf({ url: system.url, key: await keyOf("poor", 0.01) }).openai;
    const messages = [{ role: "user" as const, content: "Question easy-1" }];
    const ask = (most: number) =>
      poor.chat.completions.create({ model: baseline, max_completion_tokens: most, messages });
    await expect(ask(1000)).rejects.toMatchObject({ status: 402 });
    expect(vendors.calls()).toEqual([]);
    expect((await ask(100)).choices).toHaveLength(1);
  });

  it("has lost no answer when it is killed, and goes on where it was", async () => {
    script();
    vendors.openai.script((call) =>
      vendors.openai.calls.length === 4 ? { headersAfterMs: 60_000 } : { text: [answer(call)], usage: tokens },
    );
    const out = newOut();
    const flags = [...one(), "--budget", "5", "--concurrency", "1"];
    const killed = start(out, flags);
    await vendors.openai.call(3);
    kill(killed.pid, "SIGKILL");
    await killed.ended;
    const journal = (await readFile(join(out, "calls.jsonl"), "utf8")).split("\n");
    const answered = journal.filter((line) => line.startsWith('{"type":"answer"'));
    expect(answered.length).toBeGreaterThan(0);

    vendors.reset();
    script();
    const { stdout } = await run(out, ...flags);
    expect(stdout).not.toContain("Paid so far: $0.00.");
    expect(stdout).toContain("Done. Answers still missing: 0.");
    const after = (await readFile(join(out, "calls.jsonl"), "utf8")).split("\n");
    expect(after.slice(0, journal.length - 1)).toEqual(journal.slice(0, -1));
    expect((await resultsOf(out)).differences.find(({ of }) => of === "shoal-mini balanced")?.mean).toBe(2 / 6);
  });

  it("takes a failed call for an outage and no wrong answer, and asks again", async () => {
    script();
    vendors.anthropic.script((call) =>
      call.model.includes("sonnet") ? { status: 500 } : { text: [answer(call)], usage: tokens },
    );
    const out = newOut();
    const { code: status, stdout, stderr } = await run(out, ...one(), "--budget", "5");
    expect(status).toBe(0);
    expect(stderr).toContain(`${baseline}: 5`);
    expect(stdout).toContain("Answers still missing: 6.");
    const down = await resultsOf(out);
    expect(down.differences).toEqual([]);
    expect(down.rows.find(({ name }) => name === baseline)).toMatchObject({ tasks: 0 });
    expect(down.rows.find(({ name }) => name === "shoal-mini balanced")).toMatchObject({ tasks: 6, right: 5 / 6 });

    vendors.reset();
    script();
    await run(out, ...one(), "--budget", "5");
    expect(vendors.openai.calls).toEqual([]);
    const up = await resultsOf(out);
    expect(up.differences.find(({ of }) => of === "shoal-mini balanced")?.mean).toBe(2 / 6);
  });

  it("names what is wrong with the command before it asks anybody", async () => {
    const lacking = await run(newOut(), "--concurrency", "9", "--preferences", "best");
    expect(lacking.code).toBe(1);
    expect(lacking.stderr).toContain("--budget is missing");
    expect(lacking.stderr).toContain("--concurrency is a whole number from 1 to 5");
    expect(lacking.stderr).toContain("--preferences is some of quality, balanced, economy");
    const stranger = await run(newOut(), "--budget", "1", "--pool", "openai/none");
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain("there is no worker 'openai/none'");
    expect(vendors.calls()).toEqual([]);
  });
});

describe("with the local model", () => {
  it("runs through, whatever the model answers", async () => {
    await using own = await startSystem({ env: { SHOAL_CHAT_MODEL: "" } });
    const client = clientsOf(own).openai;
    const messages = [{ role: "user" as const, content: "Say hi." }];
    // The model is fetched at the first start of all.
    await vi.waitFor(
      () => client.chat.completions.create({ model: "local/chat", max_completion_tokens: 1, messages }),
      { timeout: 170_000, interval: 200 },
    );
    const out = newOut();
    const flags = ["--budget", "1", "--limit", "2", "--max-tokens", "8", "--preferences", "balanced"];
    const { code: status, stdout } = await start(out, [...flags, "--url", own.url], {
      SHOAL_API_KEY: own.key,
    }).ended;
    expect(stdout).toContain("Best single worker: local/chat, held best by the weights.");
    expect(stdout).toContain("Done. Answers still missing: 0.");
    expect(status).toBe(0);
    const { rows } = await resultsOf(out);
    expect(rows.map(({ name, family, tasks: count }) => [name, family, count])).toEqual([
      ["local/chat", null, 2],
      ["shoal-mini balanced", null, 2],
      ["shoal-ultra balanced", null, 2],
      ["shoal-ultra balanced", "direct", 2],
      ["local/chat, best of n (balanced)", null, 2],
    ]);
  });
});
