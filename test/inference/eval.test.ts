import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { readKnownSets } from "../../inference/train/recordings/known-sets.ts";
import { startCommand } from "../support/command.ts";

/** Three workers that the weights know, and one that they do not. */
const [strong, middle, weak, stranger] = [
  "claude-3-5-sonnet-20241022",
  "gpt-4o-2024-08-06",
  "gemini-1.5-flash",
  "a-model-of-tomorrow",
];

const rowSchema = z.object({
  name: z.string(),
  preference: z.string().optional(),
  score: z.number(),
  cost: z.number().nullable(),
  calls: z.number(),
  waves: z.number(),
  diff: z.number(),
  lo: z.number(),
  hi: z.number(),
  n: z.number(),
  file: z.string().optional(),
  pool: z.array(z.string()).optional(),
  workers: z.record(z.string(), z.number()).optional(),
});
const outputSchema = z.object({ rows: z.array(rowSchema), sets: z.array(z.object({ notes: z.array(z.string()) })) });

type Said = Partial<Record<string, string | null>>;

/** A sum whose right answer is 7 and what each worker said; what one is paid is a dollar for each thousand calls. */
const sum = (id: number, said: Said, rest: object = {}) => ({
  id: `sum/${id}`,
  domain: "math/sums",
  problem: `sum/${id}`,
  prompt: `What is ${id} plus ${7 - id}? Give the number alone.`,
  models: Object.fromEntries(
    Object.entries(said).map(([worker, pred]) => [worker, { correct: pred === "7" ? 1 : 0, pred, cost_usd: 0.001 }]),
  ),
  ...rest,
});

const sums = [
  sum(1, { [strong]: "7", [middle]: "7", [weak]: "8", [stranger]: "7" }),
  sum(2, { [strong]: "7", [middle]: "7", [weak]: "7", [stranger]: "7" }),
  sum(3, { [strong]: null, [middle]: "7", [weak]: "9" }, { published_decisions: { elsewhere: "GPT-4o_2024-08-06" } }),
  sum(4, { [strong]: "5", [middle]: "7", [weak]: "7" }, { published_decisions: { elsewhere: { model: weak } } }),
  sum(5, { [strong]: "7", [middle]: "6", [weak]: "6" }),
  sum(6, { [strong]: "7", [middle]: "6" }),
  { ...sum(7, { [strong]: "7", [middle]: "7", [weak]: "7" }), prompt: null },
];

let folder: string;

const write = async (name: string, rows: readonly object[]): Promise<string> => {
  const text = rows.map((row) => JSON.stringify(row)).join("\n");
  const path = join(folder, name);
  await writeFile(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
};

const run = (...argv: string[]) => startCommand("inference/train/eval.ts", argv).ended;

const evaluate = async (...argv: string[]) => {
  const { code, stdout, stderr } = await run(...argv, "--json");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.trim().split("\n")).toHaveLength(1);
  const { rows, sets } = outputSchema.parse(JSON.parse(stdout));
  const row = (name: string, preference?: string) =>
    rows.find((entry) => entry.name === name && entry.preference === preference);
  return { rows, row, notes: sets.flatMap(({ notes }) => notes), stderr };
};

/** The sums, with what some worker was not asked. */
let incomplete: Awaited<ReturnType<typeof evaluate>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eval-"));
  incomplete = await evaluate("--recordings", await write("sums.jsonl", sums), "--incomplete");
});

