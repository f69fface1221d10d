import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longest, planGrammar, toGbnf, wordCharacters, type Grammar, type Part } from "../../inference/plan-grammar.ts";
import { readWrittenPlan } from "../../shared/written-plan.ts";

/** Every character that subtasks may be made of. */
const letters = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).filter((letter) =>
  new RegExp(wordCharacters, "u").test(letter),
);

const words = (min: number, max: number) =>
  fc.array(fc.constantFrom(...letters), { minLength: min, maxLength: max }).map((all) => all.join(""));

/** Texts that a part takes, each of its ways as likely. */
const textsOf = (part: Part, grammar: Grammar): fc.Arbitrary<string> => {
  switch (part.kind) {
    case "text":
      return fc.constant(part.text);
    case "words":
      return words(part.min, part.max);
    case "rule":
      return textsOf(grammar.get(part.name) ?? { kind: "one", of: [] }, grammar);
    case "all":
      return fc.tuple(...part.of.map((next) => textsOf(next, grammar))).map((all) => all.join(""));
    case "one":
      return fc.oneof(...part.of.map((next) => textsOf(next, grammar)));
    default:
      return part satisfies never;
  }
};

const grammarFor = (workers: number, maxTokens: number): Grammar => {
  const grammar = planGrammar(workers, maxTokens);
  if (!grammar) throw new Error("the budget is too small");
  return grammar;
};

describe("planGrammar", () => {
  it.each([
    [1, 512],
    [3, 1024],
    [8, 1536],
    [12, 4096],
  ])("takes of %i workers in %i tokens only what is read without a repair, and ends inside them", (count, budget) => {
    const grammar = grammarFor(count, budget);
    const names = Array.from({ length: count }, (_, at) => `worker/${at}`);
    expect(longest(grammar, "root")).toBeLessThan(budget);
    fc.assert(
      fc.property(textsOf({ kind: "rule", name: "root" }, grammar), (text) => {
        expect(text.length).toBeLessThanOrEqual(longest(grammar, "root"));
        expect(readWrittenPlan(text, names)).toMatchObject({ ok: true, value: { repairs: [] } });
      }),
      { numRuns: 200 },
    );
  });

  it("reaches every number of steps", () => {
    const texts = fc.sample(textsOf({ kind: "rule", name: "root" }, grammarFor(2, 512)), { numRuns: 500, seed: 1 });
    const counts = new Set(texts.map((text) => text.split('"role"').length - 1));
    expect([...counts].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });

  it("has no quote, backslash or brace in a subtask: nothing to escape, and no token for less than a character", () => {
    expect(letters).toHaveLength(95 - 4);
    for (const letter of ['"', "\\", "{", "}"]) expect(letters).not.toContain(letter);
  });

  it("is none where the budget leaves no room for subtasks", () => {
    expect(planGrammar(3, 300)).toBeNull();
  });

  it("is written as rules of one line each", () => {
    expect(toGbnf(grammarFor(3, 512))).toMatch(/^(?:[a-z0-9-]+ ::= .+\n)+$/);
  });
});
