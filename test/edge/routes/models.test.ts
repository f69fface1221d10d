import { describe, expect, it } from "vitest";
import { readKnown } from "../../../edge/plan/edge-head.ts";
import { readRoster } from "../../../edge/pool/roster.ts";
import { listModels, readModel } from "../../../edge/routes/models.ts";
import type { Known } from "../../../shared/identity.ts";
import { keyOf } from "../../support/edge.ts";

const modelsOf = (known: Known) => ({
  roster: readRoster(
    { OPENAI_API_KEY: "key", OPENAI_BASE_URL: "https://eu.api.openai.com/v1" },
    { localChat: false, dataRegions: ["eu"], known },
  ),
  key: keyOf(),
  local: null,
  embeds: true,
  now: 0,
});

const listed = (known: Known, id: string) => {
  const list = listModels(modelsOf(known));
  return "data" in list && Array.isArray(list.data) ? list.data.find((entry) => entry.id === id) : null;
};

const withCalibrated = (id: string): Known => {
  const known = readKnown();
  const ancestor = known.profiles.get("gpt-5.4");
  if (!ancestor) throw new Error("the committed weights lack gpt-5.4");
  const standardErrors = ancestor.strengths.map(() => 0.1);
  const calibration = { prompts: 120, date: "2026-12-01", standardErrors, standardErrorOfMean: 0.03 };
  return { ...known, profiles: new Map([...known.profiles, [id, { ...ancestor, name: id, calibration }]]) };
};

const idsFor = (key: Parameters<typeof keyOf>[0]) => {
  const list = listModels({ ...modelsOf(readKnown()), key: keyOf(key) });
  return "data" in list && Array.isArray(list.data) ? list.data.map(({ id }) => String(id)) : [];
};

describe("GET /v1/models", () => {
  it("names what the key may ask for, and nothing else", () => {
    expect(idsFor({ allowedModels: ["shoal-mini", "openai/gpt-5.4"] })).toEqual(["shoal-mini", "openai/gpt-5.4"]);
    expect(idsFor({ allowedVendors: ["anthropic"] })).toEqual(["all-minilm-l6-v2"]);
    expect(idsFor({ scopes: ["answers"] })).not.toContain("all-minilm-l6-v2");
  });

  it("says of a recorded model what its strengths rest on", () => {
    const known = readKnown();
    expect(listed(known, "openai/gpt-5.4")).toMatchObject({
      strengths: "measured",
      evidence: { model: "gpt-5.4", date: known.date, standard_error: null },
    });
  });

  it("says of a worker where prompts are processed", () => {
    expect(listed(readKnown(), "openai/gpt-5.4")).toMatchObject({ data_region: "eu" });
  });

  it("names the relative of a model that was not recorded", () => {
    expect(listed(readKnown(), "openai/gpt-6.2-astra")).toMatchObject({
      strengths: "prior",
      evidence: { model: "gpt-5.4" },
    });
  });

  it("says measured, with the error, once a worker is calibrated under its own id", () => {
    expect(listed(withCalibrated("openai/gpt-6.2-astra"), "openai/gpt-6.2-astra")).toMatchObject({
      strengths: "measured",
      evidence: { model: "openai/gpt-6.2-astra", prompts: 120, date: "2026-12-01", standard_error: 0.03 },
    });
  });

  it("says of a tier what its workers can do", () => {
    expect(listed(readKnown(), "shoal-ultra")).toMatchObject({
      tier: "ultra",
      context_window: 1_050_000,
      abilities: expect.arrayContaining(["tools", "vision", "json_schema"]),
      reasoning_efforts: expect.arrayContaining(["low", "high"]),
      workers: expect.arrayContaining(["openai/gpt-5.4"]),
    });
  });

  it("lists the pins of the weights at hand, and the encoder", () => {
    const known = { ...readKnown(), date: "2026-12-01" };
    expect(listed(known, "shoal-mini-2026-12-01")).toMatchObject({ tier: "mini" });
    expect(listed(known, "all-minilm-l6-v2")).toMatchObject({ abilities: ["embeddings"] });
  });
});

describe("GET /v1/models/{id}", () => {
  const models = modelsOf(readKnown());

  it("gives the list's entry", () => {
    expect(readModel("openai/gpt-5.4", models)).toEqual({ ok: true, value: listed(readKnown(), "openai/gpt-5.4") });
  });

  it("names the nearest when there is none of that name", () => {
    expect(readModel("openai/gpt-5.5", models)).toMatchObject({
      error: { kind: "unknown_model", nearest: expect.arrayContaining(["openai/gpt-5.4"]) },
    });
  });

  it("does not know a model whose provider is not configured, nor one that the key may not use", () => {
    const unknown = { error: { kind: "unknown_model" } };
    expect(readModel("google/gemini-4-argon", models)).toMatchObject(unknown);
    for (const key of [keyOf({ allowedWorkers: ["openai/gpt-6-luna"] }), keyOf({ allowedDataRegions: ["us"] })]) {
      expect(readModel("openai/gpt-5.4", { ...models, key })).toMatchObject(unknown);
    }
  });

  it("names the successor of a retired model", () => {
    const after = { ...models, now: Date.parse("2026-08-01") };
    expect(readModel("openai/gpt-5-codex", after)).toMatchObject({
      error: { kind: "retired_model", successor: "openai/gpt-5.4" },
    });
  });
});
