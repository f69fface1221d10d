import { describe, expect, it } from "vitest";
import { candidates } from "../../inference/train/compete/candidates.ts";
import { bestSingleName, compete } from "../../inference/train/compete/compete.ts";
import { openField } from "../../inference/train/compete/field.ts";
import { neighbors } from "../../inference/train/compete/neighbors.ts";
import { openOuterFolds } from "../../inference/train/compete/nested.ts";
import { principalCoordinates } from "../../inference/train/compete/project.ts";
import { evolve } from "../../inference/train/compete/sep-cma-es.ts";
import { standingsOf } from "../../inference/train/compete/standings.ts";
import type { Prompt } from "../../inference/train/recordings/prompts.ts";
import { createRandom } from "../../inference/train/fit/random.ts";
import { hashFeatures } from "../../shared/ngrams.ts";

const start = new Float64Array(10).fill(3);

describe("sep-CMA-ES", () => {
  it.each([
    ["a sphere", 1],
    ["an ellipsoid whose axes differ by a thousand", 1000],
  ])("minimizes %s", (_name, ratio) => {
    const objective = (at: Float64Array) =>
      at.reduce((sum, value, place) => sum + (ratio ** (place / (at.length - 1)) * value) ** 2, 0);
    const options = { start, spread: 1, generations: 500 };
    const found = evolve(objective, { ...options, random: createRandom(1) });
    expect(objective(found)).toBeLessThan(1e-9);
    expect(evolve(objective, { ...options, random: createRandom(1) })).toEqual(found);
  });
});

const product = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

describe("principalCoordinates", () => {
  it("keeps the inner products of rows that lie in few directions", () => {
    const random = createRandom(2);
    const rows = Array.from({ length: 40 }, () => [4, 1.5, 0.5].map((length) => length * (random() - 0.5)));
    const gram = rows.map((row) => Float64Array.from(rows, (other) => product(row, other)));
    const training = Array.from({ length: 20 }, (_, at) => at);
    const coordinates = principalCoordinates(gram, training, { dimensions: 3, random });
    for (const [at, line] of coordinates.entries()) {
      for (const [other, second] of coordinates.entries())
        expect(product([...line], [...second])).toBeCloseTo(gram[at]?.[other] ?? Number.NaN, 2);
    }
  });
});

const themes = [
  { type: "code", words: ["function", "loop", "array", "compile", "pointer"], best: "coder" },
  { type: "law", words: ["court", "statute", "judge", "appeal", "verdict"], best: "lawyer" },
];
const pool = themes.map(({ best }) => best);

/** Two themes with words of their own, and for each the worker that is right on it; two prompts a problem. */
const recorded = (count: number): readonly Prompt[] => {
  const random = createRandom(3);
  return Array.from({ length: count }, (_, at) => {
    const theme = themes[at % 2] ?? { type: "", words: [], best: "" };
    const text = Array.from({ length: 8 }, () => theme.words[Math.floor(random() * 5)]).join(" ");
    const models = Object.fromEntries(pool.map((name) => [name, { correct: name === theme.best ? 1 : 0 }]));
    const problem = `${Math.floor(at / 4)} ${at % 2}`;
    return { set: "s", id: `${at}`, problem, domain: theme.type, type: theme.type, texts: [text], models };
  });
};

const prompts = recorded(120);
const shape = { dense: 0, buckets: 256 };
const field = openField(prompts, { pool, shape, rowOf: (text) => ({ dense: null, sparse: hashFeatures(text, 256) }) });
const folds = openOuterFolds(field, prompts, { seed: 1, exact: true });

describe("the competition", () => {
  it("scores every prompt once, by a training that has not seen its problem", () => {
    expect(folds.flatMap(({ scored }) => scored.map(({ id }) => id)).toSorted()).toEqual(
      prompts.map(({ id }) => id).toSorted(),
    );
    for (const { learnt, scored, training } of folds) {
      const seen = new Set(training.texts.map((text) => field.texts[text]?.prompt.problem));
      expect(scored.filter(({ problem }) => seen.has(problem))).toEqual([]);
      expect(seen).toEqual(new Set(learnt.map(({ problem }) => problem)));
    }
  });

  it.each(candidates.map((candidate) => [candidate.name, candidate] as const))(
    "%s tells two themes apart",
    (_name, { variants }) => {
      const [fold] = folds;
      const qualityOf = fold && variants[0]?.fit(fold.training);
      const chosen = fold?.scored.map((prompt) => {
        const quality = qualityOf?.(field.textsOf.get(prompt)?.[0] ?? 0);
        return pool[quality?.indexOf(Math.max(...quality)) ?? 0];
      });
      expect(chosen).toEqual(fold?.scored.map((prompt) => themes.find(({ type }) => type === prompt.type)?.best));
    },
  );

  it("chooses settings inside each training and compares with the best single worker", () => {
    const standings = standingsOf(compete(field, folds, [neighbors]), "whole");
    const [first] = standings;
    const scoreOf = (wanted: string) => standings.find(({ name }) => name === wanted)?.at.balanced.score;
    expect(first?.at.balanced.score).toBe(100);
    expect(Object.values(first?.chosen ?? {}).reduce((sum, count) => sum + count, 0)).toBe(folds.length);
    expect(scoreOf("oracle")).toBe(100);
    expect(scoreOf(bestSingleName)).toBeLessThan(70);
    expect(first?.againstBest?.low).toBeGreaterThan(10);
  });
});
