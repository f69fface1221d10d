import { describe, expect, it } from "vitest";
import { createRandom } from "../../inference/train/fit/random.ts";
import { decide } from "../../shared/decide.ts";
import type { Candidate, PlanRequest } from "../../shared/decision.ts";
import { explore } from "../../shared/exploration.ts";
import { estimateBias, maxBiasOfKey, residualOf, type ScoreGroup, type TenantBias } from "../../shared/feedback.ts";
import type { Prediction } from "../../shared/head.ts";

/** A tenant's requests over some weeks: what the weights foresee, what is so in truth, and who scores how. */
const workers = ["a", "b", "c"] as const;
type Worker = (typeof workers)[number];
type Qualities = Readonly<Record<Worker, number>>;
type Type = "math" | "prose";
type Key = { readonly name: string; readonly scores: (worker: string, right: boolean) => number | null };

type World = {
  readonly foreseen: Readonly<Record<Type, Qualities>>;
  readonly truth: Readonly<Record<Type, Qualities>>;
  readonly keys: readonly Key[];
  readonly share: number;
  readonly learns: boolean;
};

const weights = "2026-11-01-a";
const daysRun = 40;
const requestsPerDay = 100;
const honest = (name: string): Key => ({ name, scores: (_, right) => (right ? 1 : 0) });
const honestKeys = ["k1", "k2", "k3"].map(honest);

/** A prompt is hard for everyone alike, and the weights see that. */
const predictionOf = (type: Type, foreseen: Qualities, hardness: number): Prediction => ({
  types: [
    { name: type, probability: 0.9 },
    { name: type === "math" ? "prose" : "math", probability: 0.1 },
  ],
  support: 1,
  profiles: new Map(
    workers.map((worker) => [
      worker,
      { quality: foreseen[worker] - hardness, outputTokens: 500, latencyMs: 1000, evidence: 100, standardError: null },
    ]),
  ),
  ballot: {},
});

const requestOf = (bias: TenantBias): PlanRequest => ({
  view: { system: "", head: "x", tail: "" },
  extractor: null,
  inputTokens: 100,
  tools: false,
  tier: "mini",
  lambda: 0,
  mu: 0,
  deadlineMs: 150,
  biasWeights: bias.weights,
  candidates: workers.map((worker): Candidate => ({
    worker,
    profile: worker,
    strengths: "measured",
    price: { input: 1, output: 1 },
    latencyMs: null,
    bias: bias.workers[worker]?.all ?? 0,
    typeBias: bias.workers[worker]?.types ?? {},
  })),
});

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

const meanOf = (values: readonly number[]) => sumOf(values) / values.length;

/** Regret of each day: the mean quality that the best worker would have had above the one that was chosen. */
const run = (world: World, seed: number) => {
  const random = createRandom(seed);
  const groups = new Map<string, ScoreGroup>();
  /** By key and worker, how the scores differ from what was foreseen. */
  const errors = new Map<string, { readonly count: number; readonly sum: number }>();
  const errorsOf = (key: string, worker: Worker) => errors.get(`${key} ${worker}`) ?? { count: 0, sum: 0 };
  let bias: TenantBias = { weights, day: "2026-11-01", workers: {} };
  const regrets = Array.from({ length: daysRun }, (_, at) => {
    const day = new Date(Date.UTC(2026, 10, 1 + at)).toISOString().slice(0, 10);
    let regret = 0;
    for (let request = 0; request < requestsPerDay; request++) {
      const type: Type = random() < 0.5 ? "math" : "prose";
      const hardness = 0.4 * random();
      const decision = decide(predictionOf(type, world.foreseen[type], hardness), requestOf(bias), weights);
      const drawn = explore(decision.scores, { share: world.share, baseline: null }, random());
      const worker = workers.find((name) => name === drawn?.worker) ?? "a";
      const truth = world.truth[type];
      regret += (Math.max(...workers.map((name) => truth[name])) - truth[worker]) / requestsPerDay;
      const key = world.keys[request % world.keys.length];
      const score = key?.scores(worker, random() < truth[worker] - hardness) ?? null;
      if (!key || score === null || !world.learns) continue;
      const quality = world.foreseen[type][worker] - hardness;
      const others = workers.filter((name) => name !== worker).map((name) => errorsOf(key.name, name));
      const residual = residualOf(
        { score, quality },
        { count: sumOf(others.map(({ count }) => count)), sum: sumOf(others.map(({ sum }) => sum)) },
      );
      const own = errorsOf(key.name, worker);
      errors.set(`${key.name} ${worker}`, { count: own.count + 1, sum: own.sum + score - quality });
      const name = `${worker} ${type} ${key.name} ${day}`;
      const known = groups.get(name) ?? { worker, type, key: key.name, day, weights, count: 0, sum: 0 };
      groups.set(name, { ...known, count: known.count + 1, sum: known.sum + residual });
    }
    bias = estimateBias([...groups.values()], { day, weights });
    return regret;
  });
  return { bias, early: meanOf(regrets.slice(0, 5)), late: meanOf(regrets.slice(-10)), all: meanOf(regrets) };
};

