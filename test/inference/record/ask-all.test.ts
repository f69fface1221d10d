import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  askAll,
  findMissing,
  gradeRest,
  keepPrompts,
  type AskDeps,
  type AskEvent,
} from "../../../inference/record/ask-all.ts";
import type { Failure, Reply, Shoal } from "../../../inference/record/ask.ts";
import { createBudget } from "../../../inference/record/budget.ts";
import type { Priced } from "../../../inference/record/estimate.ts";
import { gradeAnswer } from "../../../inference/record/grade.ts";
import { openJournal, spentOf, type Journal } from "../../../inference/record/journal.ts";
import type { Prompt } from "../../../inference/record/prompts.ts";
import { toRecordings } from "../../../inference/record/to-recordings.ts";
import { err, ok, type Result } from "../../../shared/result.ts";

let dir: string;
let journal: Journal;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "shoal-journal-"));
  journal = openJournal(join(dir, "calls.jsonl"));
});
afterEach(async () => {
  journal.close();
  await rm(dir, { recursive: true });
});

const promptOf = (id: string, answer = "1"): Prompt => ({
  id,
  domain: "d",
  problem: id,
  prompt: `Question ${id}`,
  verifier: { kind: "number", answer },
});
const prompts = ["a", "b", "c"].map((id) => promptOf(id));
const workerOf = (id: string): Priced => ({ id, price: { input: 1, output: 10 }, cap: 1000 });
const workers = [workerOf("x/one"), workerOf("x/two")];

const reply: Reply = {
  text: "Answer: 1",
  finish: "stop",
  tokensIn: 10,
  tokensOut: 5,
  costUsd: 0.00006,
  latencyMs: 3,
  model: "one-2026",
};
const failure: Failure = { status: 500, code: "server", message: "down", retryAfterMs: null, costUsd: 0 };

type Ask = (worker: string, text: string) => Result<Reply, Failure> | Promise<Result<Reply, Failure>>;

const setUp = (answer: Ask, rest: Partial<AskDeps> = {}) => {
  const asked: string[] = [];
  const waits: number[] = [];
  const events: AskEvent[] = [];
  const ask: Shoal["ask"] = async ({ worker, text }) => {
    asked.push(`${worker} ${text}`);
    return answer(worker, text);
  };
  const deps: AskDeps = {
    shoal: { ask },
    journal,
    budget: createBudget(10, 0),
    grade: (prompt, text) => gradeAnswer(prompt.verifier, text, () => Promise.resolve(false)),
    concurrency: 1,
    now: () => 0,
    delay: (ms) => Promise.resolve(waits.push(ms)),
    stop: new AbortController().signal,
    abort: new AbortController().signal,
    onEvent: (event) => void events.push(event),
    ...rest,
  };
  keepPrompts(prompts, journal);
  const missing = (repeats = 1) => findMissing(prompts, workers, { repeats, entries: journal.entries });
  return { asked, waits, events, deps, missing };
};

describe("asking", () => {
  it("has every worker answer a prompt before the next, and every prompt once before any again", async () => {
    const { asked, deps, missing } = setUp(() => ok(reply));
    expect(await askAll(missing(2), deps)).toBe("complete");
    const round = prompts.flatMap(({ prompt }) => workers.map(({ id }) => `${id} ${prompt}`));
    expect(asked).toEqual([...round, ...round]);
  });

  it("never has more under way than the budget holds", async () => {
    const limit = 0.04;
    const open = new Set<object>();
    const { asked, deps, missing } = setUp(
      async () => {
        const call = {};
        open.add(call);
        // Each may cost a little over a cent.
        expect(open.size).toBeLessThanOrEqual(3);
        await Promise.resolve();
        open.delete(call);
        return ok({ ...reply, costUsd: 0.01 });
      },
      { concurrency: 5, budget: createBudget(limit, 0) },
    );
    expect(await askAll(missing(), deps)).toBe("budget");
    expect(asked).toHaveLength(3);
    expect(spentOf(journal.entries)).toBeLessThanOrEqual(limit);
  });

  it("waits as long as a busy vendor says and asks again", async () => {
    let calls = 0;
    const { waits, deps, missing } = setUp(() =>
      (calls += 1) === 1 ? err({ ...failure, status: 429, retryAfterMs: 7000 }) : ok(reply),
    );
    await askAll(missing().slice(0, 1), deps);
    expect(waits).toEqual([7000]);
    const [recording] = toRecordings(journal.entries);
    expect(recording?.models["x/one"]).toMatchObject({ correct: 1, failures: 1 });
  });

  it("leaves a worker alone that fails five times in a row, and only that one", async () => {
    const { asked, events, deps, missing } = setUp((worker) => (worker === "x/one" ? err(failure) : ok(reply)));
    await askAll(missing(4), deps);
    expect(asked.filter((line) => line.startsWith("x/one"))).toHaveLength(5);
    expect(asked.filter((line) => line.startsWith("x/two"))).toHaveLength(12);
    expect(events).toContainEqual({ type: "gave-up", worker: "x/one" });
  });

  it("counts a failure whose cost nobody knows as the most it can cost", async () => {
    const { deps, missing } = setUp(() => err({ ...failure, status: null, costUsd: null }));
    const [job] = missing();
    await askAll(missing().slice(0, 1), deps);
    expect(spentOf(journal.entries)).toBe(job?.bound);
  });

  it("does not hold it against a worker that its call was ended", async () => {
    const abort = new AbortController();
    const { deps, missing } = setUp(
      () => {
        abort.abort();
        return err({ ...failure, status: null, costUsd: null });
      },
      { abort: abort.signal, stop: abort.signal },
    );
    const [job] = missing();
    expect(await askAll(missing(), deps)).toBe("stopped");
    expect(toRecordings(journal.entries)).toEqual([]);
    expect(spentOf(journal.entries)).toBe(job?.bound);
  });
});

describe("the journal", () => {
  it("asks an edited prompt anew and forgets the answers to the old one", async () => {
    const { deps, missing } = setUp(() => ok(reply));
    await askAll(missing(), deps);
    const edited = [{ ...promptOf("a"), prompt: "Another question" }, ...prompts.slice(1)];
    keepPrompts(edited, journal);
    const jobs = findMissing(edited, workers, { repeats: 1, entries: journal.entries });
    expect(jobs.map(({ prompt }) => prompt.id)).toEqual(["a", "a"]);
    expect(toRecordings(journal.entries).map(({ id }) => id)).toEqual(["b", "c"]);
  });

  it("grades the answers it has again when the right answer has changed", async () => {
    const { deps, missing } = setUp(() => ok(reply));
    await askAll(missing(), deps);
    keepPrompts([promptOf("a", "2"), ...prompts.slice(1)], journal);
    await gradeRest(deps);
    expect(missing()).toEqual([]);
    const scores = toRecordings(journal.entries).map(({ id, models }) => [id, models["x/one"]?.correct]);
    expect(Object.fromEntries(scores)).toEqual({ a: 0, b: 1, c: 1 });
  });

  it("reads what it has written, without a last line that was cut", async () => {
    const { deps, missing } = setUp(() => ok(reply));
    await askAll(missing(), deps);
    const written = journal.entries;
    const again = openJournal(join(dir, "calls.jsonl"));
    expect(again.entries).toEqual(written);
    again.close();
  });
});
