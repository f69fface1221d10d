import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHead, predict, packMatrix, type HeadJson } from "../../shared/head.ts";
import { measureCalibration } from "../../inference/train/calibrate/error.ts";
import { fitGround, readGround } from "../../inference/train/calibrate/ground.ts";
import { fitCohort, joinCohorts, sigmoid, type Labeled } from "../../inference/train/calibrate/model.ts";
import { parseOptions } from "../../inference/train/calibrate/options.ts";
import { choosePrompts, estimate, groupByType, placeWorker } from "../../inference/train/calibrate/place.ts";
import { fitProfile } from "../../inference/train/calibrate/profile.ts";
import { withProfiles } from "../../inference/train/calibrate/weights.ts";
import type { Prompt } from "../../inference/train/recordings/prompts.ts";
import { createRandom } from "../../inference/train/fit/random.ts";

const workers = ["a", "b", "c", "d", "e"];
const offsets = { a: -0.6, b: -0.2, c: 0, d: 0.3, e: 0.5, new: 1.2 };

/** Outcomes drawn from the model: prompts of every difficulty, workers that differ by an offset and by type. */
const draw = (count: number, seed = 1): readonly Prompt[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, at): Prompt => {
    const type = at % 2;
    const ease = 3 * (random() - 0.5) + (type === 0 ? 0.5 : -0.5);
    const outcome = (offset: number) => ({ correct: random() < sigmoid(ease + offset) ? 1 : 0, tokens_out: 100 });
    return {
      set: "drawn",
      id: `p${at}`,
      problem: `p${at}`,
      domain: type === 0 ? "code" : "math",
      type: type === 0 ? "code" : "math",
      texts: [type === 0 ? "code" : "math"],
      models: Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, outcome(offset)])),
    };
  });
};

const label = (prompts: readonly Prompt[]): readonly Labeled[] =>
  prompts.map(({ id, type, models }) => ({ id, models, type: type === "code" ? 0 : 1 }));

const prompts = draw(1200);
const cohort = fitCohort(label(prompts), workers, 2);
const scoreIn = ({ models }: Prompt, worker: string) => models[worker]?.correct ?? 0;
const meanOf = (rows: readonly Prompt[], worker: string) =>
  rows.reduce((sum, prompt) => sum + scoreIn(prompt, worker), 0) / rows.length;

const observe = (ids: readonly string[], worker = "new") => {
  const items = new Map(cohort.items.map((item) => [item.id, item]));
  return ids.flatMap((id) => {
    const item = items.get(id);
    const prompt = prompts.find((entry) => entry.id === id);
    if (!item || !prompt) return [];
    return [{ types: item.type === 0 ? [1, 0] : [0, 1], logit: item.logit, score: scoreIn(prompt, worker) }];
  });
};

const chooseIds = (count: number) =>
  choosePrompts(cohort, placeWorker(cohort, []), { candidates: cohort.items, count }).map(({ id }) => id);

const errorOf = (count: number) =>
  estimate(cohort.items, placeWorker(cohort, observe(chooseIds(count)))) ?? { value: 0, error: 1 };

describe("placing a new worker", () => {
  it("starts from what the known workers do, and is unsure", () => {
    const { value, error } = errorOf(0);
    expect(Math.abs(value - meanOf(prompts, "c"))).toBeLessThan(0.05);
    expect(error).toBeGreaterThan(0.08);
  });

  it("comes near its mean over all prompts by forty of them", () => {
    const { value, error } = errorOf(40);
    expect(Math.abs(value - meanOf(prompts, "new"))).toBeLessThan(2 * error);
    expect(error).toBeLessThan(0.07);
  });

  it("grows sure with every further prompt", () => {
    const errors = [0, 10, 40, 160, 640].map((count) => errorOf(count).error);
    expect(errors).toEqual(errors.toSorted((a, b) => b - a));
    expect(errors.at(-1)).toBeLessThan(0.02);
  });

  it("is not fooled by easy prompts: what all do right says little", () => {
    const easiest = cohort.items.toSorted((a, b) => b.logit - a.logit).slice(0, 40);
    const posterior = placeWorker(cohort, observe(easiest.map(({ id }) => id)));
    const placed = estimate(cohort.items, posterior);
    expect(
      meanOf(
        prompts.filter(({ id }) => easiest.some((item) => item.id === id)),
        "new",
      ),
    ).toBeGreaterThan(0.9);
    expect(placed?.value).toBeLessThan(0.85);
    expect(placed?.error).toBeGreaterThan(errorOf(40).error);
  });

  it("says nothing of a cohort that it was not compared with", () => {
    const joined = joinCohorts([cohort, cohort]);
    const seen = observe(chooseIds(200)).map((row) => ({ ...row, types: [...row.types, 0, 0] }));
    const groups = groupByType(joined).map((items) => estimate(items, placeWorker(joined, seen))?.error ?? 0);
    const before = groupByType(cohort).map((items) => estimate(items, placeWorker(cohort, []))?.error ?? 0);
    expect(groups[0]).toBeLessThan(0.05);
    expect(groups.slice(2)).toEqual(before.map((error) => expect.closeTo(error, 6)));
  });

  it("estimates probabilities whatever was answered", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(1199), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 60 }),
        (list) => {
          const rows = list.flatMap(([at, score]) => observe([`p${at}`]).map((row) => ({ ...row, score })));
          const placed = estimate(cohort.items, placeWorker(cohort, rows));
          expect(placed?.value).toBeGreaterThan(0);
          expect(placed?.value).toBeLessThan(1);
          expect(placed?.error).toBeGreaterThan(0);
        },
      ),
      { numRuns: 30 },
    );
  });
});

