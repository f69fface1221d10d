/** How well a new worker is placed by so many prompts: every known worker is left out and placed anew. */
import { fitCohort, scoreOf, type Cohort, type Labeled, type Observation } from "./model.ts";
import { choosePrompts, estimate, groupByType, placeWorker } from "./place.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import { createRandom, foldsByProblem, shuffled } from "../fit/random.ts";

/** How prompts are chosen and outcomes are read. */
export const methods = ["chosen", "random", "shrunk means", "plain means"] as const;
export type Method = (typeof methods)[number];

export const promptCounts = [10, 20, 40, 80, 160, 320] as const;

/** One left-out worker, placed by so many prompts of one half of the problems and judged on the other half. */
export type Trial = {
  readonly set: string;
  readonly worker: string;
  readonly method: Method;
  readonly prompts: number;
  /** Mean absolute error of the strengths, types weighted by how frequent they are. */
  readonly strengthError: number;
  readonly meanError: number;
  /** Quality that the pool loses when it is routed by task type with these strengths, against those of the whole half. */
  readonly regret: number;
  /** Share of strengths (weighted) within 1.96 standard errors, the other half's own sampling error included. */
  readonly covered: number | null;
};

export type ErrorOptions = {
  readonly set: string;
  readonly pool: readonly string[];
  readonly splits: number;
  readonly seed: number;
};

export const measureCalibration = (prompts: readonly Prompt[], options: ErrorOptions): readonly Trial[] => {
  const readable = prompts.filter(isReadable);
  const names = [...new Set(readable.map(({ type }) => type))].toSorted();
  const labeled = readable.map((prompt) => ({ ...prompt, type: names.indexOf(prompt.type) }));
  return Array.from({ length: options.splits }, (_, split) => options.seed + split).flatMap((seed) => {
    const folds = foldsByProblem(
      labeled.map(({ problem }) => problem),
      2,
      seed,
    );
    const halves = [0, 1].map((fold) => labeled.filter((_, at) => folds[at] === fold));
    const [near = [], far = []] = halves;
    return options.pool.flatMap((worker) => leaveOut({ near, far, worker, types: names.length, seed }, options));
  });
};

type Split = {
  readonly near: readonly Labeled[];
  readonly far: readonly Labeled[];
  readonly worker: string;
  readonly types: number;
  readonly seed: number;
};

const leaveOut = (split: Split, { set, pool }: ErrorOptions): readonly Trial[] => {
  const { worker, types } = split;
  const known = pool.filter((name) => name !== worker);
  const asked = split.near.filter(({ models }) => scoreOf(models[worker]) !== null);
  const cohort = fitCohort(asked, known, types);
  const random = createRandom(split.seed);
  const orders = {
    chosen: choosePrompts(cohort, placeWorker(cohort, []), {
      candidates: cohort.items,
      count: promptCounts.at(-1) ?? 0,
    }).map(({ id }) => id),
    random: shuffled(asked, random).map(({ id }) => id),
  };
  const truth = truthOf(split, known);
  return promptCounts
    .filter((count) => count <= asked.length)
    .flatMap((count) =>
      methods.map((method): Trial => {
        const order = method === "chosen" ? orders.chosen : orders.random;
        const guess = guessOf(split, { cohort, method, ids: new Set(order.slice(0, count)) });
        return { set, worker, method, prompts: count, ...judge(guess, truth) };
      }),
    );
};
type Guess = {
  readonly strengths: readonly number[];
  readonly errors: readonly number[] | null;
  readonly mean: number;
};

