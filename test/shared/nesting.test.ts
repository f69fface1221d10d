import { expect, it } from "vitest";
import { isNestedDeeper, mostLevels } from "../../shared/nesting.ts";

const nested = (levels: number): unknown => JSON.parse(`${'{"a":['.repeat(levels / 2)}1${"]}".repeat(levels / 2)}`);

it("counts the levels of objects and lists", () => {
  expect(isNestedDeeper(nested(6), 6)).toBe(false);
  expect(isNestedDeeper(nested(8), 6)).toBe(true);
  expect(isNestedDeeper({ a: 1, b: nested(8) }, 6)).toBe(true);
  expect(isNestedDeeper("text", 0)).toBe(false);
});

it("does not follow what is far deeper", () => {
  expect(isNestedDeeper(nested(400_000), mostLevels)).toBe(true);
});
