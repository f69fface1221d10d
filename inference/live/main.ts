/**
 * `npm run eval:live`: asks both tiers and the best single worker tasks that can be graded, through Shoal itself, beside
 * a control that spends on one worker what Ultra spent. Expected costs come first, a budget is never passed, and a run
 * that was cut goes on where it was.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../../shared/result.ts";
import { gradeRest, keepPrompts, type AskEnd } from "../record/ask-all.ts";
import { connectShoal, type Shoal } from "../record/ask.ts";
import { createBudget } from "../record/budget.ts";
import { choosePrompts } from "../record/choose-prompts.ts";
import { learnLengths, type Priced } from "../record/estimate.ts";
import { findShoal, type Target } from "../record/find-shoal.ts";
import { gradeAnswer } from "../record/grade.ts";
import { askedOf, openJournal, spentOf, type Journal } from "../record/journal.ts";
import { priceWorkers } from "../record/price-workers.ts";
import { createProgress } from "../record/progress.ts";
import type { Prompt } from "../record/prompts.ts";
import { countKinds, money } from "../record/report.ts";
import { createRunTests, testSeconds } from "../record/run-tests.ts";
import { openSandbox, type Sandbox } from "../record/sandbox.ts";
import { startShoal } from "../record/start-shoal.ts";
import { watchSignals } from "../record/watch-signals.ts";
import { awaitPlanner } from "./await-planner.ts";
import { compare } from "./compare.ts";
import { tiersAt, type Contender } from "./contenders.ts";
import { openAccount } from "./open-account.ts";
import { keepSetting, type Setting } from "./keep-setting.ts";
import { parseOptions, type Options } from "./options.ts";
import { readOutcomes } from "./outcomes.ts";
import { describeComparison, describeCosts } from "./report.ts";
import { toResults, writeResults, type Results } from "./results.ts";
import { runTasks } from "./run-tasks.ts";
import { survey, type Survey } from "./survey.ts";

const now = () => Date.now();
const random = (bytes: number) => randomBytes(bytes).toString("hex");

const pause = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined);

type Print = (text: string) => void;

const main = async (): Promise<number> => {
  if (existsSync(".env")) process.loadEnvFile(".env");
  const options = parseOptions(process.argv.slice(2), process.env["INIT_CWD"] ?? process.cwd());
  if (!options.ok) return fail(options.error);
  const print: Print = options.value.json ? (text) => console.error(text) : (text) => console.log(text);
  const sandbox = await openSandbox({ wallSeconds: testSeconds });
  const files = await readFiles(options.value, sandbox, print).catch((error: unknown) => err(String(error)));
  if (!files.ok) return fail(files.error);
  const wishes = watchSignals(print);
  const { journal } = files.value;
  const target = await findShoal(options.value.url, () =>
    startOwn({ options: options.value, journal, print, stop: wishes.stop }),
  );
  if (!target.ok) return fail(target.error);
  try {
    const shoal = connectShoal(target.value, () => performance.now());
    const found = await findField({ options: options.value, ...files.value, shoal, ...wishes }).catch(
      (error: unknown) => err(String(error)),
    );
    if (!found.ok) return fail(found.error);
    const run = { options: options.value, ...files.value, ...found.value, shoal, sandbox, print, ...wishes };
    return await evaluate(run);
  } finally {
    journal.close();
    await target.value.stop();
  }
};

type Files = { readonly prompts: readonly Prompt[]; readonly journal: Journal };

/** Throws with file, line and field of what does not fit. */
const readFiles = async (options: Options, sandbox: Sandbox, print: Print): Promise<Result<Files, string>> =>
  ok({
    prompts: await choosePrompts({ ...options, source: options.tasks }, sandbox, print),
    journal: openJournal(join(options.out, "calls.jsonl")),
  });

const fail = (message: string): number => {
  console.error(message);
  return 1;
};

type Own = { readonly options: Options; readonly journal: Journal; readonly print: Print; readonly stop: AbortSignal };

/** A Shoal for this run, with a key that can spend what is left of the budget. */
const startOwn = async ({ options: { budget, pool }, journal, print, stop }: Own): Promise<Result<Target, string>> => {
  const started = await startShoal({ env: process.env, cwd: process.cwd(), random });
  if (!started.ok) return started;
  const onWait = () => print("Waiting for the planner's model.");
  const planner = await awaitPlanner(started.value.inferenceUrl, { fetch, delay: pause, signal: stop, onWait });
  const left = Math.max(0, budget - spentOf(journal.entries));
  const key = planner.ok
    ? await openAccount(started.value, { tenant: "evaluation", budget: left, pool }, fetch)
    : planner;
  if (key.ok) return ok({ ...started.value, key: key.value });
  await started.value.stop();
  return key;
};

/** Who is compared. */
type Field = {
  readonly contenders: readonly Contender[];
  readonly priced: ReadonlyMap<string, Priced>;
  readonly baseline: Priced;
  readonly survey: Survey;
  readonly setting: Setting;
};

type Asked = Files & { readonly options: Options; readonly shoal: Shoal; readonly stop: AbortSignal };

