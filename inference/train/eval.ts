/**
 * `npm run eval -- --recordings FILE...` scores the committed weights on recordings, beside rules to compare with;
 * `--feedback FILE... --baseline WORKER` compares a tenant's conductor with one worker by the answers that it scored: see
 * `usage` in flags.ts. Rows go to stdout, everything else to stderr. Exit codes: 2 for a wrong command line or a
 * file that cannot be read, 1 when there was nothing to score or to compare.
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { evaluate } from "../../shared/doubly-robust.ts";
import { contestantsOf, predictBoth, type Predictions } from "./replay/contestants.ts";
import { curvesOf, plotOf } from "./evaluate/curves.ts";
import { openEvaluations, type Evaluation } from "./evaluate/evaluate.ts";
import { readFeedback, writeComparison } from "./evaluate/feedback.ts";
import { parseFlags } from "./evaluate/flags.ts";
import { writePlot } from "./plot/plot-files.ts";
import { readHeads } from "./fit/weights.ts";
import { rowOf, tableText, type Row } from "./evaluate/report.ts";

const main = async (): Promise<number> => {
  // npm runs scripts in the package's folder and says where it was called.
  const flags = parseFlags(process.argv.slice(2), process.env["INIT_CWD"] ?? process.cwd());
  if (!flags.ok) return fail(flags.error, 2);
  const { recordings, calibrate, feedback, baseline, json } = flags.value;
  const absent = [...recordings, ...calibrate, ...feedback].find((path) => !existsSync(path));
  if (absent !== undefined) return fail(`${absent}: no such file`, 2);
  if (baseline !== null) return compare(feedback, { baseline, json });
  const heads = await readHeads();
  const today = new Date().toISOString().slice(0, 10);
  const opened = await openEvaluations(flags.value, heads, today).catch(messageOf);
  if (typeof opened === "string") return fail(opened, 2);
  const scored = [];
  for (const evaluation of opened) scored.push({ evaluation, rows: await score(evaluation, flags.value.out) });
  console.log(json ? asJson(scored) : scored.map(asText).join("\n\n"));
  return scored.every(({ rows }) => rows.length === 0) ? 1 : 0;
};

/** The conductor against one worker, by what a tenant scored. */
const compare = async (
  files: readonly string[],
  { baseline, json }: { readonly baseline: string; readonly json: boolean },
): Promise<number> => {
  const read = await readFeedback(files).catch(messageOf);
  if (typeof read === "string") return fail(read, 2);
  const evaluation = evaluate(read.logged, baseline);
  console.log(json ? JSON.stringify(evaluation) : writeComparison(evaluation, { baseline, scored: read.scored }));
  return evaluation.identified ? 0 : 1;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type Scored = { readonly evaluation: Evaluation; readonly rows: readonly Row[] };

const score = async (evaluation: Evaluation, out: string | null): Promise<readonly Row[]> => {
  const { file, contest, published, notes } = evaluation;
  for (const note of notes) console.error(`${file}: ${note}`);
  if (contest.prompts.length === 0) {
    console.error(`${file}: nothing to score`);
    return [];
  }
  const predictions = predictBoth(contest);
  if (out !== null) await writeCurves(evaluation, predictions, out);
  return contestantsOf(contest, predictions, published).map((contestant) => rowOf(contest, contestant));
};

/** The curves as data, SVG and PNG. */
const writeCurves = async (evaluation: Evaluation, predictions: Predictions, out: string): Promise<void> => {
  const { file, contest, published } = evaluation;
  const name = file.replace(/\.jsonl(?:\.gz)?$/, "");
  const title = `${name}: ${contest.prompts.length} prompts, ${contest.pool.length} workers`;
  const curves = curvesOf(contest, { title, predictions, published });
  const path = join(out, `${name}-${contest.pool.length}-workers`);
  const files = await writePlot(path, plotOf(curves));
  await writeFile(`${path}.json`, `${JSON.stringify(curves, null, 2)}\n`);
  console.error(`written: ${[...files, `${path}.json`].join(", ")}`);
};

/** One object: rows named by file and pool where there is more than one of these, and what each rests on. */
const asJson = (scored: readonly Scored[]): string =>
  JSON.stringify({
    rows: scored.flatMap(({ evaluation: { file, contest }, rows }) =>
      rows.map((row) => (scored.length === 1 ? row : { ...row, file, pool: contest.pool })),
    ),
    sets: scored.map(({ evaluation: { file, contest, notes } }) => ({
      file,
      pool: contest.pool,
      prompts: contest.prompts.length,
      notes,
    })),
    weights: scored[0] && weightsOf(scored[0].evaluation),
  });

const weightsOf = ({ contest: { heads } }: Evaluation) => ({
  encoder: heads.encoder.version,
  edge: heads.edge.version,
});

const asText = ({ evaluation: { file, contest }, rows }: Scored): string =>
  `${file}: ${contest.prompts.length} prompts, ${contest.pool.length} workers\n${tableText(rows)}`;

const fail = (message: string, code: number): number => {
  console.error(`eval: ${message}`);
  return code;
};

process.exitCode = await main();
