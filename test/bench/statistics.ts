/** The statistics of the benchmark. Samples are in no order unless said; nothing here is rounded. */

/** Random numbers in [0, 1) that repeat with the seed (mulberry32). */
export const createRandom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** The items in random order, every order equally likely. */
export const shuffle = <T>(items: readonly T[], random: () => number): readonly T[] =>
  items
    .map((item) => ({ item, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item);

/** The value below which the share `q` of the samples lies, interpolated (type 7 of R); NaN without samples. */
export const quantile = (samples: readonly number[], q: number): number => {
  const sorted = Float64Array.from(samples).toSorted();
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
};

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export type Interval = { readonly low: number; readonly high: number };

/** A 95 % interval of a statistic by the percentile bootstrap: `rounds` drawn with replacement, `resamples` times. */
export const bootstrap = <T>(
  rounds: readonly T[],
  statistic: (sample: readonly T[]) => number,
  { random, resamples }: { readonly random: () => number; readonly resamples: number },
): Interval => {
  const draw = () => rounds.map((round) => rounds[Math.floor(random() * rounds.length)] ?? round);
  const values = Array.from({ length: resamples }, () => statistic(draw()));
  return { low: quantile(values, 0.025), high: quantile(values, 0.975) };
};