const alike: Qualities = { a: 0.82, b: 0.8, c: 0.7 };
const seeds = [1, 2, 3, 4, 5];
const mean = (world: World, of: (made: ReturnType<typeof run>) => number) =>
  sumOf(seeds.map((seed) => of(run(world, seed)))) / seeds.length;

/** At this tenant the second best worker is better, at mathematics above all, and the best one worse. */
const different: World = {
  foreseen: { math: alike, prose: alike },
  truth: { math: { a: 0.7, b: 0.88, c: 0.7 }, prose: { a: 0.82, b: 0.83, c: 0.7 } },
  keys: honestKeys,
  share: 0.05,
  learns: true,
};

describe("a tenant whose workers differ from what the weights foresee", () => {
  it("loses less as it gives feedback, and less than without", () => {
    const without = mean({ ...different, learns: false }, ({ all }) => all);
    expect(mean(different, ({ late }) => late)).toBeLessThan(0.35 * without);
    expect(mean(different, ({ late }) => late)).toBeLessThan(0.5 * mean(different, ({ early }) => early));
  });

  it("has biases that go the right way, for the type more than for the rest", () => {
    const { workers: biases } = run(different, 1).bias;
    expect(biases["a"]?.all).toBeLessThan(0);
    expect((biases["a"]?.all ?? 0) + (biases["a"]?.types["math"] ?? 0)).toBeLessThan(
      (biases["b"]?.all ?? 0) + (biases["b"]?.types["math"] ?? 0) - 0.05,
    );
  });
});

describe("a tenant whose workers are as foreseen", () => {
  const same: World = { ...different, truth: different.foreseen };

  it("loses next to nothing by giving feedback", () => {
    expect(mean(same, ({ all }) => all)).toBeLessThan(mean({ ...same, learns: false }, ({ all }) => all) + 0.01);
  });

  it("does not blame a worker for hard prompts, nor for a strict reader of all", () => {
    const strict = ["k1", "k2", "k3"].map((name): Key => ({ name, scores: (_, right) => (right ? 0.6 : 0) }));
    expect(mean({ ...same, keys: strict }, ({ late }) => late)).toBeLessThan(0.02);
  });

  it("is moved by a key that floods one worker with bad scores no more than by that key's bound", () => {
    const flood: Key = { name: "mean", scores: (worker) => (worker === "a" ? 0 : null) };
    const flooded: World = { ...same, keys: [...honestKeys, flood, flood, flood] };
    const near = { math: { a: 0.82, b: 0.72, c: 0.7 }, prose: { a: 0.82, b: 0.72, c: 0.7 } };
    expect(mean(flooded, ({ all }) => all)).toBeLessThanOrEqual(maxBiasOfKey);
    // Nobody is within the bound here but the best: nothing changes for the others.
    const calm: World = { ...same, foreseen: near, truth: near, share: 0 };
    expect(mean({ ...calm, keys: flooded.keys }, ({ all }) => all)).toBeLessThan(0.01);
  });
});
