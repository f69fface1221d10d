import { describe, expect, it } from "vitest";
import { fitHead, type FitOptions } from "../../inference/train/fit/fit-head.ts";
import { readyHead } from "../../inference/train/fit/held-out.ts";
import { measureRepeated } from "../../inference/train/tables/measure-mcpmark.ts";
import { measureSupport } from "../../inference/train/tables/measure-support.ts";
import { leaveTypesOut } from "../../inference/train/tables/measure-left-out.ts";
import { modelsOfBoth, readSameModels } from "../../inference/train/tables/measure-transfer.ts";
import { summarize, tryHead } from "../../inference/train/tables/measure-trial.ts";
import type { Prompt } from "../../inference/train/recordings/prompts.ts";
import { createRandom } from "../../inference/train/fit/random.ts";
import { translateInstructions, translateQuestions } from "../../inference/train/tables/translations.ts";
import { readKnownSets } from "../../inference/train/recordings/known-sets.ts";
import { decide, leastSupport } from "../../shared/decide.ts";
import { predict } from "../../shared/head.ts";
import { hashFeatures } from "../../shared/ngrams.ts";
import { requestOf } from "../../inference/train/replay/replay.ts";

const themes = [
  { type: "code", words: ["function", "loop", "array", "compile", "pointer"], best: "coder" },
  { type: "law", words: ["court", "statute", "judge", "appeal", "verdict"], best: "lawyer" },
];
const chatWords = ["poem", "dinner", "holiday", "garden", "birthday"];

const sentence = (words: readonly string[], random: () => number): string =>
  Array.from({ length: 8 }, () => words[Math.floor(random() * words.length)]).join(" ");

/** Two themes, each with a worker of its own; the lawyer is right a little more often. */
const recorded = (count: number): Prompt[] => {
  const random = createRandom(3);
  return Array.from({ length: count }, (_, at) => {
    const theme = themes[at % 2];
    if (!theme) throw new Error("no theme");
    const lawyer = theme.best === "lawyer" || at % 8 === 0 ? 1 : 0;
    const models = { coder: { correct: theme.best === "coder" ? 1 : 0 }, lawyer: { correct: lawyer } };
    const text = sentence(theme.words, random);
    return { set: "s", id: `${at}`, problem: `${at}`, domain: theme.type, type: theme.type, texts: [text], models };
  });
};

const chat = (count: number): string[] => {
  const random = createRandom(4);
  return Array.from({ length: count }, () => sentence(chatWords, random));
};

const buckets = 256;
const featuresOf = (text: string) => hashFeatures(text, buckets);
const options: FitOptions = {
  kind: "edge",
  rowOf: (text) => ({ dense: null, sparse: hashFeatures(text, buckets) }),
  shape: { dense: 0, buckets },
  profiles: ["coder", "lawyer"],
  residual: null,
  background: chat(40),
  seed: 1,
};
const head = readyHead({ ...fitHead(recorded(80), options), ballot: {} });
const decisionOn = (text: string) => {
  const free = { lambda: 0, mu: 0, pool: options.profiles, prices: new Map(), extractor: null };
  return decide(predict(head, hashFeatures(text, buckets), options.profiles), requestOf(text, free), "test");
};

describe("support", () => {
  it("is whole for words of the recordings, and their type decides", () => {
    const decision = decisionOn("compile the array loop function pointer");
    expect(decision.support).toBe(1);
    expect(decision.scores[0]?.worker).toBe("coder");
    expect(decision.reason).toMatch(/^task type code/);
  });

  it("is nothing for generic text, and the worker with the best mean is served", () => {
    const decision = decisionOn("poem for a birthday dinner in the garden");
    expect(decision.support).toBe(0);
    expect(decision.scores[0]?.worker).toBe("lawyer");
    expect(decision.reason).toMatch(/^out_of_support/);
  });

  it("is not enough for words of neither", () => {
    expect(decisionOn("愛 は 静かな 海").support).toBeLessThan(leastSupport);
    expect(decisionOn("").support).toBeLessThan(leastSupport);
  });
});

const asSources = (group: string, texts: readonly string[]) =>
  texts.map((text, at) => ({ group, problem: `${group}/${at}`, text }));

