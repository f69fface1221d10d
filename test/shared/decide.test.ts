import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Coefficients } from "../../shared/ballot.ts";
import { decide, maxStandardError, trialShare } from "../../shared/decide.ts";
import { decisionSchema, type Candidate, type PlanRequest } from "../../shared/decision.ts";
import type { Prediction, ProfilePrediction } from "../../shared/head.ts";
import { parsePlan, workersOf } from "../../shared/plan.ts";

const coefficients: Coefficients = {
  agree: 1,
  agreeLogit: 1,
  none: 1,
  noneDistinct: 0,
  noneUnread: 0,
  read: 3,
  right: 0,
  rightLogit: 1,
  repeat: -1,
};

const known = (quality: number, rest: Partial<ProfilePrediction> = {}): ProfilePrediction => ({
  quality,
  outputTokens: 1000,
  latencyMs: 2000,
  evidence: 50,
  standardError: null,
  ...rest,
});

const prediction: Prediction = {
  types: [{ name: "code/algorithm", probability: 0.9 }],
  support: 1,
  profiles: new Map([
    ["good", known(0.8)],
    ["fair", known(0.7)],
    ["poor", known(0.3)],
  ]),
  ballot: { number: coefficients },
};

const candidate = (worker: string, rest: Partial<Candidate> = {}): Candidate => ({
  worker,
  profile: worker,
  strengths: "measured",
  price: { input: 1, output: 10 },
  latencyMs: null,
  bias: 0,
  ...rest,
});

const request = (candidates: Candidate[], rest: Partial<PlanRequest> = {}): PlanRequest => ({
  view: { system: "", head: "x", tail: "" },
  extractor: null,
  inputTokens: 1000,
  tools: false,
  tier: "mini",
  lambda: 1,
  mu: 0.001,
  deadlineMs: 150,
  candidates,
  ...rest,
});

const pool = [candidate("poor"), candidate("good"), candidate("fair")];
const best = (candidates: Candidate[], rest: Partial<PlanRequest> = {}, predicted = prediction) =>
  decide(predicted, request(candidates, rest), "w1").scores[0]?.worker;

/** The share of many prompts on which a worker that passes leads. */
const shareLed = (candidates: Candidate[], predicted: Prediction, passes: (worker: string) => boolean) => {
  const prompts = Array.from({ length: 4000 }, (_, at) => ({ system: "", head: `prompt ${at}`, tail: "" }));
  const led = prompts.filter((view) => passes(best(candidates, { view }, predicted) ?? ""));
  return led.length / prompts.length;
};

const withError = (standardError: number): Prediction => ({
  ...prediction,
  profiles: new Map([...prediction.profiles, ["new", known(0.9, { standardError })]]),
});

const waveAt = (mu: number) => {
  const { plan } = decide(prediction, request(pool, { tier: "ultra", extractor: "number", mu }), "w1");
  return plan.kind === "ballot" ? plan.ballot.wave : null;
};

const teamOn = (predicted: Prediction, rest: Partial<PlanRequest> = {}) =>
  decide(predicted, request(pool, { tier: "ultra", lambda: 0, mu: 0, ...rest }), "w1");

