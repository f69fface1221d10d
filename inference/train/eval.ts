/**
 * `npm run eval -- [--recordings FILE]… [--pool a,b] [--tier mini|ultra] [--without-instruction] [--json]`: scores the
 * committed weights on recordings, beside rules to compare with. Prompts without text are left out and counted.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Extractor } from "../../shared/answers.ts";
import { parseHead, predict, readFeatures, type Head, type Prediction } from "../../shared/head.ts";
import { hashFeatures } from "../../shared/ngrams.ts";
import { preferenceTable } from "../../shared/preference.ts";
import {
  drawn,
  firstTo,
  majority,
  neighborRule,
  oracle,
  retryUnreadable,
  ridgeRule,
  single,
  type Rule,
} from "./baselines.ts";
import { embedTexts, type Embeddings } from "./embed.ts";
import { fitPrices } from "./fit-prices.ts";
import { measure } from "./measure.ts";
import { isReadable, toPrompts, type Prompt } from "./prompts.ts";
import { readRecordings } from "./recordings.ts";
import { extractorOf, play, requestOf } from "./replay.ts";
import { bundledRecordings, poolsOf } from "./sets.ts";

const root = join(import.meta.dirname, "..", "..");
const seed = 1;
/** Chosen on held-out folds of CodeRouterBench. */
const baselineRidge = 3;
const neighbors = 20;

type Options = {
  readonly files: readonly string[];
  readonly pool: readonly string[] | null;
  readonly tier: "mini" | "ultra" | null;
  readonly instruction: boolean;
  readonly json: boolean;
};

type Heads = { readonly encoder: Head; readonly edge: Head };
type Row = { readonly name: string; readonly preference: string | null; readonly rule: Rule };
type Bench = {
  readonly heads: Heads;
  readonly embeddings: Embeddings;
  readonly pool: readonly string[];
  readonly prompts: readonly Prompt[];
  readonly training: readonly Prompt[];
  readonly options: Options;
};

const evaluate = async (options: Options): Promise<void> => {
  const heads = {
    encoder: await readHead(join(root, "inference", "models", "head.json")),
    edge: await readHead(join(root, "shared", "edge-head.json")),
  };
  for (const file of options.files) {
    const set = await readRecordings(file);
    const all = toPrompts(set);
    const prompts = all.filter(isReadable);
    const training = await trainingPrompts(set.name);
    const embeddings = await embedTexts(
      [...prompts, ...training].flatMap((prompt) => prompt.texts),
      {
        encoderPath: join(root, "inference", "models", "all-minilm-l6-v2-q8_0.gguf"),
        cacheDirectory: join(root, ".shoal", "embeddings"),
        now: () => performance.now(),
        progress: (done, total) => void (done % 50 === 0 && process.stderr.write(`\rencoding ${done} of ${total}`)),
      },
    );
    const seen = heads.encoder.trained.recordings.some((recording) => recording.sha256 === set.sha256);
    for (const pool of poolsFor(set.name, prompts, heads.encoder, options)) {
      const bench = { heads, embeddings, pool, prompts, training, options };
      report(
        `${set.file}: ${prompts.length} prompts, ${all.length - prompts.length} without text left out, ${pool.length} workers${seen ? "; THE WEIGHTS WERE TRAINED ON THIS FILE: not a measurement" : ""}`,
        bench,
      );
    }
  }
};

const readHead = async (path: string): Promise<Head> => {
  const head = parseHead(JSON.parse(await readFile(path, "utf8")));
  if (!head.ok) throw new Error(`${path}: ${head.error}`);
  return head.value;
};

/** The bundled part of a set: what ridge and neighbors learn from. */
const trainingPrompts = async (set: string): Promise<readonly Prompt[]> => {
  const family = ["coderouterbench_idtest", "zeroeval", "mmlu_pro"].find((name) => set.startsWith(name.slice(0, 8)));
  if (family === undefined) return [];
  return toPrompts(await readRecordings(join(bundledRecordings, `${family}.jsonl.gz`))).filter(isReadable);
};

