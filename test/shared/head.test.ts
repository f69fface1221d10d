import { describe, expect, it } from "vitest";
import edgeHead from "../../shared/edge-head.json" with { type: "json" };
import { hashFeatures } from "../../shared/ngrams.ts";
import { packMatrix, parseHead, predict, readFeatures, type HeadJson } from "../../shared/head.ts";

const profile = (name: string, strengths: number[]): HeadJson["profiles"][number] => ({
  name,
  mean: 0.5,
  strengths,
  evidence: [100, 0],
  outputTokens: [200, null],
  latencyMs: [3000, null],
});

const json: HeadJson = {
  kind: "encoder",
  version: "test",
  trained: { date: "2026-11-22", seed: 1, recordings: [], encoder: null, measured: [] },
  features: 3,
  types: ["code", "math"],
  typeWeights: packMatrix(
    [
      [6, 0, 0],
      [0, 6, 0],
    ],
    3,
  ),
  typeBias: [0, 0],
  profiles: [profile("coder", [0.9, 0.2]), profile("mathematician", [0.3, 0.8])],
  residual: null,
  support: {
    centers: packMatrix(
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      3,
    ),
    far: 0,
    near: 0.5,
  },
  ballot: {},
};

const headOf = (input: unknown) => {
  const head = parseHead(input);
  if (!head.ok) throw new Error(head.error);
  return head.value;
};

describe("predict", () => {
  it("mixes a profile's strengths by how likely each task type is", () => {
    const { types, support, profiles } = predict(headOf(json), Float32Array.of(1, 0, 0), ["coder", "mathematician"]);
    expect(types[0]?.name).toBe("code");
    expect(support).toBe(1);
    expect(profiles.get("coder")?.quality).toBeGreaterThan(0.89);
    expect(profiles.get("mathematician")?.quality).toBeLessThan(0.31);
    expect(profiles.get("coder")).toMatchObject({ outputTokens: 200, latencyMs: 3000 });
  });

  it("falls to the mean far from every training prompt", () => {
    const { support, profiles } = predict(headOf(json), Float32Array.of(0, 0, 1), ["coder"]);
    expect(support).toBe(0);
    expect(profiles.get("coder")).toMatchObject({ quality: 0.5, evidence: 0 });
  });

  it("adds what a profile's residual says of this prompt", () => {
    const weights = packMatrix(
      [
        [-0.2, 0, 0],
        [0, 0, 0],
      ],
      3,
    );
    const head = headOf({ ...json, residual: { profiles: ["coder", "mathematician"], weights, bias: [0, 0] } });
    const plain = predict(headOf(json), Float32Array.of(1, 0, 0), ["coder"]).profiles.get("coder")?.quality ?? 0;
    const own = predict(head, Float32Array.of(1, 0, 0), ["coder"]).profiles.get("coder")?.quality ?? 0;
    expect(own).toBeCloseTo(plain - 0.2, 3);
  });

  it("reads sparse features as the dense vector they stand for", () => {
    const head = headOf(json);
    const sparse = { indices: Uint16Array.of(0, 1), values: Float32Array.of(0.6, 0.8) };
    expect(predict(head, sparse, ["coder"])).toEqual(predict(head, Float32Array.of(0.6, 0.8, 0), ["coder"]));
  });

  it("reads n-grams beside the vector when the weights have columns for them", () => {
    const typeWeights = packMatrix(
      [
        [6, 0, 0, 0, 9],
        [0, 6, 0, 9, 0],
      ],
      5,
    );
    const head = headOf({ ...json, buckets: 2, typeWeights });
    const vector = Float32Array.of(1, 0, 0);
    const ngrams = { indices: Uint16Array.of(0), values: Float32Array.of(1) };
    expect(predict(head, vector, []).types[0]?.name).toBe("code");
    expect(predict(head, { vector, ngrams }, []).types[0]?.name).toBe("math");
    expect(readFeatures(head, "some text", vector)).toMatchObject({ vector });
    expect(readFeatures(headOf(json), "some text", vector)).toBe(vector);
  });

  it("tells support from the n-grams when its rows have columns for them", () => {
    const support = { centers: packMatrix([[0, 0, 0, 1, 0]], 5), far: 0, near: 0.5 };
    const head = headOf({ ...json, buckets: 2, typeWeights: packMatrix([[], []], 5), support });
    const vector = Float32Array.of(1, 0, 0);
    const supportAt = (index: number) =>
      predict(head, { vector, ngrams: { indices: Uint16Array.of(index), values: Float32Array.of(1) } }, []).support;
    expect(supportAt(0)).toBe(1);
    expect(supportAt(1)).toBe(0);
  });

  it("says how sure a calibrated worker's quality is, and nothing of a trained one's", () => {
    const calibration = { prompts: 40, date: "2026-12-01", standardErrors: [0.1, 0.3], standardErrorOfMean: 0.2 };
    const head = headOf({ ...json, profiles: [...json.profiles, { ...profile("new", [0.9, 0.2]), calibration }] });
    const errorAt = (vector: Float32Array, name = "new") =>
      predict(head, vector, [name]).profiles.get(name)?.standardError;
    expect(errorAt(Float32Array.of(1, 0, 0))).toBeCloseTo(0.1, 2);
    expect(errorAt(Float32Array.of(0, 1, 0))).toBeCloseTo(0.3, 2);
    expect(errorAt(Float32Array.of(0, 0, 1))).toBe(0.2);
    expect(errorAt(Float32Array.of(1, 0, 0), "coder")).toBeNull();
  });

  it("leaves out profiles that it does not know", () => {
    expect([...predict(headOf(json), Float32Array.of(1, 0, 0), ["stranger"]).profiles]).toEqual([]);
  });
});

