import { describe, expect, it } from "vitest";
import { bestOf, samplesFor } from "../../../inference/live/best-of-n.ts";
import { compare, type Ground } from "../../../inference/live/compare.ts";
import { tiersAt } from "../../../inference/live/contenders.ts";
import { readOutcomes, type Outcome } from "../../../inference/live/outcomes.ts";
import { askedOf, type Entry } from "../../../inference/record/journal.ts";
import type { Prompt } from "../../../inference/record/prompts.ts";
import type { Run } from "../../../inference/record/run.ts";

const baseline = "x/one";
const verifier = { kind: "number", answer: "1" } as const;
const promptOf = (id: string, problem = id): Prompt => ({
  id,
  domain: "d",
  problem,
  prompt: `Question ${id}`,
  verifier,
});

const outcome = (rest: Partial<Outcome> = {}): Outcome => ({
  correct: 1,
  cost: 1,
  calls: 1,
  ms: 1,
  family: null,
  run: null,
  model: "one-2026",
  at: "2026-11-23T00:00:00.000Z",
  ...rest,
});

const samplesOf = (...preds: readonly (string | null)[]) =>
  new Map(preds.map((pred, repeat) => [repeat, outcome({ pred, correct: pred === "1" ? 1 : 0, ms: repeat })]));

describe("best of n", () => {
  it("takes as many samples as cost what the team cost", () => {
    const single = outcome({ cost: 0.002 });
    const costs = [0, 0.001, 0.0049, 0.0051, 1];
    expect(costs.map((cost) => samplesFor(outcome({ cost }), single))).toEqual([1, 1, 2, 3, 16]);
    expect(samplesFor(outcome({ cost: 0, calls: 4 }), outcome({ cost: 0 }))).toBe(4);
  });

  it("answers with the majority, the earliest of equals, and adds up what all cost", () => {
    expect(bestOf(3, samplesOf("2", "1", "1"), verifier)).toMatchObject({ correct: 1, cost: 3, calls: 3, ms: 2 });
    expect(bestOf(2, samplesOf("2", "1"), verifier)?.correct).toBe(0);
    expect(bestOf(1, samplesOf("2", "1", "1"), verifier)?.correct).toBe(0);
  });

  it("gives what cannot be read no vote", () => {
    expect(bestOf(3, samplesOf(null, null, "1"), verifier)?.correct).toBe(1);
    expect(bestOf(2, samplesOf(null, null), verifier)?.correct).toBe(0);
  });

  it("answers with the first where answers cannot be compared", () => {
    const samples = new Map([0, 1, 2].map((repeat) => [repeat, outcome({ correct: repeat === 0 ? 0 : 1 })]));
    expect(bestOf(3, samples, { kind: "tests", language: "python", tests: "assert f" })?.correct).toBe(0);
  });

  it("is unknown while a sample is missing", () => {
    expect(bestOf(3, samplesOf("1", "1"), verifier)).toBeNull();
  });
});

const prompts = [promptOf("a"), promptOf("b"), promptOf("c"), promptOf("c2", "c")];
const [mini, ultra] = tiersAt(["balanced"]);

type Given = { readonly worker: string; readonly prompt: Prompt; readonly correct: 0 | 1; readonly cost?: number };
const entriesOf = ({ worker, prompt, correct, cost = 0.001 }: Given, repeat = 0, run?: Run): readonly Entry[] => {
  const call = { asked: askedOf(prompt), worker, repeat, at: "2026-11-23T00:00:00.000Z" };
  const spent = { tokens_in: 1, tokens_out: 1, cost_usd: cost, latency_ms: 10 };
  const said = { answer: "", finish: "stop", model: "one-2026" };
  return [
    { type: "answer", ...call, ...said, ...spent, ...(run && { run }) },
    { type: "grade", ...call, correct, pred: String(correct) },
  ];
};
const ran = (family: Run["family"], rest: Partial<Run> = {}): Run => ({
  family,
  worker: baseline,
  source: "conductor",
  fallback: null,
  planner: null,
  revision: null,
  calls: [{ worker: baseline, role: "answer", cost_usd: 0.001 }],
  ...rest,
});
const team = (prompt: Prompt, correct: 0 | 1, run: Run, cost: number) =>
  entriesOf({ worker: ultra?.id ?? "", prompt, correct, cost }, 0, run);
const groundOf = (entries: readonly Entry[]): Ground => ({
  prompts,
  baseline,
  contenders: [{ kind: "worker", id: baseline, model: baseline }, ...(mini && ultra ? [mini, ultra] : [])],
  outcomes: readOutcomes(entries),
  seed: 1,
});

describe("compare", () => {
  it("pairs by task, and leaves out what either has not answered", () => {
    const entries = [
      ...prompts.flatMap((prompt) => entriesOf({ worker: baseline, prompt, correct: 0 })),
      ...prompts
        .slice(0, 2)
        .flatMap((prompt) => entriesOf({ worker: mini?.id ?? "", prompt, correct: 1 }, 0, ran("direct"))),
    ];
    const { rows, differences } = compare(groundOf(entries));
    expect(rows.map(({ name, tasks, right }) => [name, tasks, right])).toEqual([
      [baseline, 4, 0],
      ["shoal-mini balanced", 2, 1],
      ["shoal-ultra balanced", 0, 0],
      ["x/one, best of n (balanced)", 0, 0],
    ]);
    expect(differences).toEqual([
      {
        of: "shoal-mini balanced",
        family: null,
        against: baseline,
        tasks: 2,
        mean: 1,
        interval: [1, 1],
        dollars: { of: 0.002, against: 0.002 },
      },
    ]);
  });

  it("tells apart what Ultra ran, beside a control of the same dollars", () => {
    const [a, b, c, c2] = prompts;
    if (!a || !b || !c || !c2) throw new Error("four prompts");
    const singles = (prompt: Prompt, ...correct: readonly (0 | 1)[]) =>
      correct.flatMap((one, repeat) => entriesOf({ worker: baseline, prompt, correct: one }, repeat));
    const { differences, rows } = compare(
      groundOf([
        ...singles(a, 0, 1, 1),
        ...team(a, 1, ran("ballot"), 0.003),
        ...singles(b, 1),
        ...team(b, 1, ran("direct", { source: "edge_head", fallback: "late" }), 0.001),
        ...singles(c, 0, 0),
        ...team(c, 1, ran("workflow", { planner: "written", revision: "written" }), 0.002),
        ...singles(c2, 0),
        // Its control lacks a sample.
        ...team(c2, 0, ran("workflow"), 0.002),
      ]),
    );
    const found = differences.map(({ family, against, tasks, mean, interval }) => [
      family,
      against,
      tasks,
      mean,
      interval,
    ]);
    const control = "x/one, best of n (balanced)";
    expect(found).toEqual([
      [null, baseline, 4, 0.5, [0, 1]],
      [null, control, 3, 1 / 3, [0, 1]],
      ["direct", baseline, 1, 0, null],
      ["direct", control, 1, 0, null],
      ["ballot", baseline, 1, 1, null],
      ["ballot", control, 1, 0, null],
      // Two prompts of one problem.
      ["workflow", baseline, 2, 0.5, null],
      ["workflow", control, 1, 1, null],
    ]);
    expect(rows.find(({ family }) => family === "workflow")).toMatchObject({ tasks: 2, written: 1, revised: 1 });
    expect(rows.find(({ name, family }) => name === ultra?.id && family === null)).toMatchObject({ fallbacks: 1 });
  });
});
