import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openContest } from "../../inference/train/replay/contest.ts";
import type { Embeddings } from "../../inference/train/fit/embed.ts";
import { parseFlags } from "../../inference/train/evaluate/flags.ts";
import { fitHead } from "../../inference/train/fit/fit-head.ts";
import { readyHead } from "../../inference/train/fit/held-out.ts";
import { mixtureAt, upperHull } from "../../inference/train/replay/hull.ts";
import { readKnownSets, recognizeSet } from "../../inference/train/recordings/known-sets.ts";
import { learnedRules } from "../../inference/train/replay/learners.ts";
import type { Prompt } from "../../inference/train/recordings/prompts.ts";
import { hashFeatures } from "../../shared/ngrams.ts";

describe("upperHull", () => {
  const points = fc
    .array(fc.record({ cost: fc.double({ min: 0, max: 9, noNaN: true }), score: fc.nat(100) }), {
      minLength: 1,
      maxLength: 12,
    })
    .map((all) => all.map((point, at) => ({ ...point, name: String(at) })));

  it("lies above every point and rises from the cheapest to the best", () => {
    fc.assert(
      fc.property(points, (all) => {
        const hull = upperHull(all);
        const scoreOf = new Map(hull.map(({ name, score }) => [name, score]));
        const reached = all.map(({ cost }) =>
          mixtureAt(hull, cost).reduce((sum, { name, share }) => sum + share * (scoreOf.get(name) ?? 0), 0),
        );
        expect(all.filter(({ score }, at) => score > (reached[at] ?? 0) + 1e-6)).toEqual([]);
        expect(hull.map(({ score }) => score)).toEqual(hull.map(({ score }) => score).toSorted((a, b) => a - b));
      }),
    );
  });

  it("mixes its neighbors at a cost between them", () => {
    const hull = upperHull([
      { name: "cheap", cost: 1, score: 0.5 },
      { name: "dear", cost: 3, score: 0.7 },
      { name: "wasteful", cost: 2, score: 0.5 },
    ]);
    expect(hull.map(({ name }) => name)).toEqual(["cheap", "dear"]);
    expect(mixtureAt(hull, 1.5)).toEqual([
      { name: "cheap", share: 0.75 },
      { name: "dear", share: 0.25 },
    ]);
    expect(mixtureAt(hull, 9)).toEqual([{ name: "dear", share: 1 }]);
    expect(mixtureAt(hull, 0)).toEqual([{ name: "cheap", share: 1 }]);
  });
});

/** As many prompts as types: each names the one worker that is right on it. */
const riddles = (count: number): Prompt[] =>
  Array.from({ length: count }, (_, at) => ({
    set: "riddles",
    id: `${at}`,
    problem: `${at}`,
    domain: "riddle",
    type: `type ${at}`,
    texts: [`riddle ${at}`],
    models: {
      first: { correct: at % 2 },
      second: { correct: 1 - (at % 2) },
      third: { correct: at % 3 === 0 ? 1 : 0 },
    },
  }));

const embeddings: Embeddings = {
  encoderSha256: "",
  dimensions: 64,
  of: (text) => {
    const vector = new Float32Array(64);
    vector[Number(text.replaceAll(/\D/g, "")) % 64] = 1;
    return vector;
  },
};

describe("learnedRules", () => {
  it("have not seen the problem that they are scored on", () => {
    const prompts = riddles(60);
    const pool = ["first", "second", "third"];
    const head = readyHead({
      ...fitHead(prompts, {
        kind: "edge",
        rowOf: (text) => ({ dense: null, sparse: hashFeatures(text, 64) }),
        shape: { dense: 0, buckets: 64 },
        profiles: pool,
        residual: null,
        background: ["a poem about the sea"],
        seed: 1,
      }),
      ballot: {},
    });
    const parts = { pool, prompts, training: prompts, embeddings, ultra: false, instruction: true };
    const rules = learnedRules(openContest({ ...parts, heads: { encoder: head, edge: head } }));
    expect(rules.map(([name]) => name)).toEqual(["told-type-table", "ridge", "knn"]);
    for (const [, rule] of rules) {
      const score = prompts.reduce((sum, prompt) => sum + rule(prompt).score, 0) / prompts.length;
      expect(score).toBeLessThan(0.7);
    }
  });
});

describe("recognizeSet", () => {
  it("knows a set by its workers and domains, and no other", async () => {
    const known = (await readKnownSets()).find(({ name }) => name === "coderouterbench_idtest");
    if (!known) throw new Error("no known set");
    const part = known.prompts.slice(0, 20).map((prompt) => ({ ...prompt, set: "part2" }));
    expect(recognizeSet(part, [known])).toBe(known);
    expect(
      recognizeSet(
        part.map((prompt) => ({ ...prompt, domain: "poetry" })),
        [known],
      ),
    ).toBeNull();
    expect(
      recognizeSet(
        part.map((prompt) => ({ ...prompt, models: {} })),
        [known],
      ),
    ).toBeNull();
  });
});

describe("parseFlags", () => {
  it("takes lists after one flag or the flag again, from the folder of the call", () => {
    const parsed = parseFlags(
      ["--recordings", "a", "/b", "--json", "--recordings=c", "d", "--calibrate", "e", "--pool", "x, y,x"],
      "/from",
    );
    expect(parsed).toMatchObject({
      ok: true,
      value: { recordings: ["/from/a", "/b", "/from/c", "/from/d"], calibrate: ["/from/e"], pools: [["x", "y"]] },
    });
  });
});
