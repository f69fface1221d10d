import { describe, expect, it } from "vitest";
import { readLabelledPrompts } from "../../inference/train/tables/labelled-prompts.ts";
import { measureDetector, type DetectorRow } from "../../inference/train/tables/measure-detector.ts";

const rows = measureDetector(await readLabelledPrompts());

const rowOf = (kind: DetectorRow["kind"], half: DetectorRow["half"]): DetectorRow => {
  const row = rows.find((candidate) => candidate.kind === kind && candidate.half === half);
  if (!row) throw new Error(`no row ${kind}, ${half}`);
  return row;
};

describe("the detector on labelled prompts", () => {
  it.each([
    ["benchmark", 150, 0.97, 0.9],
    ["everyday", 60, 0.93, 0.88],
    ["chat", 300, 0.85, 0.7],
    ["all", 700, 0.96, 0.88],
  ] as const)("finds what is comparable among %s prompts and little else", (kind, prompts, precision, recall) => {
    for (const half of ["apart", "both"] as const) {
      expect(rowOf(kind, half).precision).toBeGreaterThan(precision);
      expect(rowOf(kind, half).recall).toBeGreaterThan(recall);
    }
    expect(rowOf(kind, "both").prompts).toBeGreaterThan(prompts);
  });

  it("leaves code alone", () => {
    expect(rowOf("code", "both")).toMatchObject({ comparable: 0, detected: 0 });
  });

  it("finds a comparable answer in few ordinary prompts", () => {
    const { detected, prompts } = rowOf("ordinary", "both");
    expect(detected / prompts).toBeLessThan(0.08);
  });
});
