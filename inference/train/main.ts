/** `npm run train -- --date YYYY-MM-DD [folder]`: both heads from recordings, into inference/models/ and shared/. */
import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Extractor } from "../../shared/answers.ts";
import type { Coefficients } from "../../shared/ballot.ts";
import type { Features, HeadJson } from "../../shared/head.ts";
import { hashFeatures } from "../../shared/ngrams.ts";
import { preferenceTable } from "../../shared/preference.ts";
import { embedTexts, type Embeddings } from "./embed.ts";
import { fitBallot, type Cast } from "./fit-ballot.ts";
import { fitHead, type FitOptions, type FittedHead } from "./fit-head.ts";
import { fitPrices } from "./fit-prices.ts";
import { predictHeldOut, type HeldOut } from "./held-out.ts";
import { measure, type Measured } from "./measure.ts";
import { isReadable, toPrompts, type Prompt } from "./prompts.ts";
import { readRecordings, type RecordingSet } from "./recordings.ts";
import { answerOf, extractorOf, play, playSingle, requestOf } from "./replay.ts";
import { bundledRecordings, poolsOf } from "./sets.ts";

const root = join(import.meta.dirname, "..", "..");
const seed = 20_261_122;
/** The edge's weights travel with the Worker, so they are fewer. */
const buckets = { encoder: 4096, edge: 3072 } as const;

type HeadKind = HeadJson["kind"];

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
  const encoder = trainHead("encoder", prompts, { embeddings, ballot: null });
  const edge = trainHead("edge", prompts, { embeddings, ballot: encoder.ballot });
  const provenance = {
    date,
    seed,
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

type Given = { readonly embeddings: Embeddings; readonly ballot: HeadJson["ballot"] | null };

/**
 * Held-out predictions first, for the ballot and the measurements, then the weights from everything. A head that is
 * given a ballot is held out only on sets without comparable answers.
 */
const trainHead = (kind: HeadKind, prompts: readonly Prompt[], given: Given): Trained => {
  const bySet = [...Map.groupBy(prompts, (prompt) => prompt.set)];
  const heldOut = bySet
    .filter(([, members]) => given.ballot === null || members.every((prompt) => extractorOf(prompt) === null))
    .map(([set, members]) => {
      console.log(`${kind} head: held-out predictions on ${set}, ${members.length} prompts`);
      const options = optionsFor(kind, poolsOf(set).flat(), given.embeddings);
      const features = featuresOf(kind, given.embeddings);
      return { set, members, predictions: predictHeldOut(members, { ...options, featuresOf: features, ballot: {} }) };
    });
  const ballot = given.ballot ?? fitBallots(heldOut.flatMap(({ predictions }) => predictions));
  const measured = heldOut.flatMap(({ set, members, predictions }) => measureSet(set, members, predictions, ballot));
  console.log(`${kind} head: all ${prompts.length} prompts`);
  const profiles = bySet.flatMap(([set]) => poolsOf(set).flat());
  return { ...fitHead(prompts, optionsFor(kind, profiles, given.embeddings)), ballot, measured };
};

const optionsFor = (kind: HeadKind, pool: readonly string[], embeddings: Embeddings): FitOptions => ({
  kind,
  rowOf: (text) => ({
    dense: kind === "encoder" ? embeddings.of(text) : null,
    sparse: hashFeatures(text, buckets[kind]),
  }),
  shape: { dense: kind === "encoder" ? embeddings.dimensions : 0, buckets: buckets[kind] },
  profiles: [...new Set(pool)],
  residual: { profiles: [...new Set(pool)], ridge: 10 },
  centers: kind === "encoder" ? 48 : 12,
  seed,
});

const featuresOf =
  (kind: HeadKind, embeddings: Embeddings) =>
  (text: string): Features => {
    const ngrams = hashFeatures(text, buckets[kind]);
    return kind === "encoder" ? { vector: embeddings.of(text), ngrams } : ngrams;
  };

const fitBallots = (heldOut: readonly HeldOut[]): HeadJson["ballot"] => {
  const fit = (extractor: Extractor): Coefficients | null => {
    const prompts = heldOut.flatMap(({ prompt, predictions }) =>
      extractorOf(prompt) === extractor ? [castsOf(prompt, predictions[0], extractor)] : [],
    );
    return prompts.length === 0 ? null : fitBallot(prompts, { extractor, seed });
  };
  const short = fit("short");
  const entries = [
    ["choice", fit("choice")],
    ["number", fit("number")],
    ["short", short],
    // No recording has JSON answers; like short literals, two of them seldom agree by chance.
    ["json", short],
  ] as const;
  return Object.fromEntries(entries.filter(([, coefficients]) => coefficients !== null));
};

const castsOf = (
  prompt: Prompt,
  prediction: HeldOut["predictions"][number] | undefined,
  extractor: Extractor,
): readonly Cast[] =>
  [...(prediction?.profiles ?? [])].flatMap(([name, { quality }]) => {
    const outcome = prompt.models[name];
    if (!outcome) return [];
    const inside = Math.min(0.999, Math.max(0.001, quality));
    return [
      { logit: Math.log(inside / (1 - inside)), answer: answerOf(outcome, extractor), right: outcome.correct >= 0.5 },
    ];
  });

const measureSet = (
  set: string,
  members: readonly Prompt[],
  heldOut: readonly HeldOut[],
  ballot: HeadJson["ballot"],
): readonly Measured[] => {
  const prices = fitPrices(members);
  return poolsOf(set).flatMap((pool) => {
    const baseline = bestSingle(members, pool);
    const prompts = heldOut.map(({ prompt }) => prompt);
    const single = prompts.map((prompt) => playSingle(prompt, baseline));
    const rows = Object.values(preferenceTable).flatMap((preference) =>
      [true, false].flatMap((instruction) => {
        if (!instruction && prompts.every((prompt) => prompt.texts.length < 2)) return [];
        const played = heldOut.map(({ prompt, predictions }) => {
          const at = instruction ? 0 : -1;
          const request = requestOf(prompt.texts.at(at) ?? "", {
            ...preference,
            pool,
            prices,
            extractor: extractorOf(prompt),
          });
          const prediction = predictions.at(at);
          if (!prediction) throw new Error(`${prompt.id}: no held-out prediction`);
          return play(prompt, { ...prediction, ballot }, request, "held-out");
        });
        const name = `${set}, ${pool.length} workers, ${preference.name}${instruction ? "" : ", without instruction"}`;
        return [measure(name, prompts, { played, baseline: single, seed })];
      }),
    );
    return [
      measure(`${set}, ${pool.length} workers, best single (${baseline})`, prompts, {
        played: single,
        baseline: single,
        seed,
      }),
      ...rows,
    ];
  });
};

const bestSingle = (prompts: readonly Prompt[], pool: readonly string[]): string => {
  const readable = prompts.filter(isReadable);
  const means = pool.map((name) => readable.reduce((sum, prompt) => sum + (prompt.models[name]?.correct ?? 0), 0));
  return pool[means.indexOf(Math.max(...means))] ?? "";
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