const findField = async ({ options, prompts, shoal, stop }: Asked): Promise<Result<Field, string>> => {
  const tiers = tiersAt(options.preferences);
  const surveyed = await survey({ prompts, tiers, maxTokens: options.maxTokens }, shoal, stop);
  const best = options.baseline ?? surveyed.workers[0]?.worker;
  if (best === undefined) return err("there is no task, or no worker");
  const names = [...new Set([best, ...options.workers])];
  const listed = await shoal.workers();
  // An own Shoal's key has a budget, with which nobody without a price works.
  const unpriced = options.url === null ? [] : listed.filter(({ price }) => price === null);
  if (unpriced.length > 0) {
    return err(`no price, and in the pool of that key: ${unpriced.map(({ id }) => id).join(", ")}`);
  }
  const priced = priceWorkers(names, listed, options.maxTokens);
  if (!priced.ok) return priced;
  const [baseline] = priced.value;
  if (baseline === undefined) return err("there is no worker");
  const [first, ...others] = names.map((id): Contender => ({ kind: "worker", id, model: id }));
  return ok({
    contenders: [...(first ? [first] : []), ...tiers, ...others],
    priced: new Map(priced.value.map((worker) => [worker.id, worker])),
    baseline,
    survey: surveyed,
    setting: {
      workers: listed.map(({ id }) => id).toSorted(),
      weights: surveyed.weights,
      planner: options.url === null ? plannerOf(process.env) : null,
      max_tokens: options.maxTokens,
    },
  });
};

/** Of a file its name. */
const plannerOf = (env: NodeJS.ProcessEnv): string | null => {
  const named = [env["SHOAL_PLANNER_MODEL"], env["SHOAL_PLANNER"]].find((name) => name && name !== "none");
  return named === undefined ? null : isAbsolute(named) ? basename(named) : named;
};

type Run = Asked &
  Field & { readonly sandbox: Sandbox; readonly print: Print; readonly stop: AbortSignal; readonly abort: AbortSignal };

const evaluate = async (run: Run): Promise<number> => {
  const { options, prompts, baseline, contenders, journal, print } = run;
  const missing = missingOf(run);
  const paid = spentOf(journal.entries);
  print(`${prompts.length} tasks (${countKinds(prompts.map(({ verifier }) => verifier))})`);
  const why = options.baseline === null ? "held best by the weights" : "as named";
  print(`Best single worker: ${baseline.id}, ${why}.`);
  print(describeCosts({ ...run, missing, lengths: await learnLengths(journal.entries) }));
  print(`Of tiers as ${run.survey.priced} dry runs of each foresee it. A worker that reasons may need more.`);
  print(`Paid so far: ${money(paid)}. Budget: ${money(options.budget)}.`);
  if (options.dryRun) return 0;
  const kept = await keepSetting(join(options.out, "setting.json"), run.setting);
  if (!kept.ok) return fail(kept.error);

  const { end, spent } = await ask(run, paid);
  const outcomes = readOutcomes(journal.entries);
  const comparison = compare({ prompts, baseline: baseline.id, contenders, outcomes, seed: options.seed });
  const { seed, budget } = options;
  const chosen = options.baseline === null;
  const { setting } = run;
  const told = { prompts, contenders, baseline: baseline.id, chosen, setting, seed, budget, spent };
  const results = toResults({ ...told, outcomes, comparison });
  const file = join(options.out, "results.json");
  await writeResults(file, results);
  print(describeComparison(comparison));
  const left = contenders.reduce((count, { id }) => count + missing(id).length, 0);
  print(`${ends[end]} Answers still missing: ${left}. Paid in all: ${money(spent)}.`);
  print(`Results: ${file}`);
  if (options.json) tellJson(results);
  return 0;
};

const tellJson = (results: Results): void => console.log(JSON.stringify(results, null, 2));

/** Tasks that a contender has not answered. */
const missingOf =
  ({ prompts, journal }: Files) =>
  (contender: string): readonly Prompt[] => {
    const answered = new Set(
      journal.entries.flatMap((entry) =>
        entry.type === "answer" && entry.worker === contender && entry.repeat === 0 ? [entry.asked] : [],
      ),
    );
    return prompts.filter((prompt) => !answered.has(askedOf(prompt)));
  };

const ask = async (run: Run, paid: number): Promise<{ readonly end: AskEnd; readonly spent: number }> => {
  const { options, prompts, contenders, baseline, priced, journal, shoal, sandbox, stop, abort } = run;
  const runTests = createRunTests(sandbox, () => random(16));
  const grade = (prompt: Prompt, answer: string) => gradeAnswer(prompt.verifier, answer, runTests);
  keepPrompts(prompts, journal);
  await gradeRest({ journal, grade, now });
  const budget = createBudget(options.budget, paid);
  const missing = missingOf(run);
  let total = contenders.reduce((sum, { id }) => sum + missing(id).length, 0);
  const progress = createProgress(process.stderr, {
    get total() {
      return total;
    },
    spent: () => budget.spent,
  });
  const tasks = { prompts, contenders, baseline, priced, maxTokens: options.maxTokens };
  const end = await runTasks(tasks, {
    shoal,
    journal,
    budget,
    grade,
    concurrency: options.concurrency,
    now,
    stop,
    abort,
    onEvent: progress.show,
    onMore: (answers) => (total += answers),
    delay: pause,
  });
  progress.end();
  return { end, spent: budget.spent };
};

const ends: Record<AskEnd, string> = {
  complete: "Done.",
  budget: "The next call could pass the budget.",
  stopped: "Stopped.",
};

process.exitCode = await main();
