import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { execute } from "../../edge/execute/execute.ts";
import type { RunStep } from "../../edge/execute/run-step.ts";
import { decisionRule } from "../../inference/train/replay/contestants.ts";
import { openContest, predictAll, textOf, type Contest } from "../../inference/train/replay/contest.ts";
import { embedTexts, type Embeddings } from "../../inference/train/fit/embed.ts";
import { toPrompts, type Prompt } from "../../inference/train/recordings/prompts.ts";
import { readRecordings } from "../../inference/train/recordings/recordings.ts";
import {
  extractorOf,
  playBallot,
  playSingle,
  poll,
  requestOf,
  type Played,
} from "../../inference/train/replay/replay.ts";
import { bundledRecordings, poolsOf } from "../../inference/train/recordings/sets.ts";
import { readHeads } from "../../inference/train/fit/weights.ts";
import type { Ballot } from "../../shared/ballot.ts";
import { decide } from "../../shared/decide.ts";
import { decisionSchema, type Decision, type PlanRequest } from "../../shared/decision.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import type { Prediction } from "../../shared/head.ts";
import { parsePlan, type Plan } from "../../shared/plan.ts";
import { preferenceTable, type Preference } from "../../shared/preference.ts";
import { promptView, viewText } from "../../shared/prompt-view.ts";
import { secret, startProcess, stopProcess, type ServiceProcess } from "../inference/process.ts";
import { chatOf, stepEnd, stepStart, textDelta } from "../support/events.ts";

/** So many prompts of each set. */
const shares = { zeroeval: 130, mmlu_pro: 50, coderouterbench_idtest: 20 } as const;

type Case = {
  readonly prompt: Prompt;
  /** The prompt as a client sends it. */
  readonly words: string;
  readonly contest: Contest;
  readonly prediction: Prediction;
  readonly preference: Preference;
  readonly request: PlanRequest;
};

let service: ServiceProcess;
let cacheDirectory: string;
let cases: readonly Case[];
let served: readonly Decision[];

beforeAll(async () => {
  service = startProcess({ SHOAL_CHAT_MODEL: "none" });
  cacheDirectory = await mkdtemp(join(tmpdir(), "shoal-vectors-"));
  cases = await readCases();
  await service.event("ready");
  served = await Promise.all(cases.map(({ request }) => askService(request)));
});

afterAll(async () => {
  await stopProcess(service);
  await rm(cacheDirectory, { recursive: true, force: true });
});

/** Prompts of every set, every preference in turn, read as an evaluation reads them. */
const readCases = async (): Promise<readonly Case[]> => {
  const sets = [];
  for (const [name, count] of Object.entries(shares)) {
    const { recordings } = await readRecordings(join(bundledRecordings, `${name}.jsonl.gz`));
    const prompts = toPrompts({ name, file: "", sha256: "", recordings });
    const readable = prompts
      .map((prompt, at) => ({ prompt, words: wordsOf(recordings[at]) }))
      .filter(({ prompt }) => prompt.texts.length > 0);
    const long = readable.filter(({ words }) => words.length > longerThanRead).slice(0, longs);
    const short = readable.toSorted((a, b) => a.words.length - b.words.length).slice(0, 2 * count);
    const drawn = [...long, ...short.filter((_, at) => at % 2 === 0)].slice(0, count);
    sets.push({ pool: poolsOf(name)[0] ?? [], drawn });
  }
  const texts = sets.flatMap(({ drawn }) => drawn.flatMap(({ prompt }) => prompt.texts));
  await vectorsOf(texts);
  // The second time they come from the file.
  const embeddings = await vectorsOf(texts);
  const heads = await readHeads();
  return sets.flatMap(({ pool, drawn }) => {
    const prompts = drawn.map(({ prompt }) => prompt);
    const contest = openContest({ pool, prompts, training: [], heads, embeddings, ultra: true, instruction: true });
    const predictions = predictAll(contest, "encoder");
    return drawn.map(({ prompt, words }, at) => caseOf({ prompt, words, contest, predictions, at }));
  });
};

/** Short prompts are encoded in milliseconds; a few are longer than what is read of a prompt. */
const longerThanRead = 2200;
const longs = 1;

type Recorded = Awaited<ReturnType<typeof readRecordings>>["recordings"][number];

const wordsOf = (recording: Recorded | undefined): string =>
  [recording?.instruction, recording?.prompt].filter((part) => typeof part === "string").join("\n\n");

const vectorsOf = (texts: readonly string[]): Promise<Embeddings> =>
  embedTexts(texts, {
    encoderPath: join(import.meta.dirname, "../../inference/models/all-minilm-l6-v2-q8_0.gguf"),
    cacheDirectory,
    now: () => performance.now(),
    progress: () => undefined,
  });

