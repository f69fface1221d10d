import { describe, expect, it } from "vitest";
import { evidenceOf, identify, type Known } from "../../shared/identity.ts";
import { workerCards } from "../../shared/worker-cards.ts";

const profile = (name: string, rest: object = {}) => ({
  name,
  mean: 0.5,
  strengths: [0.5, 0.6],
  evidence: [30, 12],
  outputTokens: [null, null],
  latencyMs: [null, null],
  ...rest,
});

const calibration = { prompts: 40, date: "2026-12-01", standardErrors: [0.1, 0.2], standardErrorOfMean: 0.07 };

const knownOf = (...profiles: ReturnType<typeof profile>[]): Known => ({
  profiles: new Map(profiles.map((entry) => [entry.name, entry])),
  date: "2026-11-22",
});

const cardOf = (id: string) => {
  const card = workerCards.find((entry) => entry.id === id);
  if (!card) throw new Error(`no card ${id}`);
  return card;
};

const relative = cardOf("openai/gpt-6.2-astra");
const trained = cardOf("openai/gpt-5.4");

describe("identify", () => {
  it("leaves a card as it is whose recorded model the weights know", () => {
    const known = knownOf(profile("gpt-5.4"));
    expect(identify(relative, known)).toBe(relative);
    expect(identify(trained, known)).toBe(trained);
  });

  it("prefers a profile of the worker's own id to the relative's", () => {
    const known = knownOf(profile("gpt-5.4"), profile(relative.id, { calibration }));
    expect(identify(relative, known)).toMatchObject({ profile: relative.id, strengths: "measured" });
  });

  it("claims no strengths that the weights lack", () => {
    expect(identify(trained, knownOf())).toMatchObject({ profile: null, strengths: "none" });
  });
});

describe("evidenceOf", () => {
  it("names the relative whose outcomes stand in", () => {
    expect(evidenceOf(relative, knownOf(profile("gpt-5.4")))).toEqual({
      model: "gpt-5.4",
      prompts: 42,
      date: "2026-11-22",
      standardError: null,
    });
  });

  it("counts what a calibrated worker was asked, with its day and error", () => {
    const known = knownOf(profile("gpt-5.4"), profile(relative.id, { calibration }));
    expect(evidenceOf(identify(relative, known), known)).toEqual({
      model: relative.id,
      prompts: 40,
      date: "2026-12-01",
      standardError: 0.07,
    });
  });

  it("is null for a worker of which nothing is known", () => {
    expect(evidenceOf(identify(trained, knownOf()), knownOf())).toBeNull();
  });
});
