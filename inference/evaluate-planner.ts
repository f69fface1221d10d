/**
 * `npm run eval:planner` has the configured planner (`SHOAL_PLANNER_MODEL`, by default the small chat model) write
 * workflows for bundled prompts under its grammar, and counts how many are valid before any repair, their steps, and what
 * they take. With `--revise` each workflow is followed by a round that may revise an answer: the prompt's reference answer
 * or, where it has none, another prompt's text. It says nothing of the workflows' quality: no worker is asked. Exit code
 * 1 when one is not valid.
 */
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import * as z from "zod";
import { plannerTask } from "../shared/planner/task.ts";
import { readRevision, readWrittenPlan } from "../shared/planner/read.ts";
import { toFirstRound, type Figures, type PlannerJob } from "../shared/planner/job.ts";
import { readConfig, type Config } from "./config.ts";
import { openLlama } from "./llama.ts";
import { createLog } from "./log.ts";
import { isValid, tellEvaluated, type Evaluated, type Row } from "./planner-report.ts";
import { loadPlanner, type Planner } from "./planner.ts";
import { showProgress } from "./progress.ts";
import { drawPrompts, readBundledPrompts, textOfPrompt, type Prompt } from "./record/prompts.ts";
import { locate } from "./start-model.ts";
import { createRandom, type Random } from "./train/fit/random.ts";

const count = z.coerce.number().int().min(1);
const optionsSchema = z.object({
  prompts: count.max(2000).default(200),
  seed: count.default(1),
  revise: z.boolean().default(false),
});

const log = createLog(
  (line) => process.stderr.write(line),
  () => Date.now(),
);

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { prompts: { type: "string" }, seed: { type: "string" }, revise: { type: "boolean" } },
  });
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
    const { plannerSequences: sequences, threadsEach: threads } = config.value;
    const evaluated = await evaluateAll(loaded, prompts, { sequences, random, revise: options.revise });
    console.log(tellEvaluated(evaluated, { ms: performance.now() - start, threads, gpu: llama.gpu }));
    return evaluated.every(({ first, revision }) => isValid(first) && (revision === null || isValid(revision))) ? 0 : 1;
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

type Evaluation = { readonly sequences: number; readonly random: Random; readonly revise: boolean };

const evaluateAll = (
  planner: Planner,
  prompts: readonly Prompt[],
  { sequences, random, revise }: Evaluation,
): Promise<readonly Evaluated[]> => {
  const limit = pLimit(sequences);
  let done = 0;
  const evaluate = async (prompt: Prompt, at: number): Promise<Evaluated> => {
    const job: PlannerJob = { task: taskOf(prompt), workers: drawPool(2 + (at % 7), random) };
    const first = await writeFirst(planner, job);
    const answer = referenceOf(prompt) ?? textOfPrompt(prompts.at(at - 1) ?? prompt);
    const revision =
      revise && first.output ? await writeRevision(planner, job, { text: first.output.text, answer }) : null;
    done += 1;
    if (done % 10 === 0) log("plans-written", { done, of: prompts.length });
    return { first, revision };
  };
  return Promise.all(prompts.map((prompt, at) => limit(() => evaluate(prompt, at))));
};

const taskOf = (prompt: Prompt): PlannerJob["task"] =>
  plannerTask({
    messages: [
      ...(prompt.system === undefined ? [] : [{ role: "system" as const, text: prompt.system }]),
      { role: "user", content: [{ type: "text", text: textOfPrompt(prompt) }] },
    ],
  });

const referenceOf = ({ verifier }: Prompt): string | null => ("answer" in verifier ? verifier.answer : null);

/** Workers of all kinds: their figures are drawn, since it is not their work that is evaluated. */
const drawPool = (size: number, random: Random): Figures[] =>
  Array.from({ length: size }, () => ({
    quality: 0.4 + 0.5 * random(),
    costDollars: 0.0005 * 100 ** random(),
    latencyMs: 1000 * 20 ** random(),
  }));

const none: Row = { output: null, refusal: null, repairs: [], steps: 0, unused: 0 };

const patient = () => ({ deadlineMs: 600_000, signal: new AbortController().signal });

const namesOf = ({ workers }: PlannerJob): readonly string[] => workers.map((_, ordinal) => `worker/${ordinal}`);

const writeFirst = async (planner: Planner, job: PlannerJob): Promise<Row> => {
  const written = await planner.write(job, patient());
  if (!written.ok) return { ...none, refusal: written.error };
  const read = readWrittenPlan(written.value.text, namesOf(job));
  if (!read.ok) return { ...none, output: written.value, refusal: read.error };
  const { workflow, repairs, unused } = read.value;
  return { output: written.value, refusal: null, repairs, steps: workflow.steps.length, unused };
};

type Given = { readonly text: string; readonly answer: string };

const writeRevision = async (planner: Planner, job: PlannerJob, { text, answer }: Given): Promise<Row> => {
  const first = toFirstRound(text, answer);
  if (first === null) return { ...none, refusal: "too_long" };
  const written = await planner.write({ ...job, first }, patient());
  if (!written.ok) return { ...none, refusal: written.error };
  const read = readRevision(written.value.text, namesOf(job), { id: "answered" });
  if (!read.ok) return { ...none, output: written.value, refusal: read.error };
  const { workflow, repairs, unused } = read.value;
  return { output: written.value, refusal: null, repairs, steps: workflow?.steps.length ?? 0, unused };
};

process.exitCode = await main();
