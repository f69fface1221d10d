import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bootstrapByProblem } from "../../inference/train/replay/bootstrap.ts";
import { fitBallot, fitLogistic, type Cast } from "../../inference/train/fit/fit-ballot.ts";
import { fitHead, type FitOptions } from "../../inference/train/fit/fit-head.ts";
import { fitPrices } from "../../inference/train/fit/fit-prices.ts";
import { readyHead } from "../../inference/train/fit/held-out.ts";
import { toPrompts, type Prompt } from "../../inference/train/recordings/prompts.ts";
import { createRandom, foldsByProblem } from "../../inference/train/fit/random.ts";
import { readRecordings } from "../../inference/train/recordings/recordings.ts";
import { answerOf, play, requestOf } from "../../inference/train/replay/replay.ts";
import { predict } from "../../shared/head.ts";
import { hashFeatures } from "../../shared/ngrams.ts";

const write = async (text: string): Promise<string> => {
  const path = join(await mkdtemp(join(tmpdir(), "recordings-")), "set.jsonl");
  await writeFile(path, text);
  return path;
};

const line = (id: string, rest: object = {}) =>
  JSON.stringify({ id, domain: "d", problem: id, prompt: "text", models: { a: { correct: 1 } }, ...rest });

describe("readRecordings", () => {
  it("reads one recording per line and the file's hash", async () => {
    const set = await readRecordings(await write(`${line("1")}\n${line("2", { instruction: "Do it." })}\n`));
    expect(set).toMatchObject({ name: "set", file: "set.jsonl" });
    expect(set.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(toPrompts(set).map((prompt) => prompt.texts)).toEqual([["text"], ["Do it.\ntext", "text"]]);
  });

  it.each([
    [`${line("1")}\n{broken`, "set.jsonl:2: not JSON"],
    [line("1", { models: { a: { correct: 2 } } }), "set.jsonl:1: models.a.correct: "],
    [`${line("1")}\n${line("1")}`, "set.jsonl: id 1 occurs twice"],
  ])("names file, line and field of what does not fit", async (text, message) => {
    await expect(readRecordings(await write(text))).rejects.toThrow(message);
  });
});

describe("foldsByProblem", () => {
  it("keeps a problem's rows in one fold, the same for the same seed", () => {
    const problems = Array.from({ length: 200 }, (_, at) => `p${at % 50}`);
    const folds = foldsByProblem(problems, 5, 7);
    const perProblem = Map.groupBy(folds.entries(), ([at]) => problems[at]);
    expect([...perProblem.values()].every((rows) => new Set(rows.map(([, fold]) => fold)).size === 1)).toBe(true);
    expect(new Set(folds)).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(foldsByProblem(problems, 5, 7)).toEqual(folds);
    expect(foldsByProblem(problems, 5, 8)).not.toEqual(folds);
  });
});

describe("bootstrapByProblem", () => {
  it("widens the interval when rows hang together", () => {
    const random = createRandom(1);
    const perProblem = Array.from({ length: 40 }, () => random() - 0.5);
    const differences = Array.from({ length: 400 }, (_, at) => perProblem[Math.floor(at / 10)] ?? 0);
    const options = { seed: 1, draws: 500 };
    const width = (problems: readonly string[]) => {
      const { low, high } = bootstrapByProblem(differences, problems, options);
      return high - low;
    };
    const together = width(differences.map((_, at) => `p${Math.floor(at / 10)}`));
    const apart = width(differences.map((_, at) => `p${at}`));
    expect(together).toBeGreaterThan(2 * apart);
  });
});

const cost = (tokens_in: number, tokens_out: number) => (3 * tokens_in + 15 * tokens_out) / 1e6;

const priced = (tokens_in: number, tokens_out: number, rest: object = {}) => ({
  models: {
    a: { correct: 1, tokens_in, tokens_out, cost_usd: cost(tokens_in, tokens_out), ...rest },
    b: { correct: 0 },
  },
});

describe("fitPrices", () => {
  it("finds the prices that explain measured costs and skips imputed ones", () => {
    const prompts = [priced(100, 10), priced(50, 900), priced(70, 7, { imputed: true, cost_usd: 9 })];
    const prices = fitPrices(prompts.map((entry) => ({ ...blank, ...entry })));
    expect(prices.get("a")?.input).toBeCloseTo(3, 6);
    expect(prices.get("a")?.output).toBeCloseTo(15, 6);
    expect(prices.has("b")).toBe(false);
  });
});

const blank: Prompt = { set: "s", id: "i", problem: "p", domain: "d", type: "t", texts: [], models: {} };

const themes = [
  { type: "code", words: ["function", "loop", "array", "compile", "pointer"], best: "coder" },
  { type: "law", words: ["court", "statute", "judge", "appeal", "verdict"], best: "lawyer" },
];

/** Two themes with words of their own, and for each the worker that is right on it. */
const learnable = (count: number): Prompt[] => {
  const random = createRandom(3);
  return Array.from({ length: count }, (_, at) => {
    const theme = themes[at % 2] ?? { type: "", words: [], best: "" };
    const text = Array.from({ length: 8 }, () => theme.words[Math.floor(random() * 5)]).join(" ");
    const models = Object.fromEntries(themes.map(({ best }) => [best, { correct: best === theme.best ? 1 : 0 }]));
    return { ...blank, id: `${at}`, problem: `${at}`, domain: theme.type, type: theme.type, texts: [text], models };
  });
};

const options: FitOptions = {
  kind: "edge",
  rowOf: (text) => ({ dense: null, sparse: hashFeatures(text, 256) }),
  shape: { dense: 0, buckets: 256 },
  profiles: ["coder", "lawyer"],
  residual: { profiles: ["coder", "lawyer"], ridge: 1 },
  background: ["a poem about the sea", "what to cook tonight", "plan a trip to the mountains"],
  seed: 1,
};

describe("fitHead", () => {
  it("learns which worker is right on which words", () => {
    const prompts = learnable(80);
    const head = readyHead({ ...fitHead(prompts.slice(0, 60), options), ballot: {} });
    const scores = prompts.slice(60).map((prompt) => {
      const text = prompt.texts[0] ?? "";
      const prediction = predict(head, hashFeatures(text, 256), options.profiles);
      const trade = { lambda: 0, mu: 0, pool: options.profiles, prices: new Map(), extractor: null };
      return play(prompt, prediction, requestOf(text, trade), "test").score;
    });
    expect(scores).toEqual(scores.map(() => 1));
  });

  it("gives the same weights for the same prompts and seed", () => {
    expect(fitHead(learnable(40), options)).toEqual(fitHead(learnable(40), options));
  });

  it("does not hold an outage against a worker", () => {
    const failing = learnable(40).map((prompt) => ({
      ...prompt,
      models: { ...prompt.models, coder: { correct: 0, outage: true } },
    }));
    const [coder, lawyer] = fitHead(failing, options).profiles;
    expect(coder).toMatchObject({ mean: 0.5, evidence: [0, 0] });
    expect(lawyer?.evidence).toEqual([20, 20]);
  });
});

describe("fitLogistic", () => {
  it("recovers intercept and slope", () => {
    const random = createRandom(5);
    const points = Array.from({ length: 20_000 }, () => {
      const x = 4 * random() - 2;
      return { x, y: random() < 1 / (1 + Math.exp(-(0.5 + 1.5 * x))) };
    });
    const [intercept, slope] = fitLogistic(points);
    expect(intercept).toBeCloseTo(0.5, 1);
    expect(slope).toBeCloseTo(1.5, 1);
  });
});

describe("fitBallot", () => {
  it("learns that agreement of independent workers means more than one good worker", () => {
    const random = createRandom(9);
    const prompts = Array.from({ length: 600 }, (): Cast[] =>
      [0.7, 0.7, 0.7, 0.7, 0.7].map((quality) => {
        const right = random() < quality;
        return {
          logit: Math.log(quality / (1 - quality)),
          answer: right ? "42" : String(Math.floor(1000 * random())),
          right,
        };
      }),
    );
    const fitted = fitBallot(prompts, { extractor: "number", seed: 1 });
    const [cast] = prompts[0] ?? [];
    const perVote = fitted.agree + (fitted.agreeLogit + (fitted.agreeFirst ?? 0)) * (cast?.logit ?? 0);
    expect(perVote).toBeGreaterThan(1);
    expect(fitted.repeat).toBeLessThan(-2);
  });
});

describe("a recorded answer", () => {
  it("is the empty string whether recorded bare or in quotation marks", () => {
    const bare = answerOf({ correct: 1, pred: "" }, "short");
    expect(bare).not.toBeNull();
    expect(answerOf({ correct: 1, pred: "''" }, "short")).toBe(bare);
    expect(answerOf({ correct: 1, pred: null }, "short")).toBeNull();
  });
});
