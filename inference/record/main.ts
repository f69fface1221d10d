/**
 * `npm run record`: asks live workers prompts that can be graded, through Shoal itself, and keeps the outcome as a
 * recording. Expected costs come first, a budget is never passed, and a run that was cut goes on where it was.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../../shared/result.ts";
import { askAll, findMissing, gradeRest, keepPrompts, type AskEnd } from "./ask-all.ts";
import { connectShoal, type Shoal } from "./ask.ts";
import { createBudget } from "./budget.ts";
import { choosePrompts } from "./choose-prompts.ts";
import { learnLengths, type Priced } from "./estimate.ts";
import { findShoal } from "./find-shoal.ts";
import { gradeAnswer } from "./grade.ts";
import { openJournal, spentOf, type Journal } from "./journal.ts";
import { parseOptions, type Options } from "./options.ts";
import { priceWorkers } from "./price-workers.ts";
import type { Prompt } from "./prompts.ts";
import { createProgress } from "./progress.ts";
import { countKinds, describeCost, describeRecordings, money } from "./report.ts";
import { createRunTests, testSeconds } from "./run-tests.ts";
import { openSandbox, type Sandbox } from "./sandbox.ts";
import { startShoal } from "./start-shoal.ts";
import { toRecordings } from "./to-recordings.ts";
import { watchSignals } from "./watch-signals.ts";

const now = () => Date.now();
const random = (bytes: number) => randomBytes(bytes).toString("hex");
const print = (text: string) => console.log(text);

const main = async (): Promise<number> => {
  if (existsSync(".env")) process.loadEnvFile(".env");
  const options = parseOptions(process.argv.slice(2), process.env["INIT_CWD"] ?? process.cwd());
  if (!options.ok) return fail(options.error);
  const sandbox = await openSandbox({ wallSeconds: testSeconds });
  const files = await readFiles(options.value, sandbox).catch((error: unknown) => err(String(error)));
  if (!files.ok) return fail(files.error);
  const wishes = watchSignals(print);
  const target = await findShoal(options.value.url, () => startShoal({ env: process.env, cwd: process.cwd(), random }));
  if (!target.ok) return fail(target.error);
  try {
    const shoal = connectShoal(target.value, () => performance.now());
    const { workers: names, maxTokens } = options.value;
    const workers = priceWorkers(names, await shoal.workers(), maxTokens);
    if (!workers.ok) return fail(workers.error);
    return await record({ options: options.value, ...files.value, workers: workers.value, shoal, sandbox, ...wishes });
  } finally {
    files.value.journal.close();
    await target.value.stop();
  }
};

type Files = { readonly prompts: readonly Prompt[]; readonly journal: Journal };

/** Throws with file, line and field of what does not fit. */
const readFiles = async (options: Options, sandbox: Sandbox): Promise<Result<Files, string>> =>
  ok({
    prompts: await choosePrompts({ ...options, source: options.prompts }, sandbox, print),
    journal: openJournal(options.out.replace(/\.jsonl$/, ".calls.jsonl")),
  });

const fail = (message: string): number => {
  console.error(message);
  return 1;
};

type Run = {
  readonly options: Options;
  readonly prompts: readonly Prompt[];
  readonly workers: readonly Priced[];
  readonly shoal: Shoal;
  readonly journal: Journal;
  readonly sandbox: Sandbox;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
};

const record = async (run: Run): Promise<number> => {
  const { options, prompts, workers, shoal, journal, sandbox, stop, abort } = run;
  const { repeats, concurrency, dryRun, out } = options;
  const missing = () => findMissing(prompts, workers, { repeats, entries: journal.entries });
  const jobs = missing();
  const paid = spentOf(journal.entries);
  print(`${prompts.length} prompts (${countKinds(prompts.map(({ verifier }) => verifier))}), repeats: ${repeats}`);
  print(describeCost(jobs, workers, await learnLengths(journal.entries)));
  print("Expected from the lengths of recorded answers; a worker that reasons may need more.");
  print(`Paid so far: ${money(paid)}. Budget: ${money(options.budget)}.`);
  if (dryRun) return 0;

  const runTests = createRunTests(sandbox, () => random(16));
  const grade = (prompt: Prompt, answer: string) => gradeAnswer(prompt.verifier, answer, runTests);
  keepPrompts(prompts, journal);
  await gradeRest({ journal, grade, now });
  const budget = createBudget(options.budget, paid);
  const progress = createProgress(process.stderr, { total: jobs.length, spent: () => budget.spent });
  const end = await askAll(jobs, {
    shoal,
    journal,
    budget,
    grade,
    concurrency,
    now,
    stop,
    abort,
    onEvent: progress.show,
    delay: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
  });
  progress.end();

  const recordings = toRecordings(journal.entries);
  await writeFile(`${out}.new`, recordings.map((recording) => `${JSON.stringify(recording)}\n`).join(""));
  await rename(`${out}.new`, out);
  print(describeRecordings(recordings, options.workers));
  print(`${ends[end]} Answers still missing: ${missing().length}. Paid in all: ${money(budget.spent)}.`);
  print(`Recording: ${out}`);
  return 0;
};

const ends: Record<AskEnd, string> = {
  complete: "Done.",
  budget: "The next call could pass the budget.",
  stopped: "Stopped.",
};

process.exitCode = await main();