// Each has a process to wait for.
describe.concurrent("npm run eval", () => {
  it("scores every rule on what was recorded", () => {
    const { rows, row } = incomplete;
    const shoal = rows.filter(({ name }) => name === "shoal");
    expect(shoal.map(({ preference }) => preference)).toEqual(["quality", "balanced", "economy"]);
    expect(rows.filter(({ name }) => name === "edge-head")).toHaveLength(3);
    expect(rows.every(({ n }) => n === 6 || n === 2)).toBe(true);
    expect(row("best-single")).toMatchObject({
      score: 66.667,
      cost: 0.001,
      calls: 1,
      diff: 0,
      workers: { [strong]: 1 },
    });
    expect(row(weak)).toMatchObject({ score: 33.333 });
    expect(row("retry-on-unreadable")).toMatchObject({ score: 83.333, calls: 1.1667, waves: 1.1667 });
    expect(row("first-to-2")).toMatchObject({ score: 83.333 });
    expect(row("majority-of-3")).toMatchObject({ score: 83.333, calls: 3, waves: 1 });
    expect(row("oracle")).toMatchObject({ score: 100 });
    expect(row("random")).toMatchObject({ score: expect.closeTo(55.556, 2), calls: 1 });
    expect(row(stranger)).toBeUndefined();
  });

  it("says what it left out and what counts as wrong", async () => {
    const { notes, stderr } = incomplete;
    expect(notes).toEqual([
      "1 prompts without text are left out",
      `1 workers are unknown to the weights and left out: ${stranger}`,
      "1 prompts lack an outcome of some worker of the pool, which counts as wrong there",
      "1 answers of the best single worker could not be read and count as wrong; --readable leaves those prompts out",
    ]);
    for (const note of notes) expect(stderr).toContain(`sums.jsonl: ${note}`);
    const { row } = await evaluate("--recordings", await write("readable.jsonl", sums), "--readable");
    expect(row("best-single")).toMatchObject({ n: 4, score: 75 });
  });

  it("says which problems the weights learnt from, whoever is asked about them", async () => {
    const others = (await readKnownSets()).find(({ name }) => name === "mmlu_pro");
    const problem = others?.prompts[0]?.problem;
    const path = await write("learnt.jsonl", [{ ...sums[0], problem }, sums[1] ?? {}]);
    const { notes } = await evaluate("--recordings", path);
    expect(notes).toContainEqual(expect.stringMatching(/^1 prompts are of problems that the weights learnt from/));
  });

  it("keeps to the pool and the tier that are asked for", async () => {
    const path = await write("pool.jsonl", sums);
    const { rows, row } = await evaluate("--recordings", path, "--pool", `${middle},${weak}`, "--tier", "mini");
    expect(row(strong)).toBeUndefined();
    expect(row("best-single")).toMatchObject({ workers: { [middle]: 1 } });
    expect(rows.filter(({ name }) => name === "shoal").map(({ calls }) => calls)).toEqual([1, 1, 1]);
  });

  it("names file and pool of each row where there are several files, in either form", async () => {
    const paths = [await write("part1.jsonl", sums.slice(0, 3)), await write("part2.jsonl.gz", sums.slice(3))] as const;
    for (const argv of [
      ["--recordings", ...paths],
      ["--recordings", paths[0], "--recordings", paths[1]],
    ]) {
      const { rows } = await evaluate(...argv, "--incomplete");
      const oracles = rows.filter(({ name }) => name === "oracle");
      expect(oracles.map(({ file, n }) => [file, n])).toEqual([
        ["part1.jsonl", 3],
        ["part2.jsonl.gz", 3],
      ]);
      expect(oracles[0]?.pool).toEqual([strong, weak, middle].toSorted());
    }
  });

  it("leaves outages out when asked", async () => {
    const failed = { [strong]: { correct: 0, outage: true }, [middle]: { correct: 1 } };
    const rows = [
      { ...sums[0], models: failed },
      { ...sums[1], models: { [strong]: { correct: 1 }, [middle]: { correct: 1 } } },
    ];
    const path = await write("outages.jsonl", rows);
    expect((await evaluate("--recordings", path)).row("best-single")).toMatchObject({ score: 50, cost: null, n: 2 });
    const apart = await evaluate("--recordings", path, "--without-outages");
    expect(apart.row("best-single")).toMatchObject({ score: 100, n: 1 });
  });

  it("scores what other routers published, on the prompts they decided, and draws the curves with --out", async () => {
    const out = join(folder, "curves");
    const { row } = await evaluate("--recordings", await write("drawn.jsonl.gz", sums), "--out", out);
    expect(row("published: elsewhere")).toMatchObject({ score: 100, n: 2, calls: 1, diff: 100 });
    expect((await readdir(out)).toSorted()).toEqual(
      ["json", "png", "svg"].map((extension) => `drawn-3-workers.${extension}`),
    );
    const png = await readFile(join(out, "drawn-3-workers.png"));
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1600, 1040]);
    expect(await readFile(join(out, "drawn-3-workers.svg"), "utf8")).toContain("dollars per 1,000 prompts");
  });

  it("prints a table without --json", async () => {
    const { code, stdout } = await run("--recordings", await write("table.jsonl", sums));
    expect(code).toBe(0);
    expect(stdout).toMatch(/table\.jsonl: 5 prompts, 3 workers\n.*score %.*against best single/);
    expect(stdout).toMatch(/shoal, balanced +\d/);
  });

  it.each([
    { argv: ["--recordings", "FILE", "--pols", "a"], message: "eval: Unknown option '--pols'" },
    { argv: ["--recordings", "/nowhere/x.jsonl"], message: "eval: /nowhere/x.jsonl: no such file" },
    { argv: ["--recordings", "FILE", "--tier", "max"], message: "eval: --tier is mini or ultra, not max" },
    { argv: ["--json", "stray"], message: "eval: unexpected stray" },
    { argv: [], message: "eval: --recordings is missing" },
  ])("answers $argv with one line and exit code 2", async ({ argv, message }) => {
    const path = await write("fine.jsonl", sums);
    const { code, stdout, stderr } = await run(...argv.map((word) => (word === "FILE" ? path : word)));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trim().split("\n")).toEqual([expect.stringContaining(message)]);
  });

  it("names file, line and field of a recording that does not fit", async () => {
    const { code, stderr } = await run("--recordings", await write("broken.jsonl", [{ ...sums[0], domain: 3 }]));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("eval: broken.jsonl:1: domain: ") });
  });

  it("exits with 1 when the weights know no worker", async () => {
    const rows = [sum(1, { [stranger]: "7" })];
    const { code, stdout, stderr } = await run("--recordings", await write("strange.jsonl", rows), "--json");
    expect({ code, rows: outputSchema.parse(JSON.parse(stdout)).rows }).toEqual({ code: 1, rows: [] });
    expect(stderr).toContain("nothing to score");
  });
});