const poolsFor = (
  set: string,
  prompts: readonly Prompt[],
  head: Head,
  options: Options,
): readonly (readonly string[])[] => {
  const known = [...new Set(prompts.flatMap((prompt) => Object.keys(prompt.models)))];
  const wanted = options.pool ? [options.pool] : poolsOf(set).length > 0 ? poolsOf(set) : [known];
  return wanted.map((pool) => {
    const strangers = pool.filter((worker) => !head.profiles.has(worker));
    if (strangers.length > 0) console.error(`left out, unknown to the weights: ${strangers.join(", ")}`);
    return pool.filter((worker) => head.profiles.has(worker));
  });
};

const report = (title: string, bench: Bench): void => {
  const { prompts, options } = bench;
  if (bench.pool.length === 0) return console.error(`${title}: no worker that the weights know`);
  const baseline = prompts.map(single(bestSingle(bench)));
  const rows = rowsOf(bench).map(({ name, preference, rule }) => {
    const played = prompts.map(rule);
    const measured = measure(name, prompts, { played, baseline, seed });
    const waves = played.reduce((sum, row) => sum + row.waves, 0) / played.length;
    return {
      name,
      preference,
      score: measured.score,
      cost: measured.costDollars,
      calls: measured.calls,
      waves,
      diff: measured.difference,
      lo: measured.low,
      hi: measured.high,
      n: measured.prompts,
    };
  });
  if (options.json) return console.log(JSON.stringify({ title, rows }));
  console.log(title);
  for (const row of rows) {
    const cost = row.cost === null ? "-" : (1000 * row.cost).toFixed(2);
    const name = row.preference === null ? row.name : `${row.name}, ${row.preference}`;
    console.log(
      `  ${name.padEnd(44)} ${row.score.toFixed(1).padStart(5)} %  $${cost.padStart(6)} /1,000  ${row.calls.toFixed(2)} calls ${row.waves.toFixed(2)} waves  ${row.diff.toFixed(1).padStart(5)} [${row.lo.toFixed(1)}, ${row.hi.toFixed(1)}]`,
    );
  }
};

/** By what the weights learnt, not by the prompts being scored. */
const bestSingle = ({ heads, pool }: Bench): string =>
  pool.toSorted((a, b) => (heads.encoder.profiles.get(b)?.mean ?? 0) - (heads.encoder.profiles.get(a)?.mean ?? 0))[0] ??
  "";

const rowsOf = (bench: Bench): readonly Row[] => [
  ...Object.values(preferenceTable).map((preference) => ({
    name: "shoal",
    preference: preference.name,
    rule: shoalRule(bench, preference, (text) => encoderPrediction(bench, text)),
  })),
  ...Object.values(preferenceTable).map((preference) => ({
    name: "edge head",
    preference: preference.name,
    rule: shoalRule(bench, preference, (text) => edgePrediction(bench, text)),
  })),
  ...otherRules(bench).map(([name, rule]) => ({ name, preference: null, rule })),
];

const textOf = (bench: Bench, prompt: Prompt): string => prompt.texts.at(bench.options.instruction ? 0 : -1) ?? "";

const encoderPrediction = ({ heads, embeddings, pool }: Bench, text: string): Prediction =>
  predict(heads.encoder, readFeatures(heads.encoder, text, embeddings.of(text)), pool);

const edgePrediction = ({ heads, pool }: Bench, text: string): Prediction =>
  predict(heads.edge, hashFeatures(text, heads.edge.features), pool);

const shoalRule = (
  bench: Bench,
  trade: { readonly lambda: number; readonly mu: number },
  predictionOf: (text: string) => Prediction,
): Rule => {
  const prices = fitPrices(bench.prompts);
  return (prompt) => {
    const text = textOf(bench, prompt);
    const extractor = bench.options.tier === "mini" ? null : extractorOf(prompt);
    const request = requestOf(text, { lambda: trade.lambda, mu: trade.mu, pool: bench.pool, prices, extractor });
    return play(prompt, predictionOf(text), request, bench.heads.encoder.version);
  };
};

