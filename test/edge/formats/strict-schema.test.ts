import { describe, expect, it } from "vitest";
import { toStrictSchema } from "../../../edge/formats/strict-schema.ts";

const object = (properties: object, rest: object = {}) => ({ type: "object", properties, ...rest });
const closed = (properties: object) => ({
  ...object(properties),
  required: Object.keys(properties),
  additionalProperties: false,
});

describe("a schema in strict mode", () => {
  it("is closed and requires everything, at every depth", () => {
    const inner = { a: { type: "string" } };
    const schema = object({
      list: { type: "array", items: object(inner, { required: [] }) },
      either: { anyOf: [object(inner), { type: "null" }] },
      named: { $ref: "#/$defs/inner" },
    });
    expect(toStrictSchema({ ...schema, $defs: { inner: object(inner) } })).toEqual({
      ...closed({
        list: { type: "array", items: closed(inner) },
        either: { anyOf: [closed(inner), { type: "null" }] },
        named: { $ref: "#/$defs/inner" },
      }),
      $defs: { inner: closed(inner) },
    });
  });

  it("of no property takes none", () => {
    expect(toStrictSchema({ type: "object" })).toEqual(closed({}));
  });

  it("is not deeper than any vendor takes", () => {
    const nested = JSON.parse(`${'{"items":'.repeat(5_000)}{}${"}".repeat(5_000)}`);
    expect(toStrictSchema(nested)).toBeNull();
  });

  it.each([
    ["properties of any name", { additionalProperties: true }],
    ["patterns of names", { patternProperties: {} }],
    ["alternatives that exclude one another", { oneOf: [] }],
    ["all of several", { allOf: [] }],
    ["a default", { default: {} }],
  ])("cannot say %s", (_, rest) => {
    expect(toStrictSchema(object({}, rest))).toBeNull();
    expect(toStrictSchema(object({ a: object({}, rest) }))).toBeNull();
  });
});
