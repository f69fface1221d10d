import { describe, expect, it } from "vitest";
import { readKnown } from "../../../edge/plan/edge-head.ts";
import { readRoster } from "../../../edge/pool/roster.ts";
import { listModels } from "../../../edge/routes/models.ts";
import type { Known } from "../../../shared/identity.ts";
import { keyOf } from "../../support/edge.ts";

const listed = (known: Known, id: string) => {
  const roster = readRoster({ OPENAI_API_KEY: "key" }, { localChat: false, known });
  const list = listModels({ roster, key: keyOf(), local: null, now: 0 });
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

describe("GET /v1/models", () => {
  it("says of a recorded model what its strengths rest on", () => {
    const known = readKnown();
    expect(listed(known, "openai/gpt-5.4")).toMatchObject({
      strengths: "measured",
      evidence: { model: "gpt-5.4", date: known.date, standard_error: null },
    });
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
});
