import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  longest,
  planGrammar,
  toGbnf,
  wordCharacters,
  type Grammar,
  type Part,
  type Round,
} from "../../inference/plan-grammar.ts";
import { readRevision, readWrittenPlan, writtenPlanSchema } from "../../shared/planner/read.ts";

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

const grammarFor = (workers: number, maxTokens: number, round: Round = "first"): Grammar => {
  const grammar = planGrammar(workers, maxTokens, round);
  if (!grammar) throw new Error("the budget is too small");
  return grammar;
};

const root: Part = { kind: "rule", name: "root" };

const answered = { id: "step_3" };

const readers = {
  first: readWrittenPlan,
  revising: (text: string, workers: readonly string[]) => readRevision(text, workers, answered),
} as const;

const sample = (round: Round) =>
  fc.sample(textsOf(root, grammarFor(2, 512, round)), { numRuns: 500, seed: 1 }).map((text) => {
    const read = readers[round](text, ["w0", "w1"]);
    if (!read.ok) throw new Error(read.error);
    return { written: writtenPlanSchema.parse(JSON.parse(text)).steps, steps: read.value.workflow?.steps ?? [] };
  });

describe("planGrammar", () => {
  it.each([
    ["first", 1, 512],
    ["first", 3, 1024],
    ["first", 8, 1536],
    ["first", 12, 4096],
    ["revising", 1, 512],
    ["revising", 3, 1024],
    ["revising", 8, 1536],
  ] as const)(
    "takes in a %s round of %i workers what is read without a repair, in %i tokens",
    (round, count, budget) => {
      const grammar = grammarFor(count, budget, round);
      const names = Array.from({ length: count }, (_, at) => `worker/${at}`);
      expect(longest(grammar, "root")).toBeLessThan(budget);
      fc.assert(
        fc.property(textsOf(root, grammar), (text) => {
          expect(text.length).toBeLessThanOrEqual(longest(grammar, "root"));
          expect(readers[round](text, names)).toMatchObject({ ok: true, value: { repairs: [] } });
        }),
        { numRuns: 200 },
      );
    },
  );

  it.each([
    ["first", [1, 2, 3, 4, 5]],
    ["revising", [0, 1, 2, 3, 4, 5]],
  ] as const)("reaches in a %s round every number of steps", (round, numbers) => {
    const counts = new Set(sample(round).map(({ written }) => written.length));
    expect([...counts].toSorted((a, b) => a - b)).toEqual(numbers);
  });

  it.each(["first", "revising"] as const)("has the last step of a %s round see the one before it", (round) => {
    const more = sample(round).filter(({ written }) => written.length > 1);
    for (const { written } of more) expect(written.at(-1)?.access).toContain(written.length - 1);
    expect(more.length).toBeGreaterThan(100);
  });

  it("has a single step of a revising round see the answer, in every part that gives one", () => {
    const singles = sample("revising").flatMap(({ written, steps }) => (written.length === 1 ? steps : []));
    for (const { access } of singles) expect(access).toEqual(["step_3"]);
    expect([...new Set(singles.map(({ role }) => role))].toSorted()).toEqual(["answer", "judge", "verify"]);
  });

  it("lets every place of a revising round see the answer, and shows it to none of a first", () => {
    const seeing = sample("revising").flatMap(({ steps }) =>
      steps.flatMap(({ id, access }) => (access.includes("step_3") ? id : [])),
    );
    expect([...new Set(seeing)].toSorted()).toEqual([1, 2, 3, 4, 5].map((number) => `revision_${number}`));
    expect(toGbnf(grammarFor(8, 1536))).not.toMatch(/"\[0/);
  });

  it("has no quote, backslash or brace in a subtask: nothing to escape, and no token for less than a character", () => {
    expect(letters).toHaveLength(95 - 4);
    for (const letter of ['"', "\\", "{", "}"]) expect(letters).not.toContain(letter);
  });

  it("is none where the budget leaves no room for subtasks", () => {
    expect(planGrammar(3, 300, "first")).toBeNull();
    expect(planGrammar(3, 300, "revising")).toBeNull();
  });

  it("is written as rules of one line each", () => {
    for (const round of ["first", "revising"] as const) {
      expect(toGbnf(grammarFor(3, 512, round))).toMatch(/^(?:[a-z0-9-]+ ::= .+\n)+$/);
    }
  });
});
