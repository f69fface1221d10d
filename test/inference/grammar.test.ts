import { describe, expect, it } from "vitest";
import * as z from "zod";
import { toGrammarSchema } from "../../inference/grammar.ts";
import type { JsonSchema } from "../../shared/chat.ts";
import { planSchema } from "../../shared/plan.ts";

const convert = (schema: JsonSchema, strict = false) => toGrammarSchema(schema, { param: "schema", strict });

describe("toGrammarSchema", () => {
  it("keeps what a grammar enforces", () => {
    const converted = convert({
      type: "object",
      properties: {
        name: { type: "string", maxLength: 8, pattern: "^a" },
        tags: { type: "array", items: { enum: ["x"] } },
      },
    });
    expect(converted).toEqual({
      ok: true,
      value: {
        type: "object",
        properties: { name: { type: "string", maxLength: 8 }, tags: { type: "array", items: { enum: ["x"] } } },
        additionalProperties: false,
      },
    });
  });

  it("reads nullable types and anyOf as alternatives", () => {
    expect(convert({ type: ["object", "null"] })).toEqual({
      ok: true,
      value: { oneOf: [{ type: "object", properties: {}, additionalProperties: true }, { type: "null" }] },
    });
    expect(convert({ anyOf: [{ type: "string" }, { type: "null" }] })).toEqual({
      ok: true,
      value: { oneOf: [{ type: "string" }, { type: "null" }] },
    });
  });

  it("gathers definitions at the root", () => {
    const schema = {
      definitions: { node: { type: "array", items: { $ref: "#/definitions/node" } } },
      $ref: "#/definitions/node",
    };
    expect(convert(schema)).toEqual({
      ok: true,
      value: { $ref: "#/$defs/node", $defs: { node: { type: "array", items: { $ref: "#/$defs/node" } } } },
    });
  });

  it("takes the schema of a plan", () => {
    expect(convert(z.toJSONSchema(planSchema) as JsonSchema).ok).toBe(true);
  });

  it.each<[string, JsonSchema, string]>([
    ["a foreign reference", { $ref: "https://example.com/schema" }, "schema.$ref"],
    ["a combination", { allOf: [{ type: "object" }, { type: "object" }] }, "schema.allOf"],
    ["an object as a constant", { properties: { a: { const: {} } } }, "schema.properties.a.const"],
    ["an unknown type", { items: { type: "date" } }, "schema.items.type"],
  ])("refuses %s by its place", (_, schema, param) => {
    expect(convert(schema)).toMatchObject({ ok: false, error: { kind: "unsupported_parameter", param } });
  });

  it("refuses in strict mode what it cannot guarantee", () => {
    const schema = { properties: { age: { type: "integer", minimum: 0 } } };
    expect(convert(schema).ok).toBe(true);
    expect(convert(schema, true)).toMatchObject({ error: { param: "schema.properties.age.minimum" } });
  });

  it("refuses nesting that would exhaust the stack", () => {
    const deep = Array.from({ length: 5000 }).reduce<JsonSchema>((inner) => ({ type: "array", items: inner }), {});
    expect(convert(deep)).toMatchObject({ ok: false, error: { kind: "unsupported_parameter" } });
  });
});