/** How much a mean prompt divides the known workers: at most a quarter. */
const splitOf = (items: typeof cohort.items) =>
  items.reduce((sum, { logit }) => sum + sigmoid(logit) * (1 - sigmoid(logit)), 0) / items.length;

describe("choosing prompts", () => {
  it("looks at no outcome of the new worker's", () => {
    const blind = prompts.map((prompt) => ({ ...prompt, models: { ...prompt.models, new: { correct: 0 } } }));
    const items = fitCohort(label(blind), workers, 2);
    const chosen = choosePrompts(items, placeWorker(items, []), { candidates: items.items, count: 50 });
    expect(chosen.map(({ id }) => id)).toEqual(chooseIds(50));
  });

  it("prefers prompts on which the known workers differ", () => {
    const chosen = new Set(chooseIds(60));
    const split = splitOf(cohort.items.filter(({ id }) => chosen.has(id)));
    expect(split).toBeGreaterThan(splitOf(cohort.items));
  });

  it("asks more of the type that is more frequent", () => {
    const rare = prompts.filter((prompt, at) => prompt.type === "code" || at % 20 === 1);
    const uneven = fitCohort(label(rare), workers, 2);
    const chosen = choosePrompts(uneven, placeWorker(uneven, []), { candidates: uneven.items, count: 60 });
    expect(chosen.filter(({ type }) => type === 0).length).toBeGreaterThan(40);
  });

  it("asks no prompt twice and ends where there are no more", () => {
    const ids = chooseIds(5000);
    expect(new Set(ids).size).toBe(1200);
    expect(ids).toHaveLength(1200);
  });
});

describe("the error of a calibration", () => {
  const trials = measureCalibration(draw(900, 2), { set: "drawn", pool: [...workers, "new"], splits: 2, seed: 1 });
  const mean = (method: string, count: number) => {
    const rows = trials.filter((trial) => trial.method === method && trial.prompts === count);
    return rows.reduce((sum, { strengthError }) => sum + strengthError, 0) / rows.length;
  };

  it("falls with the number of prompts, and lies below plain means of as many", () => {
    expect(mean("chosen", 320)).toBeLessThan(mean("chosen", 10));
    expect(mean("chosen", 10)).toBeLessThan(mean("plain means", 10));
  });

  it("lies within the stated errors about as often as it should", () => {
    const covered = trials.flatMap((trial) => trial.covered ?? []);
    expect(covered.reduce((sum, share) => sum + share, 0) / covered.length).toBeGreaterThan(0.88);
  });
});

const json: HeadJson = {
  kind: "encoder",
  version: "2026-11-22-abc",
  trained: { date: "2026-11-22", seed: 1, recordings: [], encoder: null, measured: [] },
  features: 2,
  types: ["code", "math"],
  typeWeights: packMatrix(
    [
      [9, 0],
      [0, 9],
    ],
    2,
  ),
  typeBias: [0, 0],
  profiles: workers.map((name) => ({
    name,
    mean: 0.5,
    strengths: [0.6, 0.4],
    evidence: [600, 600],
    outputTokens: [100, 100],
    latencyMs: [null, null],
  })),
  residual: null,
  support: { centers: packMatrix([[1, 0]], 2), far: -1, near: 0 },
  ballot: {},
};

const headOf = (value: unknown) => {
  const head = parseHead(value);
  if (!head.ok) throw new Error(head.error);
  return head.value;
};

