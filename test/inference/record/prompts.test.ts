import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { gradeAnswer } from "../../../inference/record/grade.ts";
import { drawPrompts, readBundledPrompts, readPrompts, type Prompt } from "../../../inference/record/prompts.ts";
import { createRunTests } from "../../../inference/record/run-tests.ts";
import { openSandbox } from "../../../inference/record/sandbox.ts";
import { readJsonLines } from "../../../inference/train/recordings/json-lines.ts";

const sandbox = await openSandbox({ wallSeconds: 10 });
const run = createRunTests(sandbox, () => "a word of this run");

let dir: string;
let bundled: readonly Prompt[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "shoal-prompts-"));
  bundled = await readBundledPrompts();
});
afterAll(() => rm(dir, { recursive: true }));

describe("bundled prompts", () => {
  it("have unit tests and schemas that tell right from wrong", async (context) => {
    context.skip(sandbox.languages.size < 2, "no sandbox here");
    const solutionSchema = z.object({ id: z.string(), right: z.string(), wrong: z.array(z.string()).min(1) });
    const { rows } = await readJsonLines(join(import.meta.dirname, "solutions.jsonl"), solutionSchema);
    const tasks = bundled.filter(({ verifier: { kind } }) => kind === "tests" || kind === "json");
    expect(rows.map(({ id }) => id).toSorted()).toEqual(tasks.map(({ id }) => id).toSorted());
    const misjudged = [];
    for (const { id, right, wrong } of rows) {
      const verifier = tasks.find((task) => task.id === id)?.verifier;
      if (verifier === undefined) continue;
      for (const [answer, correct] of [[right, 1] as const, ...wrong.map((text) => [text, 0] as const)]) {
        if ((await gradeAnswer(verifier, answer, run)).correct !== correct) misjudged.push({ id, answer });
      }
    }
    expect(misjudged).toEqual([]);
  });

  it("are drawn evenly over domains, the same for the same seed", () => {
    const draw = (seed: number) => drawPrompts(bundled, { perDomain: 16, limit: 40, seed }).map(({ id }) => id);
    const domains = new Set(bundled.map(({ domain }) => domain));
    const first = drawPrompts(bundled, { perDomain: 16, limit: domains.size, seed: 1 });
    expect(new Set(first.map(({ domain }) => domain))).toEqual(domains);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(drawPrompts(bundled, { perDomain: 16, limit: null, seed: 1 }).length).toBeGreaterThan(300);
  });

  it("keep the ids and texts of the recordings they are from", () => {
    expect(bundled.find(({ id }) => id === "mmlupro/100")).toMatchObject({
      problem: "9606b07e4853dd67",
      domain: "mmlupro/business",
      verifier: { kind: "choice", answer: "E" },
    });
  });
});

const read = async (...rows: readonly object[]) => {
  const file = join(dir, "own.jsonl");
  await writeFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  return readPrompts(file);
};

describe("a file of prompts", () => {
  const good = { id: "a", domain: "d", problem: "p", prompt: "1 + 1?", verifier: { kind: "number", answer: "2" } };
  it("is read with instruction and system", async () => {
    const prompt = { ...good, instruction: "Add.", system: "Be brief." };
    expect(await read(prompt)).toEqual([prompt]);
  });

  it.each([
    ["own.jsonl:2: prompt:", [good, { ...good, id: "b", prompt: "" }]],
    [
      "own.jsonl:1: verifier.answer: cannot be read as choice",
      [{ ...good, verifier: { kind: "choice", answer: "?" } }],
    ],
    ["own.jsonl:1: verifier.schema: is no JSON Schema", [{ ...good, verifier: { kind: "json", schema: { type: 3 } } }]],
    ["own.jsonl:1: verifier.language:", [{ ...good, verifier: { kind: "tests", language: "perl", tests: "1" } }]],
    ["own.jsonl: id a occurs twice", [good, good]],
  ])("is refused with %s", async (message, rows) => {
    await expect(read(...rows)).rejects.toThrow(message);
  });
});
