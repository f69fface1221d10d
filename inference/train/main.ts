/** `npm run train -- --date YYYY-MM-DD [folder]`: both heads from recordings, into inference/models/ and shared/. */
import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { HeadJson } from "../../shared/head.ts";
import { embedTexts, type Embeddings } from "./fit/embed.ts";
import { fitBallots } from "./fit/fit-ballots.ts";
import { fitHead, type FittedHead } from "./fit/fit-head.ts";
import { headOptions, trainingSeed } from "./fit/head-options.ts";
import { predictHeldOut } from "./fit/held-out.ts";
import { measureHeldOut } from "./replay/measure-held-out.ts";
import type { Measured } from "./replay/measure.ts";
import { toPrompts, type Prompt } from "./recordings/prompts.ts";
import { readRecordings, type RecordingSet } from "./recordings/recordings.ts";
import { bundledRecordings, poolsOf } from "./recordings/sets.ts";

const root = join(import.meta.dirname, "..", "..");
const train = async (folder: string, date: string): Promise<void> => {
  const sets = await readSets(folder);
  const prompts = sets.flatMap(toPrompts);
  const embeddings = await embedTexts(
    prompts.flatMap((prompt) => prompt.texts),
    {
      encoderPath: join(root, "inference", "models", "all-minilm-l6-v2-q8_0.gguf"),
      cacheDirectory: join(root, ".shoal", "embeddings"),
      now: () => performance.now(),
      progress: showProgress("encoding"),
    },
  );
  const encoder = trainHead("encoder", prompts, embeddings);
  const edge = trainHead("edge", prompts, embeddings);
  const provenance = {
    date,
    seed: trainingSeed,
    recordings: sets.map(({ file, sha256, recordings }) => ({ file, sha256, prompts: recordings.length })),
  };
  await writeHead(join(root, "inference", "models", "head.json"), encoder, {
    ...provenance,
    encoder: embeddings.encoderSha256,
  });
  await writeHead(join(root, "shared", "edge-head.json"), edge, { ...provenance, encoder: null });
};

/** Sets that the weights learn from; others in the folder are measured on by `npm run eval` only. */
const readSets = async (folder: string): Promise<readonly RecordingSet[]> => {
  const files = (await readdir(folder)).filter((file) => /\.jsonl(?:\.gz)?$/.test(file)).toSorted();
  const sets = [];
  for (const file of files) sets.push(await readRecordings(join(folder, file)));
  const known = sets.filter((set) => poolsOf(set.name).length > 0);
  if (known.length === 0) throw new Error(`${folder}: no recordings of a known set`);
  return known;
};

/** Held-out predictions first, for the ballot and the measurements, then the weights from everything. */
const trainHead = (kind: HeadJson["kind"], prompts: readonly Prompt[], embeddings: Embeddings): Trained => {
  const bySet = [...Map.groupBy(prompts, (prompt) => prompt.set)];
  const heldOut = bySet.map(([set, members]) => {
    console.log(`${kind} head: held-out predictions on ${set}, ${members.length} prompts`);
    const options = headOptions(kind, poolsOf(set).flat(), embeddings);
    return { set, members, predictions: predictHeldOut(members, { ...options, ballot: {} }) };
  });
  const ballot = fitBallots(
    heldOut.flatMap(({ predictions }) => predictions),
    trainingSeed,
  );
  const measured = heldOut.flatMap(({ set, members, predictions }) =>
    measureHeldOut(set, members, predictions, trainingSeed),
  );
  console.log(`${kind} head: all ${prompts.length} prompts`);
  const pool = bySet.flatMap(([set]) => poolsOf(set).flat());
  return { ...fitHead(prompts, headOptions(kind, pool, embeddings)), ballot, measured };
};

type Trained = FittedHead & { readonly ballot: HeadJson["ballot"]; readonly measured: readonly Measured[] };

const writeHead = async (
  path: string,
  trained: Trained,
  provenance: Omit<HeadJson["trained"], "measured">,
): Promise<void> => {
  const { measured, ...weights } = trained;
  for (const row of measured) console.log(describe(row));
  const digest = createHash("sha256").update(JSON.stringify(weights)).digest("hex").slice(0, 12);
  const head: HeadJson = {
    ...weights,
    version: `${provenance.date}-${digest}`,
    trained: { ...provenance, measured: [...measured] },
  };
  await writeFile(path, `${JSON.stringify(head)}\n`);
};

const describe = (row: Measured): string =>
  `  ${row.name}: ${row.score.toFixed(1)} % at ${row.costDollars === null ? "unknown cost" : `$${(1000 * row.costDollars).toFixed(2)} per 1,000`}, ` +
  `${row.calls.toFixed(2)} calls; ${row.difference.toFixed(1)} [${row.low.toFixed(1)}, ${row.high.toFixed(1)}] against best single, n ${row.prompts}`;

const showProgress = (what: string) => (done: number, total: number) => {
  if (done % 50 === 0 || done === total)
    process.stderr.write(`\r${what} ${done} of ${total}${done === total ? "\n" : ""}`);
};

const { values, positionals } = parseArgs({ options: { date: { type: "string" } }, allowPositionals: true });
await train(
  positionals[0] ?? process.env["SHOAL_RECORDINGS"] ?? bundledRecordings,
  values.date ?? new Date().toISOString().slice(0, 10),
);