const guessOf = (
  split: Split,
  { cohort, method, ids }: { cohort: Cohort; method: Method; ids: ReadonlySet<string> },
): Guess => {
  const asked = split.near.filter(({ id }) => ids.has(id));
  const scores = asked.map(({ type, models }) => ({ type, score: scoreOf(models[split.worker]) ?? 0 }));
  if (method === "plain means" || method === "shrunk means")
    return meansOf(scores, split.types, method === "plain means" ? 0 : typePrior);
  const items = new Map(cohort.items.map((item) => [item.id, item]));
  const observations = asked.map(({ id, type }, at): Observation => ({
    types: Array.from({ length: split.types }, (_, other) => (other === type ? 1 : 0)),
    logit: items.get(id)?.logit ?? 0,
    score: scores[at]?.score ?? 0,
  }));
  const posterior = placeWorker(cohort, observations);
  const mean = estimate(cohort.items, posterior) ?? { value: 0.5, error: 0.5 };
  const strengths = groupByType(cohort).map((group) => estimate(group, posterior) ?? mean);
  return {
    strengths: strengths.map(({ value }) => value),
    errors: strengths.map(({ error }) => error),
    mean: mean.value,
  };
};

/** As training shrinks a type to the worker's mean. */
const typePrior = 10;

const meansOf = (scores: readonly { type: number; score: number }[], types: number, prior: number): Guess => {
  const mean = average(scores.map(({ score }) => score));
  const strengths = Array.from({ length: types }, (_, type) => {
    const own = scores.filter((row) => row.type === type).map(({ score }) => score);
    return own.length + prior === 0 ? mean : (own.reduce((a, b) => a + b, 0) + prior * mean) / (own.length + prior);
  });
  return { strengths, errors: null, mean };
};

type Truth = {
  readonly shares: readonly number[];
  readonly strengths: readonly number[];
  readonly variances: readonly number[];
  readonly mean: number;
  /** By type: the best known worker's strength by the near half, and what it scores in the far half. */
  readonly rival: readonly { readonly believed: number; readonly scored: number }[];
  /** The new worker's strengths by all of the near half. */
  readonly whole: readonly number[];
};

const scoresOf = (prompts: readonly Labeled[], model: string, type: number): readonly number[] =>
  prompts.filter((prompt) => prompt.type === type).flatMap(({ models }) => scoreOf(models[model]) ?? []);

const truthOf = ({ near, far, worker, types }: Split, known: readonly string[]): Truth => {
  const own = Array.from({ length: types }, (_, type) => scoresOf(far, worker, type));
  const all = own.flat();
  return {
    shares: own.map((scores) => scores.length / all.length),
    strengths: own.map(average),
    variances: own.map((scores, type) => samplingVariance(scores) + samplingVariance(scoresOf(near, worker, type))),
    mean: average(all),
    rival: own.map((_, type) => {
      const best = known
        .map((name) => ({ name, believed: average(scoresOf(near, name, type)) }))
        .reduce((a, b) => (b.believed > a.believed ? b : a));
      return { believed: best.believed, scored: average(scoresOf(far, best.name, type)) };
    }),
    whole: own.map((_, type) => average(scoresOf(near, worker, type))),
  };
};

const samplingVariance = (scores: readonly number[]): number =>
  scores.length < 2 ? 0.25 : (average(scores.map((score) => score * score)) - average(scores) ** 2) / scores.length;

const judge = ({ strengths, errors, mean }: Guess, truth: Truth) => {
  const weighted = (values: readonly number[]) =>
    values.reduce((sum, value, type) => sum + value * (truth.shares[type] ?? 0), 0);
  const off = strengths.map((value, type) => Math.abs(value - (truth.strengths[type] ?? 0)));
  const routed = (believed: readonly number[]) =>
    weighted(
      believed.map((value, type) => {
        const rival = truth.rival[type];
        return rival && rival.believed >= value ? rival.scored : (truth.strengths[type] ?? 0);
      }),
    );
  return {
    strengthError: weighted(off),
    meanError: Math.abs(mean - truth.mean),
    regret: routed(truth.whole) - routed(strengths),
    covered:
      errors &&
      weighted(
        off.map((value, type) =>
          value <= 1.96 * Math.sqrt((errors[type] ?? 0) ** 2 + (truth.variances[type] ?? 0)) ? 1 : 0,
        ),
      ),
  };
};

const average = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
