import { describe, expect, it } from "vitest";
import { evaluate, type LoggedAnswer } from "../../shared/doubly-robust.ts";
import { explore } from "../../shared/exploration.ts";
import { createRandom } from "../../inference/train/fit/random.ts";

const workers = ["a", "b", "c"] as const;

type World = {
  /** By how much the foreseen quality is off. */
  readonly error: number;
  readonly share: number;
  readonly answers: number;
};

/** Scored answers of a conductor that explores, and what its and the baseline's mean scores are in truth. */
const simulate = (seed: number, { error, share, answers }: World) => {
  const random = createRandom(seed);
  const truth = { conductor: 0, baseline: 0 };
  const logged = Array.from({ length: answers }, (): LoggedAnswer => {
    const hardness = 0.5 * random();
    const real = Object.fromEntries(workers.map((worker) => [worker, 0.3 + hardness + 0.2 * random()]));
    const qualities = Object.fromEntries(
      workers.map((worker) => [worker, (real[worker] ?? 0) + error * (random() - 0.3)]),
    );
    const scores = workers
      .map((worker) => {
        const quality = qualities[worker] ?? 0;
        return { worker, quality, costDollars: 0.001, latencyMs: null, utility: quality };
      })
      .toSorted((x, y) => y.utility - x.utility);
    const [best] = scores;
    const drawn = explore(scores, { share, baseline: "c" }, random());
    if (!best || !drawn) throw new Error("there are workers");
    truth.conductor += (real[best.worker] ?? 0) / answers;
    truth.baseline += (real["c"] ?? 0) / answers;
    return {
      qualities,
      best: best.worker,
      chosen: drawn.worker,
      propensities: drawn.propensities,
      score: random() < (real[drawn.worker] ?? 0) ? 1 : 0,
    };
  });
  return { logged, truth, difference: truth.conductor - truth.baseline };
};

const runs = 200;
const world: World = { error: 0.2, share: 0.1, answers: 1500 };
const simulations = Array.from({ length: runs }, (_, seed) => {
  const { logged, difference } = simulate(seed + 1, world);
  return { logged, difference, made: evaluate(logged, "c") };
});

const valueOf = (answer: LoggedAnswer, worker: string) =>
  answer.chosen === worker ? answer.score / (answer.propensities[worker] ?? 1) : 0;

/** Inverse propensity weighting alone. */
const weigh = (logged: readonly LoggedAnswer[]) => {
  return logged.reduce((sum, answer) => sum + valueOf(answer, answer.best) - valueOf(answer, "c"), 0) / logged.length;
};

const varianceOf = (values: readonly number[]) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
};

describe("a doubly robust estimate", () => {
  const errors = simulations.flatMap(({ made, difference }) =>
    made.identified ? [made.difference.value - difference] : [],
  );

  it("holds the truth in its interval as often as it says", () => {
    const held = simulations.filter(
      ({ made, difference }) =>
        made.identified && made.difference.low <= difference && difference <= made.difference.high,
    );
    expect(held.length / runs).toBeGreaterThanOrEqual(0.93);
  });

  it("is off by nothing on average, though the foreseen qualities are", () => {
    expect(errors).toHaveLength(runs);
    const mean = errors.reduce((sum, error) => sum + error, 0) / runs;
    expect(Math.abs(mean)).toBeLessThan(3 * Math.sqrt(varianceOf(errors) / runs));
  });

  it("scatters less than weighting by propensities alone", () => {
    const weighted = simulations.map(({ logged, difference }) => weigh(logged) - difference);
    expect(varianceOf(errors)).toBeLessThan(0.7 * varianceOf(weighted));
  });

  it("tells how few answers the baseline's part rests on", () => {
    const { made } = simulations[0] ?? {};
    if (!made?.identified) throw new Error("it is identified");
    expect(made.baseline.effectiveSampleSize).toBeLessThan(0.2 * world.answers);
    expect(made.conductor.effectiveSampleSize).toBeGreaterThan(0.8 * world.answers);
  });
});

const reasonOf = (answers: readonly LoggedAnswer[]) => {
  const made = evaluate(answers, "c");
  return made.identified ? null : made.reason;
};

describe("without a number", () => {
  const answer: LoggedAnswer = {
    qualities: { a: 0.8, c: 0.6 },
    best: "a",
    chosen: "a",
    propensities: { a: 1 },
    score: 1,
  };

  it("says that nothing was drawn", () => {
    expect(reasonOf([])).toContain("exploration is off");
  });

  it("says that the baseline could not have been drawn", () => {
    expect(reasonOf(Array.from({ length: 100 }, () => answer))).toBe(
      "not identified: c could not have been drawn for 100 of 100 scored answers (its propensity is 0)",
    );
  });

  it("says that there are too few answers, or too few by the baseline", () => {
    const drawn = { ...answer, propensities: { a: 0.95, c: 0.05 } };
    expect(reasonOf(Array.from({ length: 29 }, () => drawn))).toContain("too few: 30 are needed");
    expect(reasonOf(Array.from({ length: 100 }, () => drawn))).toContain("0 scored answers by c are too few");
  });
});