const otherRules = (bench: Bench): readonly (readonly [string, Rule])[] => {
  const { pool, heads } = bench;
  const order = pool.toSorted(
    (a, b) => (heads.encoder.profiles.get(b)?.mean ?? 0) - (heads.encoder.profiles.get(a)?.mean ?? 0),
  );
  return [
    [`best single worker: ${bestSingle(bench)}`, single(bestSingle(bench))],
    ...pool.map((worker) => [worker, single(worker)] as const),
    [
      "predicted-type table",
      typeRule(bench, (prompt) => encoderPrediction(bench, textOf(bench, prompt)).types[0]?.name ?? ""),
    ],
    ["told-type table", typeRule(bench, (prompt) => prompt.type)],
    ...learnedRules(bench),
    ...countingRules(bench, order),
    ["random", drawn(pool)],
    ["cheapest", single(cheapest(bench))],
    ["oracle", oracle(pool)],
  ];
};

const typeRule =
  ({ heads, pool }: Bench, typeOf: (prompt: Prompt) => string): Rule =>
  (prompt) => {
    const type = heads.encoder.types.indexOf(typeOf(prompt));
    const scores = pool.map((worker) => {
      const profile = heads.encoder.profiles.get(worker);
      return profile?.strengths[type] ?? profile?.mean ?? 0;
    });
    return single(pool[scores.indexOf(Math.max(...scores))] ?? "")(prompt);
  };

const learnedRules = (bench: Bench): readonly (readonly [string, Rule])[] => {
  const scored = new Set(bench.prompts.map((prompt) => prompt.problem));
  const apart = bench.training.filter((prompt) => !scored.has(prompt.problem)).slice(0, 1600);
  if (apart.length === 0) return [];
  const vectorOf = (prompt: Prompt) => bench.embeddings.of(textOf(bench, prompt));
  const examples = apart.map((prompt) => ({ prompt, row: { dense: vectorOf(prompt), sparse: null } }));
  const shape = { dense: bench.embeddings.dimensions, buckets: 0 };
  const rowOf = (prompt: Prompt) => ({ dense: vectorOf(prompt), sparse: null });
  return [
    ["ridge", ridgeRule(examples, { pool: bench.pool, shape, ridge: baselineRidge, rowOf })],
    [`${neighbors} nearest neighbors`, neighborRule(examples, { pool: bench.pool, neighbors, vectorOf })],
  ];
};

const extractor = (prompt: Prompt): Extractor => extractorOf(prompt) ?? "short";

const countingRules = ({ prompts, options }: Bench, order: readonly string[]): readonly (readonly [string, Rule])[] => {
  if (options.tier === "mini" || prompts.some((prompt) => extractorOf(prompt) === null)) return [];
  const sizes = [3, 5].filter((size) => size < order.length);
  return [
    ["retry on unreadable", retryUnreadable(order, extractor)],
    ["first to 2", firstTo(2, order, extractor)],
    ["first to 3", firstTo(3, order, extractor)],
    ...sizes.map((size) => [`majority of ${size}`, majority(order.slice(0, size), extractor)] as const),
    ["majority of all", majority(order, extractor)],
  ];
};

const cheapest = ({ prompts, pool }: Bench): string => {
  const dollars = pool.map((worker) => prompts.reduce((sum, prompt) => sum + single(worker)(prompt).dollars, 0));
  return pool[dollars.indexOf(Math.min(...dollars))] ?? "";
};

const { values } = parseArgs({
  options: {
    recordings: { type: "string", multiple: true },
    pool: { type: "string" },
    tier: { type: "string" },
    "without-instruction": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
if (values.tier !== undefined && values.tier !== "mini" && values.tier !== "ultra")
  throw new Error("--tier is mini or ultra");
await evaluate({
  files: values.recordings ?? [join(bundledRecordings, "coderouterbench_idtest.jsonl.gz")],
  pool: values.pool?.split(",") ?? null,
  tier: values.tier ?? null,
  instruction: !values["without-instruction"],
  json: values.json,
});
