import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../inference/train/fit/random.ts";
import { startCommand } from "../support/command.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eval-feedback-"));
});
afterAll(() => rm(folder, { recursive: true }));

const write = async (name: string, rows: readonly object[]): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
};

const run = (...argv: string[]) => startCommand("inference/train/eval.ts", argv).ended;

/** As the operator's export has them: `a` is right on 80 % of prompts, `b` on 50 %, and one in ten is drawn. */
const exported = (propensityOfBaseline: number) => {
  const random = createRandom(7);
  return Array.from({ length: 2000 }, (_, at) => {
    const worker = random() < propensityOfBaseline ? "north/b" : "north/a";
    const score = Number(random() < (worker === "north/a" ? 0.8 : 0.5));
    return {
      id: `r${at}`,
      domain: "unknown",
      problem: `r${at}`,
      prompt: null,
      models: { [worker]: { correct: score } },
      feedback: {
        worker,
        best: "north/a",
        drawn: {
          worker,
          propensities: {
            "north/a": 1 - propensityOfBaseline,
            ...(propensityOfBaseline > 0 && { "north/b": propensityOfBaseline }),
          },
        },
        foreseen: {
          "north/a": { quality: 0.6, corrected: 0.61 },
          "north/b": { quality: 0.6, corrected: 0.6 },
        },
        scores: [{ key_id: "k1", about: null, at: "2026-11-22T00:00:00.000Z", score }],
      },
    };
  });
};

describe("npm run eval -- --feedback", () => {
  it("compares the conductor with a worker by scored answers", async () => {
    const path = await write("drawn.jsonl", exported(0.1));
    const { code, stdout } = await run("--feedback", path, "--baseline", "north/b", "--json");
    expect(code).toBe(0);
    const { identified, difference, baseline } = JSON.parse(stdout);
    expect(identified).toBe(true);
    expect(difference.low).toBeLessThan(0.3);
    expect(difference.high).toBeGreaterThan(0.3);
    expect(difference.low).toBeGreaterThan(0);
    expect(baseline.effectiveSampleSize).toBeGreaterThan(100);
    expect(baseline.effectiveSampleSize).toBeLessThan(300);
  });

  it("says in words what it rests on", async () => {
    const path = await write("words.jsonl", exported(0.1));
    const { stdout } = await run("--feedback", path, "--baseline", "north/b");
    expect(stdout).toMatch(/^2000 scored answers, 2000 with a logged draw, 2000 where both could have been drawn\n/);
    expect(stdout).toMatch(/^difference: 0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]$/m);
    expect(stdout).toMatch(/^north\/b: .*, effective sample size \d+\.\d$/m);
  });

  it("gives no number where the worker could not have been drawn", async () => {
    const path = await write("greedy.jsonl", exported(0));
    const { code, stdout } = await run("--feedback", path, "--baseline", "north/b");
    expect(code).toBe(1);
    expect(stdout).toContain("no estimate: not identified: north/b could not have been drawn");
  });

  it.each([
    [["--feedback", "x.jsonl"], "--feedback needs --baseline WORKER"],
    [["--recordings", "x.jsonl", "--baseline", "north/b"], "--baseline needs --feedback FILE"],
    [["--recordings", "x.jsonl", "--feedback", "y.jsonl", "--baseline", "north/b"], "ask one"],
  ])("refuses %j", async (argv, message) => {
    const { code, stderr } = await run(...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("names file, line and field of what is no export", async () => {
    const path = await write("wrong.jsonl", [{ id: "r1", feedback: { worker: 3 } }]);
    const { code, stderr } = await run("--feedback", path, "--baseline", "north/b");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("wrong.jsonl:1: feedback.worker:") });
  });
});
