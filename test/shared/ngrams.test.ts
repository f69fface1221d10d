import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashFeatures } from "../../shared/ngrams.ts";

const overlap = (a: string, b: string) => {
  const left = hashFeatures(a, 4096);
  const right = hashFeatures(b, 4096);
  const at = new Map([...left.indices].map((index, place) => [index, left.values[place] ?? 0]));
  return right.indices.reduce((sum, index, place) => sum + (at.get(index) ?? 0) * (right.values[place] ?? 0), 0);
};

describe("hashFeatures", () => {
  it("gives unit vectors with ascending indices inside the buckets", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const { indices, values } = hashFeatures(text, 1000);
        expect(values.length).toBe(indices.length);
        expect([...indices]).toEqual([...new Set(indices)].toSorted((a, b) => a - b));
        expect(Math.max(0, ...indices)).toBeLessThan(1000);
        expect(Math.hypot(...values)).toBeCloseTo(values.length === 0 ? 0 : 1, 4);
      }),
    );
  });

  it("gives the same features for the same text on every machine", () => {
    const { indices, values } = hashFeatures("Write a function", 64);
    expect([...indices].slice(0, 8)).toMatchInlineSnapshot(`
      [
        0,
        3,
        4,
        5,
        6,
        8,
        10,
        14,
      ]
    `);
    expect(values.length).toBe(indices.length);
  });

  it("tells texts with other words apart", () => {
    const near = overlap("sort a list of numbers in Rust", "sort a list of words in Rust");
    const far = overlap("sort a list of numbers in Rust", "the history of the Roman senate");
    expect(near).toBeGreaterThan(0.5);
    expect(far).toBeLessThan(0.2);
  });
});