const caseOf = (given: {
  readonly prompt: Prompt;
  readonly words: string;
  readonly contest: Contest;
  readonly predictions: ReadonlyMap<Prompt, Prediction>;
  readonly at: number;
}): Case => {
  const { prompt, words, contest, predictions, at } = given;
  const preferences = Object.values(preferenceTable);
  const preference = preferences[at % preferences.length] ?? preferenceTable.balanced;
  const prediction = predictions.get(prompt);
  if (!prediction) throw new Error(`${prompt.id}: no prediction`);
  const { pool, prices } = contest;
  const trade = { lambda: preference.lambda, mu: preference.mu };
  const request = requestOf(textOf(contest, prompt), { ...trade, pool, prices, extractor: extractorOf(prompt) });
  return { prompt, words, contest, prediction, preference, request };
};

const askService = async (request: PlanRequest): Promise<Decision> => {
  const response = await fetch(await service.url("/v1/plan"), {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    // All are asked at once here, and none is to be refused for waiting.
    body: JSON.stringify({ ...request, deadlineMs: 600_000 }),
  });
  return decisionSchema.parse(await response.json());
};

const planOf = (decision: Decision | undefined, { contest }: Case): Plan => {
  const plan = parsePlan(decision?.plan, new Set(contest.pool));
  if (!plan.ok) throw new Error(plan.error);
  return plan.value;
};

/** Numbers to the sixth decimal: the vectors of the two sides come from processes of different threads. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, field: unknown) =>
    typeof field === "number" ? Number(field.toFixed(6)) : field,
  );

describe("one implementation of the decision", () => {
  it("decides on 200 recorded prompts in the evaluation as in the service", () => {
    expect(cases).toHaveLength(200);
    for (const [at, { prediction, request, contest }] of cases.entries()) {
      const expected = decide(prediction, request, contest.heads.encoder.version);
      expect(rounded(served[at])).toEqual(rounded(expected));
    }
  });

  it("scores by the record what the service planned as the evaluation does", () => {
    for (const [at, row] of cases.entries()) {
      const predictions = new Map([[row.prompt, row.prediction]]);
      const scored = decisionRule(row.contest, predictions, row.preference)(row.prompt);
      expect(playPlan(row.prompt, planOf(served[at], row))).toEqual(scored);
    }
  });

  it("reads of a client's words what the evaluation reads of the record", () => {
    for (const { words, prompt } of cases) {
      expect(viewText(promptView(chatOf(words)))).toBe(prompt.texts[0]);
    }
  });
});

const playPlan = (prompt: Prompt, plan: Plan): Played =>
  plan.kind === "ballot" ? playBallot(prompt, plan.ballot) : playSingle(prompt, plan.steps.at(-1)?.worker ?? "");

type Carried = { readonly asked: readonly string[]; readonly events: readonly AnswerEvent[] };

/** The edge carries out a plan with workers that say what was recorded of them. */
const carryOut = async (plan: Plan, { prompt, words }: Case): Promise<Carried> => {
  const asked: string[] = [];
  const runStep: RunStep = async function* ({ step }) {
    asked.push(step.role === "judge" ? `judge ${step.worker}` : step.worker);
    const said = [textDelta(prompt.models[step.worker]?.pred ?? "")];
    yield [stepStart(step.id, step.worker, step.role), ...said, stepEnd(step.id, step.worker, "done")];
    return { step, events: said, end: "stop", error: null, spoke: true };
  };
  const events: AnswerEvent[] = [];
  const batches = execute(plan, {
    chat: chatOf(words),
    alternates: [],
    runStep,
    stream: false,
    extend: async () => true,
    providerOf: (worker) => worker,
    fit: (_, chat) => chat,
    newBoundary: () => "boundary",
    random: () => 0,
    signal: new AbortController().signal,
  });
  for await (const batch of batches) events.push(...batch);
  return { asked, events };
};

/** Whom the edge is to ask, and whose words it is to send, by the replay. */
const byRecord = (prompt: Prompt, ballot: Ballot) => {
  const { votes, winner } = poll(prompt, ballot);
  const asked = votes.map((vote) => vote.worker);
  return winner
    ? { asked, sender: winner.worker }
    : { asked: [...asked, `judge ${ballot.judge ?? ""}`], sender: ballot.judge };
};

describe("one implementation of the ballot", () => {
  it("asks the same workers in the same order and sends the same words in the edge as in the replay", async () => {
    const ballots = cases.flatMap((row, at) => {
      const plan = planOf(served[at], row);
      return plan.kind === "ballot" ? [{ row, plan }] : [];
    });
    expect(ballots.length).toBeGreaterThanOrEqual(150);
    let calls = 0;
    for (const { row, plan } of ballots) {
      const { asked, events } = await carryOut(plan, row);
      const expected = byRecord(row.prompt, plan.ballot);
      expect(asked).toEqual(expected.asked);
      expect(events.at(-1)).toMatchObject({ type: "end", worker: expected.sender });
      calls += asked.length;
    }
    expect(calls).toBeGreaterThan(1.2 * ballots.length);
  });
});
