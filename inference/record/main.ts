/**
 * `npm run record`: asks live workers prompts that can be graded, through Shoal itself, and keeps the outcome as a
 * recording. Expected costs come first, a budget is never passed, and a run that was cut goes on where it was.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Price } from "../../shared/pricing.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { askAll, findMissing, gradeRest, keepPrompts, type AskEnd } from "./ask-all.ts";
import { connectShoal, type Listed, type Shoal } from "./ask.ts";
import { createBudget } from "./budget.ts";
import { learnLengths, withCap, type Priced } from "./estimate.ts";
import { gradeAnswer } from "./grade.ts";
import { openJournal, spentOf, type Journal } from "./journal.ts";
import { parseOptions, type Options } from "./options.ts";
import { drawPrompts, readBundledPrompts, readPrompts, type Prompt } from "./prompts.ts";
import { createProgress } from "./progress.ts";
import { countKinds, describeCost, describeRecordings, money } from "./report.ts";
import { createRunTests } from "./run-tests.ts";
import { openSandbox, type Sandbox } from "./sandbox.ts";
import { startShoal } from "./start-shoal.ts";
import { toRecordings } from "./to-recordings.ts";

const testSeconds = 10;
/** Of each domain of the bundled prompts; more of one say little that is new. */
const bundledPerDomain = 16;
/** A terminal's Ctrl-C arrives twice under npm, which forwards it; what comes later is a second press. */
const samePressMs = 500;

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
  const wishes = watchSignals();
  const target = await findShoal(options.value);
  if (!target.ok) return fail(target.error);
  try {
    const shoal = connectShoal(target.value, () => performance.now());
    const workers = priceWorkers(options.value, await shoal.workers());
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
    prompts: await choosePrompts(options, sandbox),
    journal: openJournal(options.out.replace(/\.jsonl$/, ".calls.jsonl")),
  });

const fail = (message: string): number => {
  console.error(message);
  return 1;
};

/** The first Ctrl-C lets running calls end, the second ends them. */
const watchSignals = (): { readonly stop: AbortSignal; readonly abort: AbortSignal } => {
  const stop = new AbortController();
  const abort = new AbortController();
  let since: number | null = null;
  const onSignal = () => {
    if (since !== null && performance.now() - since > samePressMs) abort.abort();
    if (since === null) print("\nStopping once the running calls have answered. Again ends them: they may be billed.");
    since ??= performance.now();
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);
  return { stop: stop.signal, abort: abort.signal };
};

/** Prompts whose tests cannot be run here are left out: their answers would be paid for and not graded. */
const choosePrompts = async (options: Options, sandbox: Sandbox): Promise<readonly Prompt[]> => {
  const { prompts: source, limit, seed } = options;
  const all = source === "bundled" ? await readBundledPrompts() : await readPrompts(source);
  const gradable = all.filter(({ verifier }) => verifier.kind !== "tests" || sandbox.languages.has(verifier.language));
  if (gradable.length < all.length) {
    const left = all.length - gradable.length;
    print(
      `${left} prompts with unit tests are left out: no sandbox for them here (Linux with user namespaces, unshare).`,
    );
  }
  return drawPrompts(gradable, { perDomain: source === "bundled" ? bundledPerDomain : null, limit, seed });
};

type Target = { readonly url: string; readonly key: string; stop(): Promise<void> };

const findShoal = async ({ url }: Options): Promise<Result<Target, string>> => {
  if (url === null) return startShoal({ env: process.env, cwd: process.cwd(), random });
  const key = process.env["SHOAL_API_KEY"];
  if (!key) return err("SHOAL_API_KEY is not set: --url needs a key of that Shoal");
  return ok({ url, key, stop: () => Promise.resolve() });
};

/** The workers that were named, in order. The error names each that cannot be asked, one a line. */
const priceWorkers = (
  { workers, maxTokens }: Options,
  listed: readonly Listed[],
): Result<readonly Priced[], string> => {
  const found = workers.map((name) => {
    // A reasoning effort is no part of the list.
    const worker = listed.find(({ id }) => id === name.split("@")[0]);
    if (worker === undefined) return err(`${name} is not among the workers: ${listed.map(({ id }) => id).join(", ")}`);
    if (!hasPrice(worker)) return err(`${name} has no price: nothing would keep it within the budget`);
    return ok(withCap({ ...worker, id: name }, maxTokens));
  });
  const problems = found.flatMap((one) => (one.ok ? [] : [one.error]));
  return problems.length > 0 ? err(problems.join("\n")) : ok(found.flatMap((one) => (one.ok ? [one.value] : [])));
};

const hasPrice = (worker: Listed): worker is Listed & { readonly price: Price } => worker.price !== null;

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
