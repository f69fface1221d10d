/**
 * `npm run tables` computes the tables on the conductor into test/results/conductor.json and writes them into README
 * and test/results/README; `--only a,b` computes just these. `--check` computes nothing and exits with 1 when a page is
 * not what the results say, or the results are not of the committed weights; a wrong flag exits with 2.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { candidatesTable } from "./compete/tables-candidates.ts";
import { featureGroupsTable } from "./compete/tables-feature-groups.ts";
import type { Heads } from "./replay/contest.ts";
import type { Table } from "./tables/table.ts";
import { groundOf } from "./tables/table-ground.ts";
import { calibrationTable } from "./tables/tables-calibration.ts";
import { competitionTable } from "./tables/tables-competition.ts";
import { conductorTable } from "./tables/tables-conductor.ts";
import { detectorTable } from "./tables/tables-detector.ts";
import { generalizationTable } from "./tables/tables-generalization.ts";
import { mcpmarkTable } from "./tables/tables-mcpmark.ts";
import { poolsTable } from "./tables/tables-pools.ts";
import { supportTable } from "./tables/tables-support.ts";
import { variantsTable } from "./tables/tables-variants.ts";
import { reliabilityTable } from "./tables/tables-reliability.ts";
import { writePlot } from "./plot/plot-files.ts";
import { fillTables, tablesIn } from "./tables/tables-readme.ts";
import { readHeads } from "./fit/weights.ts";

const root = join(import.meta.dirname, "..", "..");
const resultsFolder = join(root, "test", "results");
const pages = [join(root, "README.md"), join(resultsFolder, "README.md")];
const resultsPath = join(resultsFolder, "conductor.json");

/** To add one: define it in a file of its own, name it here, and put its markers into README. */
const tables: readonly Table[] = [
  conductorTable,
  competitionTable,
  candidatesTable,
  featureGroupsTable,
  variantsTable,
  reliabilityTable,
  detectorTable,
  calibrationTable,
  poolsTable,
  supportTable,
  generalizationTable,
  mcpmarkTable,
];

const resultsSchema = z.record(z.string(), z.strictObject({ weights: z.string(), rows: z.array(z.unknown()) }));
type Results = z.infer<typeof resultsSchema>;

const main = async (): Promise<number> => {
  const values = readFlags();
  if (!values) return fail("the flags are --check and --only NAME,...", 2);
  const heads = await readHeads();
  const before = await readResults();
  if (values.check) return check(before, versionOf(heads));
  const wanted = values.only?.split(",") ?? tables.map(({ name }) => name);
  const stranger = wanted.find((name) => !tables.some((table) => table.name === name));
  if (stranger !== undefined) return fail(`no table is named ${stranger}`, 2);
  const results = await computeAll(wanted, before, heads);
  for (const page of pages) {
    const text = await readFile(page, "utf8");
    const filled = fillTables(text, renderer(results));
    if (filled !== text) await writeFile(page, filled);
  }
  for (const table of tables.filter(({ name }) => wanted.includes(name) && results[name])) {
    const rows = results[table.name]?.rows;
    for (const { name, plot } of table.plots(rows)) await writePlot(join(resultsFolder, name), plot);
    console.log(`${table.name}\n\n${table.render(rows)}\n`);
  }
  return 0;
};

const readFlags = () => {
  try {
    return parseArgs({ options: { check: { type: "boolean", default: false }, only: { type: "string" } } }).values;
  } catch {
    return null;
  }
};

/** Written table by table, since some take minutes. */
const computeAll = async (wanted: readonly string[], before: Results, heads: Heads): Promise<Results> => {
  const ground = groundOf(heads);
  const known = Object.entries(before).filter(([name]) => tables.some((table) => table.name === name));
  let results: Results = Object.fromEntries(known);
  for (const table of tables.filter(({ name }) => wanted.includes(name))) {
    console.error(`computing ${table.name}`);
    const rows = await table.compute(ground);
    if (!rows) console.error(`${table.name}: recordings that it needs are not here; what was computed before stands`);
    if (rows) results = { ...results, [table.name]: { weights: versionOf(heads), rows: [...rows] } };
    await writeFile(resultsPath, `${JSON.stringify(results, null, 1)}\n`);
  }
  return results;
};

const check = async (results: Results, weights: string): Promise<number> => {
  for (const page of pages) {
    const text = await readFile(page, "utf8");
    const stale = tablesIn(text).find((name) => results[name]?.weights !== weights);
    if (stale !== undefined) return fail(`the table ${stale} is not of the committed weights: npm run tables`, 1);
    if (fillTables(text, renderer(results)) !== text) {
      return fail(`${relative(root, page)} differs from the results: npm run tables`, 1);
    }
  }
  return 0;
};

const renderer =
  (results: Results) =>
  (name: string): string => {
    const table = tables.find((entry) => entry.name === name);
    if (!table || !results[name]) throw new Error(`a page has a table ${name} that was not computed`);
    return table.render(results[name].rows);
  };

const readResults = async (): Promise<Results> => {
  const text = await readFile(resultsPath, "utf8").catch(() => "{}");
  return resultsSchema.parse(JSON.parse(text));
};

const versionOf = ({ encoder, edge }: Heads): string => `${encoder.version} ${edge.version}`;

const fail = (message: string, code: number): number => {
  console.error(`tables: ${message}`);
  return code;
};

process.exitCode = await main();
