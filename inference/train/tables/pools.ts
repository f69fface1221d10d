/** One head for every pool: what Shoal reaches where only some of the recorded workers may be asked. */
import { preferenceTable } from "../../../shared/preference.ts";
import { bootstrapByProblem, type Interval } from "../replay/bootstrap.ts";
import { fitPrices } from "../fit/fit-prices.ts";
import { foldCount, type HeldOut } from "../fit/held-out.ts";
import { playHeldOut, withBallots } from "../replay/measure-held-out.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { lacksSome } from "../replay/contest.ts";
import { playSingle } from "../replay/replay.ts";

/** Held-out decisions within one pool, against its best single worker as the other folds tell. In points. */
export type PoolResult = {
  readonly set: string;
  readonly pool: readonly string[];
  /** Problem by problem as `differences` are. */
  readonly problems: readonly string[];
  readonly differences: readonly number[];
  readonly interval: Interval;
  /** The same decisions less those of a head fitted on the pool's workers alone, in points; null where none was. */
  readonly againstOwn: number | null;
};

export type PoolOptions = {
  readonly set: string;
  /** The widest pool. */
  readonly workers: readonly string[];
  /** Everything recorded of the set: what prices are fitted to. */
  readonly recorded: readonly Prompt[];
  readonly heldOut: readonly HeldOut[];
  readonly seed: number;
};

const draws = 1000;

/** Fitting a ballot takes seconds, and there are a hundred pools: for one in so many. */
const ownEvery = 12;

/**
 * Every pair, every triple and the full pool at the preference for quality, on the prompts that every worker of the
 * widest pool was recorded on. Types, strengths and support are fitted
 * worker by worker, so a head fitted on a pool differs from one restricted to it in the ballot's coefficients alone.
 */
export const measurePools = (options: PoolOptions): readonly PoolResult[] => {
  const { workers, seed } = options;
  const heldOut = options.heldOut.filter(({ prompt }) => !lacksSome(prompt, workers));
  const restricted = withBallots(heldOut, seed);
  const pools = [...subsets(workers, 2), ...subsets(workers, 3), ...(workers.length > 3 ? [workers] : [])];
  return pools.map((pool, at) => measurePool(pool, { ...options, heldOut, restricted, fitsOwn: at % ownEvery === 0 }));
};

type OnePool = PoolOptions & { readonly restricted: readonly HeldOut[]; readonly fitsOwn: boolean };

const measurePool = (pool: readonly string[], options: OnePool): PoolResult => {
  const { set, recorded, heldOut, restricted, fitsOwn, seed } = options;
  const prices = fitPrices(recorded);
  const play = (entries: readonly HeldOut[]) =>
    entries.map((entry) => playHeldOut(entry, { preference: preferenceTable.quality, text: 0, pool, prices }).score);
  const best = bestByFold(heldOut, pool);
  const scores = play(restricted);
  const differences = heldOut.map(
    ({ prompt, fold }, at) => 100 * ((scores[at] ?? 0) - playSingle(prompt, best[fold] ?? "").score),
  );
  const own = fitsOwn ? play(withBallots(onlyOf(heldOut, pool), seed)) : null;
  const problems = heldOut.map(({ prompt }) => prompt.problem);
  return {
    set,
    pool,
    problems,
    differences,
    interval: bootstrapByProblem(differences, problems, { seed, draws }),
    againstOwn: own && 100 * (average(scores) - average(own)),
  };
};

/** Predictions as if the weights knew no others than the pool's workers. */
const onlyOf = (heldOut: readonly HeldOut[], pool: readonly string[]): readonly HeldOut[] =>
  heldOut.map((entry) => ({
    ...entry,
    predictions: entry.predictions.map((prediction) => ({
      ...prediction,
      profiles: new Map(
        pool.flatMap((name) => {
          const profile = prediction.profiles.get(name);
          return profile ? [[name, profile] as const] : [];
        }),
      ),
    })),
  }));

/** By fold: the worker of the best mean on the other folds. */
const bestByFold = (heldOut: readonly HeldOut[], pool: readonly string[]): readonly string[] =>
  Array.from({ length: foldCount }, (_, fold) => {
    const others = heldOut.filter((entry) => entry.fold !== fold);
    const means = pool.map((name) => average(others.map(({ prompt }) => playSingle(prompt, name).score)));
    return pool[means.indexOf(Math.max(...means))] ?? "";
  });

/** What pools of one kind have in common: prompts as they fare in the mean over the pools. */
export const pooledInterval = (results: readonly PoolResult[], seed: number): Interval => {
  const sets = [...Map.groupBy(results, ({ set }) => set)].map(([set, members]) => {
    const [first] = members;
    const problems = first?.problems ?? [];
    return {
      problems: problems.map((problem) => `${set} ${problem}`),
      differences: problems.map((_, at) => average(members.map(({ differences }) => differences[at] ?? 0))),
    };
  });
  return bootstrapByProblem(
    sets.flatMap(({ differences }) => differences),
    sets.flatMap(({ problems }) => problems),
    { seed, draws },
  );
};

const subsets = (items: readonly string[], size: number): readonly (readonly string[])[] =>
  size === 0
    ? [[]]
    : items.flatMap((item, at) => subsets(items.slice(at + 1), size - 1).map((rest) => [item, ...rest]));

const average = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