describe("measureSupport", () => {
  it("holds out the problems that it measures", () => {
    const shares = measureSupport(
      {
        recorded: asSources(
          "recorded",
          recorded(60).flatMap(({ texts }) => texts),
        ),
        background: asSources("chat", chat(40)),
        others: asSources("strangers", ["愛 は 静かな 海"]),
      },
      buckets,
    );
    expect(shares.get("recorded")).toMatchObject({ texts: 60 });
    expect(shares.get("recorded")?.full).toBeGreaterThan(80);
    expect(shares.get("chat")).toEqual({ texts: 40, full: 0, some: 0 });
    expect(shares.get("strangers")).toEqual({ texts: 1, full: 0, some: 0 });
  });
});

describe("tryHead", () => {
  it("serves the baseline out of support, and the type's worker when support is taken as whole", () => {
    const features = hashFeatures("poem garden birthday dinner compile function", buckets);
    const code = recorded(3)
      .slice(2)
      .map((prompt) => ({ prompt, features }));
    const tried = tryHead(head, options.profiles, code);
    expect(tried).toMatchObject([{ outOfSupport: true, baseline: 0, weighted: 0, unweighted: 1, type: "code" }]);
    expect(summarize(tried, 1)).toEqual({
      prompts: 1,
      baseline: 0,
      weighted: 0,
      unweighted: 100,
      weightedDifference: { mean: 0, low: 0, high: 0 },
      unweightedDifference: { mean: 100, low: 100, high: 100 },
      outOfSupport: 100,
    });
  });
});

describe("leaveTypesOut", () => {
  it("keeps the problems of a type out of training where they have another type", () => {
    const prompts = recorded(80);
    const twins = prompts
      .filter(({ type }) => type === "law")
      .map((prompt) => ({ ...prompt, id: `${prompt.id} again`, domain: "contract", type: "contract" }));
    const left = leaveTypesOut([...prompts, ...twins], { ...options, featuresOf });
    const law = left.find(({ type }) => type === "law")?.tried ?? [];
    expect(new Set(law.map(({ type }) => type))).toEqual(new Set(["code"]));
  });
});

const runsOf = (pattern: readonly number[]) => ({ correct: 0.5, runs: [...pattern] });

describe("measureRepeated", () => {
  const prompts = recorded(40).map((prompt, at) => ({
    ...prompt,
    models: {
      steady: runsOf([1, 1, 1, 1]),
      lucky: runsOf(at % 2 === 0 ? [1, 0, 0, 1] : [0, 1, 1, 0]),
      once: { correct: 1, runs: [1] },
    },
  }));
  const rows = measureRepeated(prompts, { ...options, featuresOf });

  it("serves the best worker where it dominates", () => {
    const row = rows.find(({ rule }) => rule === "head");
    expect(row).toMatchObject({ workers: 2, score: 100, served: 100, difference: { mean: 0, low: 0, high: 0 } });
  });

  it("leaves out workers that were not run four times", () => {
    expect(rows.every(({ workers }) => workers <= 2)).toBe(true);
  });
});

describe("maps between sets and languages", () => {
  it("name models and prompts that the recordings have", async () => {
    const sets = await readKnownSets();
    const same = await readSameModels();
    for (const { name, prompts } of sets) {
      const recordedNames = new Set(prompts.flatMap(({ models }) => Object.keys(models)));
      const named = Object.values(same).flatMap((bySet) => bySet[name] ?? []);
      expect(named.filter((model) => !recordedNames.has(model))).toEqual([]);
    }
    expect(modelsOfBoth(same, "zeroeval", "mmlu_pro")).toContain("Llama 3.1 70B Instruct");
  });

  it("translate every instruction line and leave the code as it is", async () => {
    const prompts = (await readKnownSets()).flatMap((set) => set.prompts);
    const told = prompts.filter(({ texts }) => texts.length > 1);
    const translated = await translateInstructions(told);
    expect(translated.length).toBe(6 * told.length);
    const [first] = translated;
    const original = told.find(({ id }) => id === first?.prompt.id);
    expect(first?.prompt.texts[0]?.slice(-200)).toBe(original?.texts[0]?.slice(-200));
    const questions = await translateQuestions(prompts);
    expect(new Set(questions.map(({ language }) => language))).toEqual(new Set(["German", "Chinese", "Hindi"]));
    expect(questions.length).toBe(3 * 38);
  });
});