describe("decide", () => {
  it("asks the worker of the best utility in mini", () => {
    const decision = decide(prediction, request(pool), "w1");
    expect(decision.scores.map((score) => score.worker)).toEqual(["good", "fair", "poor"]);
    expect(decision.scores[0]).toMatchObject({ quality: 0.8, costDollars: 0.011, latencyMs: 2000 });
    expect(decision.scores[0]?.utility).toBeCloseTo(0.8 - 0.011 - 0.002, 10);
    expect(decision.plan).toMatchObject({ kind: "workflow", steps: [{ worker: "good", subtask: null }] });
    expect(decision).toMatchObject({ weights: "w1", support: 1, taskType: { name: "code/algorithm" } });
    expect(decisionSchema.safeParse(decision).success).toBe(true);
  });

  describe("corrections from feedback", () => {
    const fair = candidate("fair", { bias: 0.06, typeBias: { "code/algorithm": 0.06 } });
    const biasOn = (predicted: Prediction, rest: Partial<PlanRequest> = {}, weights = "2026-11-22-a") =>
      decide(predicted, request([fair], { biasWeights: "2026-11-22-b", ...rest }), weights).scores[0]?.bias;

    it("add a task type's part as far as the prompt is of that type", () => {
      expect(biasOn(prediction)).toBeCloseTo(0.06 + 0.9 * 0.06);
      expect(biasOn({ ...prediction, support: 0 })).toBeCloseTo(0.06);
      expect(biasOn({ ...prediction, types: [{ name: "math", probability: 1 }] })).toBeCloseTo(0.06);
    });

    it("count a quarter where weights of another day decide", () => {
      expect(biasOn({ ...prediction, support: 0 }, {}, "2026-12-01-a")).toBeCloseTo(0.015);
    });

    it("change who leads and leave the expected quality as it was", () => {
      const { scores, reason } = decide(prediction, request([candidate("good"), fair]), "w1");
      expect(scores[0]).toMatchObject({ worker: "fair", quality: 0.7 });
      expect(reason).toContain("quality 0.700 + 0.114 by feedback");
    });
  });

  it("follows money, time and the tenant's bias", () => {
    const cheap = candidate("fair", { price: { input: 0, output: 1 } });
    expect(best([candidate("good"), cheap], { lambda: 20 })).toBe("fair");
    const slow = candidate("good", { latencyMs: 200_000 });
    expect(best([slow, candidate("fair")])).toBe("fair");
    expect(best([candidate("good"), candidate("fair", { bias: 0.2 })])).toBe("fair");
  });

  it("takes the price tier that the input falls in", () => {
    const price = { input: 1, output: 10, tiers: [{ aboveInputTokens: 500, input: 100, output: 10 }] };
    const { scores } = decide(prediction, request([candidate("good", { price })]), "w1");
    expect(scores[0]?.costDollars).toBeCloseTo(0.11, 10);
  });

  it("never takes an unknown price for a free one", () => {
    const unpriced = candidate("fair", { price: null });
    expect(best([candidate("good"), unpriced], { lambda: 20 })).toBe("good");
    const { scores } = decide(prediction, request([unpriced]), "w1");
    expect(scores[0]?.costDollars).toBeNull();
  });

  it("gives ignorance no advantage beside measured workers", () => {
    const cheapPrior = candidate("good", { worker: "prior", strengths: "prior", price: { input: 0, output: 0 } });
    const cheapUnknown = candidate("new", { profile: null, strengths: "none", price: { input: 0, output: 0 } });
    expect(best([candidate("poor"), cheapPrior, cheapUnknown], { lambda: 20 })).toBe("poor");
    expect(best([cheapPrior, cheapUnknown])).toBe("prior");
  });

  it("bounds the share of a better worker while its error is large", () => {
    const share = shareLed([...pool, candidate("new")], withError(maxStandardError + 0.01), (led) => led === "new");
    expect(share).toBeGreaterThan(trialShare / 2);
    expect(share).toBeLessThan(trialShare + 0.01);
  });

  it("bounds no worker whose error is small", () => {
    expect(shareLed([...pool, candidate("new")], withError(maxStandardError), (led) => led === "new")).toBe(1);
  });

  it("bounds no worker where none is well known", () => {
    const list = [candidate("good", { worker: "old", strengths: "prior" }), candidate("new")];
    expect(shareLed(list, withError(0.3), (led) => led === "new")).toBe(1);
  });

  it("bounds all that are not well known together, however many they are", () => {
    const trial = fc.record({
      strengths: fc.constantFrom("measured" as const, "prior" as const, "none" as const),
      bias: fc.double({ min: 0, max: 1, noNaN: true }),
      price: fc.constantFrom({ input: 0, output: 0 }, null),
    });
    fc.assert(
      fc.property(fc.array(trial, { minLength: 1, maxLength: 8 }), fc.double({ min: 0.1, max: 1 }), (list, error) => {
        const trials = list.map((rest, at) => candidate("new", { worker: `trial-${at}`, ...rest }));
        const share = shareLed([...pool, ...trials], withError(error), (led) => led.startsWith("trial"));
        expect(share).toBeLessThan(trialShare + 0.015);
      }),
      { numRuns: 20 },
    );
  });

  it("says that a worker is being tried, and lets it not judge", () => {
    const list = [...pool, candidate("new")];
    const views = Array.from({ length: 400 }, (_, at) => ({ system: "", head: `prompt ${at}`, tail: "" }));
    const tried = views.find((view) => best(list, { view }, withError(0.2)) === "new");
    if (!tried) throw new Error("never tried");
    const { reason, plan } = decide(withError(0.2), request(list, { view: tried, tier: "ultra" }), "w1");
    expect(reason).toContain("new has the best utility (quality 0.900 ± 0.200, measured");
    expect(reason).toContain("is being tried: workers that are not well known lead at most 5 % of prompts");
    expect(plan).toMatchObject({ steps: [{ worker: "new", role: "answer" }, {}, { worker: "good", role: "judge" }] });
  });

  it("ranks whoever is held back behind all that are well known", () => {
    const decision = decide(withError(0.2), request([...pool, candidate("new")]), "w1");
    expect(decision.scores.map((score) => score.worker)).toEqual(["good", "fair", "poor", "new"]);
    expect(decision.reason).not.toContain("tried");
  });

  it("says when the prompt is out of support", () => {
    const decision = decide({ ...prediction, support: 0.1 }, request(pool), "w1");
    expect(decision.reason).toContain("out_of_support");
    expect(decision.taskType).toBeNull();
  });

  it("makes a ballot in ultra where answers can be compared", () => {
    const { plan } = decide(prediction, request(pool, { tier: "ultra", extractor: "number" }), "w1");
    if (plan.kind !== "ballot") throw new Error("not a ballot");
    expect(plan.ballot.order.map((voter) => voter.worker)).toEqual(["good", "fair", "poor"]);
    expect(plan.ballot.order[0]?.logit).toBeCloseTo(Math.log(0.8 / 0.2), 10);
    expect(plan.ballot).toMatchObject({ judge: "good", lambda: 1, coefficients });
  });

  it("asks more workers at once the more a second is worth", () => {
    expect(waveAt(0)).toBe(1);
    expect(waveAt(0.01)).toBe(2);
    expect(waveAt(1)).toBe(3);
  });

  it("drafts in parallel and lets the best judge where answers cannot be compared", () => {
    const { plan } = decide(prediction, request(pool, { tier: "ultra" }), "w1");
    if (plan.kind !== "workflow") throw new Error("not a workflow");
    expect(plan.steps.map(({ worker, role, access }) => ({ worker, role, access }))).toEqual([
      { worker: "good", role: "answer", access: "none" },
      { worker: "fair", role: "answer", access: "none" },
      { worker: "good", role: "judge", access: "all" },
    ]);
  });

  it("calls one worker in ultra for tools and for a pool of one", () => {
    const toolPlan = decide(prediction, request(pool, { tier: "ultra", tools: true, extractor: "number" }), "w1").plan;
    expect(workersOf(toolPlan)).toEqual(["good"]);
    expect(workersOf(decide(prediction, request([candidate("poor")], { tier: "ultra" }), "w1").plan)).toEqual(["poor"]);
  });

  it("gives a valid plan and finite utilities whatever the pool", () => {
    const anyCandidate = fc.record({
      worker: fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"),
      profile: fc.constantFrom("good", "fair", "poor", "stranger", null),
      strengths: fc.constantFrom("measured" as const, "prior" as const, "none" as const),
      price: fc.option(
        fc.record({ input: fc.integer({ min: 0, max: 100 }), output: fc.integer({ min: 0, max: 100 }) }),
      ),
      latencyMs: fc.option(fc.integer({ min: 0, max: 100_000 })),
      bias: fc.double({ min: -1, max: 1, noNaN: true }),
    });
    const rest = fc.record({
      tier: fc.constantFrom("mini" as const, "ultra" as const),
      extractor: fc.constantFrom("number" as const, "choice" as const, null),
      tools: fc.boolean(),
      lambda: fc.integer({ min: 0, max: 1000 }),
      mu: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const candidates = fc.uniqueArray(anyCandidate, { minLength: 1, selector: (entry) => entry.worker });
    fc.assert(
      fc.property(candidates, rest, (list, options) => {
        const decision = decide(prediction, request(list, options), "w1");
        expect(parsePlan(decision.plan, new Set(list.map((entry) => entry.worker))).ok).toBe(true);
        expect(decision.scores).toHaveLength(list.length);
        const utilities = decision.scores.map((score) => score.utility);
        expect(utilities.every(Number.isFinite)).toBe(true);
        expect(utilities).toEqual(utilities.toSorted((a, b) => b - a));
      }),
    );
  });

  describe("a team where nobody writes workflows", () => {
    const easy = { ...prediction, profiles: new Map([...prediction.profiles, ["good", known(0.96)]]) };

    it("drafts and judges on a hard prompt, and the reason says what that adds", () => {
      const { plan, reason } = teamOn(prediction);
      expect(plan.kind === "workflow" ? plan.steps.map(({ role }) => role) : []).toEqual(["answer", "answer", "judge"]);
      expect(reason).toMatch(/; a team would add about 0\.030 .* worth 0\.000; 2 drafts, then a judge that writes/);
    });

    it("is one call on an easy prompt, whatever it costs", () => {
      const { plan, reason } = teamOn(easy);
      expect(plan).toMatchObject({ kind: "workflow", steps: [{ worker: "good", role: "answer", subtask: null }] });
      expect(reason).toMatch(/; one call: a team would add about 0\.006/);
    });

    it("is one call for a word in passing of which nothing is known, and not for what comes with much before it", () => {
      const unknown = { ...prediction, support: 0.1 };
      const words = { view: { system: "", head: "Say hi.", tail: "" }, inputTokens: 20 };
      const { plan, reason } = teamOn(unknown, words);
      expect(workersOf(plan)).toHaveLength(1);
      expect(reason).toContain("one call: so short a prompt leaves a team little to do");
      expect(workersOf(teamOn(unknown, { ...words, inputTokens: 5_000 }).plan)).toHaveLength(3);
      expect(workersOf(teamOn(prediction, words).plan)).toHaveLength(3);
    });

    it("is one call where its calls are worth more than it adds", () => {
      expect(workersOf(teamOn(prediction, { lambda: 90 }).plan)).toEqual(["good"]);
    });
  });

  describe("a team where someone writes workflows", () => {
    const planner = { by: "worker", costDollars: 0.001, waitMs: 1000 } as const;
    const shapeOf = (rest: Partial<PlanRequest>, predicted = prediction) => {
      const { plan, reason } = decide(predicted, request(pool, { tier: "ultra", planner, ...rest }), "w1");
      return { steps: plan.kind === "workflow" ? plan.steps.length : null, reason };
    };

    it("works on what the best worker is likely to get wrong, and the reason says what it adds", () => {
      const { steps, reason } = shapeOf({ lambda: 8, mu: 0 });
      expect(steps).toBe(3);
      expect(reason).toMatch(/; a team would add about 0\.030 to the quality, for calls and wait worth 0\.0\d\d$/);
    });

    it("is left out where its calls or its wait are worth more than it adds", () => {
      expect(shapeOf({ lambda: 90, mu: 0 })).toMatchObject({ steps: 1 });
      expect(shapeOf({ lambda: 0, mu: 0.2 })).toMatchObject({ steps: 1 });
      expect(shapeOf({ lambda: 90, mu: 0 }).reason).toContain("; one call: a team would add about 0.030");
    });

    it("is weighed with the planner's wait", () => {
      expect(shapeOf({ lambda: 0, mu: 0.1, planner: { ...planner, waitMs: 0 } })).toMatchObject({ steps: 3 });
      expect(shapeOf({ lambda: 0, mu: 0.1, planner: { ...planner, waitMs: 2000 } })).toMatchObject({ steps: 1 });
    });

    it("is so many calls however dear each is, and no more dollars than whoever pays for one has agreed to", () => {
      const dear = pool.map((one) => ({ ...one, price: { input: 1_000, output: 1_000 } }));
      const dearer = pool.map((one) => ({ ...one, price: { input: 9_000, output: 9_000 } }));
      const [first, second] = [dear, dearer].map(
        (candidates) =>
          decide(prediction, request(candidates, { tier: "ultra", planner, lambda: 8, mu: 0 }), "w1").plan,
      );
      expect(first).toEqual(second);
      expect(first?.kind === "workflow" && first.steps.length).toBe(3);
    });

    it("is left out on an easy prompt, whatever it costs", () => {
      const easy = { ...prediction, profiles: new Map([...prediction.profiles, ["good", known(0.96)]]) };
      expect(shapeOf({ lambda: 0, mu: 0 }, easy)).toMatchObject({ steps: 1 });
      expect(shapeOf({ lambda: 0, mu: 0 })).toMatchObject({ steps: 3 });
    });

    it("does not take the place of a ballot", () => {
      const { plan } = decide(prediction, request(pool, { tier: "ultra", extractor: "number", planner }), "w1");
      expect(plan.kind).toBe("ballot");
    });
  });
});
