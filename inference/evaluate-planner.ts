/**
 * `npm run eval:planner` has the configured planner (`SHOAL_PLANNER_MODEL`, by default the small chat model) write
 * workflows for bundled prompts under its grammar, and counts how many are valid before any repair, their steps, and what
 * they take. It says nothing of the workflows' quality: no worker is asked. Exit code 1 when one is not valid.
 */
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import * as z from "zod";
import { plannerTask } from "../shared/planner-task.ts";
import type { PlannerWorker } from "../shared/workflow-prompt.ts";
import { readWrittenPlan } from "../shared/written-plan.ts";
import { readConfig, type Config } from "./config.ts";
import { openLlama } from "./llama.ts";
import { createLog } from "./log.ts";
import { loadPlanner, type Planner, type Writing } from "./planner.ts";
import { showProgress } from "./progress.ts";
import { drawPrompts, readBundledPrompts, textOfPrompt, type Prompt } from "./record/prompts.ts";
import { locate } from "./start-model.ts";
import { createRandom, type Random } from "./train/fit/random.ts";

const count = z.coerce.number().int().min(1);
const optionsSchema = z.object({ prompts: count.max(2000).default(200), seed: count.default(1) });

const log = createLog(
  (line) => process.stderr.write(line),
  () => Date.now(),
);

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { prompts: { type: "string" }, seed: { type: "string" } } });
  const options = optionsSchema.parse(values);
  const planner = process.env["SHOAL_PLANNER_MODEL"] ?? "default";
  // The secret guards a service, and none is started.
  const config = readConfig({ INFERENCE_SECRET: "-".repeat(16), ...process.env, SHOAL_PLANNER_MODEL: planner });
  if (!config.ok) return fail(config.error.join("\n"));
  const random = createRandom(options.seed);
  const llama = await openLlama(config.value, log);
  try {
    const loaded = await load(llama, config.value, random);
    if (typeof loaded === "string") return fail(loaded);
    const prompts = drawPrompts(await readBundledPrompts(), {
      perDomain: null,
      limit: options.prompts,
      seed: options.seed,
    });
    const start = performance.now();
    const rows = await writeAll(loaded, prompts, { sequences: config.value.plannerSequences, random });
    console.log(tell(rows, { ms: performance.now() - start, threads: config.value.threadsEach, gpu: llama.gpu }));
    return rows.every(isValid) ? 0 : 1;
  } finally {
    await llama.dispose();
  }
};

const fail = (problem: string): number => {
  console.error(problem);
  return 1;
};

const load = async (
  llama: Awaited<ReturnType<typeof openLlama>>,
  config: Config,
  random: Random,
): Promise<Planner | string> => {
  const modelPath = await locate({
    source: config.plannerModel,
    variable: "SHOAL_PLANNER_MODEL",
    modelsDir: config.modelsDir,
    onProgress: showProgress(process.stderr, log, "planner-model"),
    signal: new AbortController().signal,
  });
  if (!modelPath.ok) return modelPath.error;
  return loadPlanner(llama, {
    modelPath: modelPath.value,
    sequences: config.plannerSequences,
    maxContextTokens: config.plannerContextTokens,
    maxTokens: config.plannerTokens,
    maxWaiting: 0,
    threads: config.threadsEach,
    now: () => performance.now(),
    random,
    log,
  });
};

/** `refusal`: why there is no plan; `steps`: 0 where it cannot be read. */
type Row = {
  readonly writing: Writing | null;
  readonly refusal: string | null;
  readonly repairs: readonly string[];
  readonly steps: number;
  readonly unused: number;
};

const isValid = ({ refusal, repairs }: Row): boolean => refusal === null && repairs.length === 0;

const writeAll = (
  planner: Planner,
  prompts: readonly Prompt[],
  { sequences, random }: { readonly sequences: number; readonly random: Random },
): Promise<readonly Row[]> => {
  const limit = pLimit(sequences);
  let done = 0;
  const write = async (prompt: Prompt, at: number): Promise<Row> => {
    const row = await writeOne(planner, prompt, drawPool(2 + (at % 7), random));
    done += 1;
    if (done % 10 === 0) log("plans-written", { done, of: prompts.length });
    return row;
  };
  return Promise.all(prompts.map((prompt, at) => limit(() => write(prompt, at))));
};

const writeOne = async (planner: Planner, prompt: Prompt, workers: readonly PlannerWorker[]): Promise<Row> => {
  const task = plannerTask({
    messages: [
      ...(prompt.system === undefined ? [] : [{ role: "system" as const, text: prompt.system }]),
      { role: "user", content: [{ type: "text", text: textOfPrompt(prompt) }] },
    ],
  });
  const none = { writing: null, repairs: [], steps: 0, unused: 0 };
  const written = await planner.write({ task, workers }, { deadlineMs: 600_000, signal: new AbortController().signal });
  if (!written.ok) return { ...none, refusal: written.error };
  const read = readWrittenPlan(written.value.text, written.value.workers);
  if (!read.ok) return { ...none, writing: written.value, refusal: read.error };
  const { workflow, repairs, unused } = read.value;
  return { writing: written.value, refusal: null, repairs, steps: workflow.steps.length, unused };
};

/** Workers of all kinds: their figures are drawn, since it is not their work that is evaluated. */
const drawPool = (size: number, random: Random): readonly PlannerWorker[] =>
  Array.from({ length: size }, (_, at) => ({
    worker: `worker/${at}`,
    quality: 0.4 + 0.5 * random(),
    costDollars: 0.0005 * 100 ** random(),
    latencyMs: 1000 * 20 ** random(),
  }));

type Run = { readonly ms: number; readonly threads: number; readonly gpu: string | false };

const tell = (rows: readonly Row[], { ms, threads, gpu }: Run): string => {
  const writings = rows.flatMap(({ writing }) => writing ?? []);
  const output = writings.map(({ outputTokens }) => outputTokens);
  const times = writings.map((writing) => writing.ms);
  const problems = Object.entries(
    Object.groupBy(
      rows.flatMap(({ refusal, repairs }) => [...(refusal === null ? [] : [refusal]), ...repairs]),
      (problem) => problem,
    ),
  );
  const lines: readonly (readonly [string, string])[] = [
    ["prompts", String(rows.length)],
    ["valid before repair", `${((100 * rows.filter(isValid).length) / rows.length).toFixed(1)} %`],
    ...problems.map(([problem, all]): readonly [string, string] => [problem, String(all?.length ?? 0)]),
    ["steps", histogram(rows.map(({ steps }) => steps))],
    ["plans with steps left out", String(rows.filter(({ unused }) => unused > 0).length)],
    ["output tokens, p50 / p95", `${quantile(output, 0.5)} / ${quantile(output, 0.95)}`],
    [
      "prompt tokens read anew, p50",
      String(
        quantile(
          writings.map(({ evaluatedTokens }) => evaluatedTokens),
          0.5,
        ),
      ),
    ],
    ["milliseconds of a plan, p50 / p95", `${quantile(times, 0.5)} / ${quantile(times, 0.95)}`],
    [
      "output tokens per second, all sequences",
      (output.reduce((sum, tokens) => sum + tokens, 0) / (ms / 1000)).toFixed(1),
    ],
    ["computed on", gpu === false ? `CPU, ${threads} threads` : gpu],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
};

const histogram = (steps: readonly number[]): string =>
  Object.entries(Object.groupBy(steps, String))
    .map(([number, all]) => `${number}: ${all?.length ?? 0}`)
    .join(", ");

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
};

process.exitCode = await main();