describe("a calibrated profile", () => {
  const head = headOf(json);
  const known = prompts.map((prompt) => ({
    ...prompt,
    models: Object.fromEntries(Object.entries(prompt.models).filter(([name]) => name !== "new")),
  }));
  const ground = fitGround([{ pools: [workers], prompts: known }]);
  const reading = readGround(ground, {
    head,
    featuresOf: (text) => (text === "code" ? Float32Array.of(1, 0) : Float32Array.of(0, 1)),
  });
  const fit = (rows: readonly Prompt[], worker = "vendor/new") =>
    fitProfile(worker, rows, { ground, reading, date: "2026-12-01" });
  const asked = prompts
    .filter(({ id }) => chooseIds(120).includes(id))
    .map((prompt) => ({ ...prompt, models: { "vendor/new": prompt.models["new"] ?? { correct: 0 } } }));
  const profile = fit(asked);

  it("has strengths within three errors of what was recorded, its evidence and its day", () => {
    expect(profile.calibration).toMatchObject({ prompts: 120, date: "2026-12-01" });
    for (const [at, type] of ["code", "math"].entries()) {
      const recorded = meanOf(
        prompts.filter((prompt) => prompt.type === type),
        "new",
      );
      const error = profile.calibration?.standardErrors[at] ?? 0;
      expect(Math.abs((profile.strengths[at] ?? 0) - recorded)).toBeLessThan(3 * error);
    }
    expect(profile.evidence.reduce((sum, count) => sum + count, 0)).toBe(120);
    expect(profile.outputTokens).toEqual([100, 100]);
    expect(profile.latencyMs).toEqual([null, null]);
  });

  it("rests on no prompt whose text is not known", () => {
    const untold = prompts.slice(0, 5).map((prompt, at) => ({ ...prompt, id: `untold${at}`, texts: [] }));
    const models = { "vendor/new": { correct: 1, tokens_out: 900 } };
    expect(fit([...asked, ...untold.map((prompt) => ({ ...prompt, models }))])).toEqual(profile);
  });

  it("reads own prompts beside what the head predicts for the known workers", () => {
    const own = Array.from({ length: 40 }, (_, at) => draw(1).map((prompt) => ({ ...prompt, id: `own${at}` }))).flat();
    const right = fit(own.map((prompt) => ({ ...prompt, models: { "vendor/new": { correct: 1 } } })));
    const wrong = fit(own.map((prompt) => ({ ...prompt, models: { "vendor/new": { correct: 0 } } })));
    expect(right.strengths[0]).toBeGreaterThan(0.8);
    expect(wrong.strengths[0]).toBeLessThan(0.3);
  });

  it("counts no call that failed", () => {
    const failed = asked.map((prompt) => ({ ...prompt, models: { "vendor/new": { correct: 0, outage: true } } }));
    expect(() => fit(failed)).toThrow("no outcome to calibrate on");
  });

  it("goes into the weights under its own name, and is replaced by the next", () => {
    const text = `${JSON.stringify(json)}\n`;
    const once = withProfiles(text, [profile]);
    const twice = withProfiles(once, [{ ...profile, mean: 0.9 }]);
    expect(headOf(JSON.parse(twice)).profiles.get("vendor/new")?.mean).toBe(0.9);
    expect(headOf(JSON.parse(twice)).profiles.size).toBe(workers.length + 1);
    expect(headOf(JSON.parse(once)).version).toMatch(/^2026-11-22-abc\+[0-9a-f]{8}$/);
    expect(headOf(JSON.parse(twice)).version).toMatch(/^2026-11-22-abc\+[0-9a-f]{8}$/);
    expect(predict(headOf(JSON.parse(once)), Float32Array.of(1, 0), ["vendor/new"]).profiles.size).toBe(1);
  });

  it("leaves all else in the weights as it was, byte by byte", () => {
    const text = `${JSON.stringify(json)}\n`;
    const written: unknown = JSON.parse(withProfiles(text, [profile]));
    const without = { ...Object(written), version: json.version, profiles: json.profiles };
    expect(`${JSON.stringify(without)}\n`).toBe(text);
    expect(() => withProfiles("{}", [profile])).toThrow("no weights");
  });

  it("does not take the place of a profile that was trained", () => {
    const [trained] = json.profiles;
    const usurper = { ...profile, name: trained?.name ?? "" };
    expect(() => withProfiles(`${JSON.stringify(json)}\n`, [usurper])).toThrow("were trained on");
  });
});

describe("npm run calibrate", () => {
  it("takes files after one --recordings, and workers by name", () => {
    expect(parseOptions(["--recordings", "a.jsonl", "b.jsonl", "--workers", "x/y, x/z"], "/d")).toEqual({
      ok: true,
      value: {
        recordings: ["/d/a.jsonl", "/d/b.jsonl"],
        workers: ["x/y", "x/z"],
        choose: null,
        date: null,
      },
    });
  });

  it.each([
    [[], "--recordings FILE"],
    [["--choose", "5"], "--out"],
    [["--choose", "many", "--out", "f"], "--choose is a whole number"],
    [["--recordings", "a", "--date", "soon"], "--date is a day"],
    [["--unknown"], "npm run calibrate"],
  ])("refuses %j", (argv, message) => {
    const parsed = parseOptions(argv, "/d");
    expect(parsed.ok ? "" : parsed.error).toContain(message);
  });
});
