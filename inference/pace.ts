/** How fast work goes, learnt from what was done lately. */
export type Pace = {
  /** `cost` was done in `ms`. */
  learn(ms: number, cost: number): void;
  /** Milliseconds until `cost` is done behind `backlog`; 0 when nothing was done lately. */
  estimate(cost: number, backlog: number): number;
};

const maxSamples = 16;
const maxAgeMs = 10_000;

/**
 * The median of recent work, so that one hiccup counts for nothing. Without a backlog the best of it: a refusal
 * teaches nothing, and must not lead to the next. For the same reason what is old is forgotten.
 */
export const createPace = (now: () => number): Pace => {
  let samples: readonly { readonly at: number; readonly rate: number }[] = [];

  return {
    learn(ms, cost) {
      samples = [...samples, { at: now(), rate: ms / cost }].slice(-maxSamples);
    },
    estimate(cost, backlog) {
      const oldest = now() - maxAgeMs;
      const rates = samples
        .filter((sample) => sample.at >= oldest)
        .map((sample) => sample.rate)
        .toSorted((a, b) => a - b);
      const rate = rates[backlog === 0 ? 0 : Math.floor(rates.length / 2)] ?? 0;
      return rate * (backlog + cost);
    },
  };
};