describe("parseHead", () => {
  it("names the part that has the wrong shape", () => {
    expect(parseHead({ ...json, typeWeights: packMatrix([[1, 2, 3]], 3) })).toEqual({
      ok: false,
      error: "typeWeights is not 2 × 3",
    });
    expect(parseHead({ ...json, profiles: [profile("coder", [1])] })).toEqual({
      ok: false,
      error: "profile coder has other types",
    });
    const calibration = { prompts: 1, date: "2026-12-01", standardErrors: [0.1], standardErrorOfMean: 0.2 };
    expect(parseHead({ ...json, profiles: [{ ...profile("coder", [1, 1]), calibration }] })).toMatchObject({
      error: "profile coder has other types",
    });
    expect(parseHead({ ...json, support: { ...json.support, centers: packMatrix([[1, 0]], 2) } })).toMatchObject({
      error: "support.centers is not 1 × 3",
    });
    expect(parseHead("nonsense").ok).toBe(false);
  });
});

describe("packMatrix", () => {
  it("keeps entries to within a 254th of the row's largest", () => {
    const rows = [Array.from({ length: 1000 }, (_, at) => Math.sin(at) * 5)];
    const head = headOf({
      ...json,
      features: 1000,
      typeWeights: packMatrix([rows[0] ?? [], []], 1000),
      support: { ...json.support, centers: packMatrix([], 1000) },
    });
    for (const [at, value] of (rows[0] ?? []).entries()) {
      expect(Math.abs((head.typeWeights.values[at] ?? 0) - value)).toBeLessThanOrEqual(5 / 254 + 1e-6);
    }
  });
});

describe("the committed edge head", () => {
  const head = headOf(edgeHead);
  const read = (text: string) => predict(head, hashFeatures(text, head.features), head.profiles.keys());

  it("says what it was trained on and how it was measured", () => {
    expect(head.trained.recordings.map(({ file }) => file)).toContain("coderouterbench_idtest.jsonl.gz");
    expect(head.trained.measured.length).toBeGreaterThan(0);
    expect(Object.keys(head.ballot).toSorted()).toEqual(["choice", "json", "number", "short"]);
  });

  it("knows a task type that it was trained on", () => {
    const { types, profiles } = read(
      "Write test cases for the following programming problem.\n\nYou are given an integer N and a sequence A of length N. Print the sum of the elements.\n\nInput\n\nThe input is given from Standard Input in the following format:\n\nN\nA_1 A_2 ... A_N\n\nOutput\n\nPrint the answer.\n\nConstraints\n\n1 <= N <= 100\n\nSample Input 1\n\n3\n1 2 3\n\nSample Output 1\n\n6",
    );
    expect(types[0]?.name).toMatch(/^code\//);
    expect(profiles.get("gpt-5.4")?.evidence).toBeGreaterThan(0);
  });

  it("has no support for words that it never saw", () => {
    const { support, profiles } = read("愛 は 静かな 海 の よう に 深い");
    expect(support).toBe(0);
    expect(profiles.get("gpt-5.4")?.quality).toBe(head.profiles.get("gpt-5.4")?.mean);
  });
});
