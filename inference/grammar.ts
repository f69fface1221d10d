import type { GbnfJsonSchema } from "node-llama-cpp";
import * as z from "zod";
import type { JsonSchema } from "../shared/chat.ts";
import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";

/**
 * JSON Schema → the part of it that a grammar can hold a model to: types, properties, items, enum, const, anyOf and
 * oneOf, references into `$defs`. Optional properties are always written. What only narrows a value (`pattern`,
 * `minimum`) is left to the model, unless `strict` asks for a guarantee. The error names the place, under `param`.
 */
export const toGrammarSchema = (
  schema: JsonSchema,
  options: { readonly param: string; readonly strict: boolean },
): Result<GbnfJsonSchema, ShoalError> => {
  try {
    const definitions = { ...record(schema["definitions"]), ...record(schema["$defs"]) };
    const context: Context = { strict: options.strict, definitions: new Set(Object.keys(definitions)), depth: 0 };
    const root = convert(schema, options.param, context);
    const defs = mapValues(definitions, (definition, name) =>
      convert(definition, `${options.param}.$defs.${name}`, context),
    );
    // The library's type ties each reference to its definition by name, which data from outside cannot.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return ok((context.definitions.size > 0 ? { ...root, $defs: defs } : root) as GbnfJsonSchema);
  } catch (error) {
    const place = error instanceof Error ? unsupportedAt.safeParse(error.cause) : null;
    if (!(error instanceof Error) || !place?.success) throw error;
    return err({ kind: "unsupported_parameter", param: place.data.unsupported, message: error.message });
  }
};

type Grammar = { readonly [key: string]: unknown };
type Context = { readonly strict: boolean; readonly definitions: ReadonlySet<string>; readonly depth: number };

/** How the recursive descent ends early; it does not leave this file. */
const unsupported = (param: string, why: string) => new Error(`${param}: ${why}`, { cause: { unsupported: param } });
const unsupportedAt = z.object({ unsupported: z.string() });

const maxDepth = 64;

/** llama.cpp unrolls repetitions into rules, one for each. */
const maxRepetitions = 1000;

const narrowing = [
  "pattern",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "uniqueItems",
  "contains",
  "minContains",
  "maxContains",
  "patternProperties",
  "propertyNames",
  "dependentRequired",
  "dependentSchemas",
  "unevaluatedProperties",
  "unevaluatedItems",
  "if",
  "then",
  "else",
  "not",
] as const;

const formats: ReadonlySet<unknown> = new Set(["date-time", "time", "date"]);
const scalars = z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1);
const types = ["string", "number", "integer", "boolean", "null", "object", "array"] as const;
const typeNames = z.union([z.enum(types).transform((type) => [type]), z.array(z.enum(types)).min(1)]);

const anything: Grammar = {
  oneOf: [
    { type: ["string", "number", "boolean", "null"] },
    { type: "object", additionalProperties: true },
    { type: "array" },
  ],
};

const convert = (input: unknown, param: string, context: Context): Grammar => {
  if (context.depth > maxDepth) throw unsupported(param, `nested deeper than ${maxDepth}`);
  if (input === true) return anything;
  const schema = record(input, param);
  const inner: Context = { ...context, depth: context.depth + 1 };
  if (context.strict) refuseNarrowing(schema, param);
  const described = typeof schema["description"] === "string" ? { description: schema["description"] } : {};
  return { ...convertBare(schema, param, inner), ...described };
};

const convertBare = (schema: JsonSchema, param: string, context: Context): Grammar => {
  if (schema["$ref"] !== undefined) return reference(schema["$ref"], param, context);
  const union = schema["anyOf"] ?? schema["oneOf"];
  if (union !== undefined) return alternatives(union, schema, param, context);
  if (schema["allOf"] !== undefined) return only(schema["allOf"], schema, param, context);
  if ("const" in schema) return { enum: literals([schema["const"]], `${param}.const`) };
  if (schema["enum"] !== undefined) return { enum: literals(schema["enum"], `${param}.enum`) };
  return byType(schema, param, context);
};

const byType = (schema: JsonSchema, param: string, context: Context): Grammar => {
  const declared = schema["type"] ?? impliedType(schema);
  if (declared === undefined) return anything;
  const parsed = typeNames.safeParse(declared);
  if (!parsed.success) throw unsupported(`${param}.type`, "not a type of JSON Schema");
  const branches = parsed.data.map((type) => ofType(type, schema, param, context));
  return branches.length === 1 && branches[0] !== undefined ? branches[0] : { oneOf: branches };
};

const impliedType = (schema: JsonSchema): "object" | "array" | undefined => {
  if (schema["properties"] !== undefined || schema["additionalProperties"] !== undefined) return "object";
  return schema["items"] !== undefined || schema["prefixItems"] !== undefined ? "array" : undefined;
};

const ofType = (type: (typeof types)[number], schema: JsonSchema, param: string, context: Context): Grammar => {
  switch (type) {
    case "object":
      return objectOf(schema, param, context);
    case "array":
      return arrayOf(schema, param, context);
    case "string":
      return formats.has(schema["format"])
        ? { type, format: schema["format"] }
        : { type, ...bounds(schema, ["minLength", "maxLength"], param, context) };
    default:
      return { type };
  }
};

const objectOf = (schema: JsonSchema, param: string, context: Context): Grammar => {
  const properties = record(schema["properties"] ?? {}, `${param}.properties`);
  const more = schema["additionalProperties"] ?? Object.keys(properties).length === 0;
  return {
    type: "object",
    properties: mapValues(properties, (property, name) => convert(property, `${param}.properties.${name}`, context)),
    additionalProperties: typeof more === "boolean" ? more : convert(more, `${param}.additionalProperties`, context),
    ...bounds(schema, ["minProperties", "maxProperties"], param, context),
  };
};

const arrayOf = (schema: JsonSchema, param: string, context: Context): Grammar => {
  const { items, prefixItems } = schema;
  return {
    type: "array",
    ...(items !== undefined && items !== true && { items: convert(items, `${param}.items`, context) }),
    ...(Array.isArray(prefixItems) && {
      prefixItems: prefixItems.map((item, index) => convert(item, `${param}.prefixItems[${index}]`, context)),
    }),
    ...bounds(schema, ["minItems", "maxItems"], param, context),
  };
};

const reference = (target: unknown, param: string, context: Context): Grammar => {
  const name = typeof target === "string" ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(target)?.[1] : undefined;
  if (name === undefined || !context.definitions.has(name)) {
    throw unsupported(`${param}.$ref`, "only references to the schema's own $defs are followed");
  }
  return { $ref: `#/$defs/${name}` };
};

const structural = ["properties", "items", "prefixItems", "enum", "const", "allOf"] as const;

const alternatives = (union: unknown, schema: JsonSchema, param: string, context: Context): Grammar => {
  const beside = structural.find((key) => schema[key] !== undefined);
  const keyword = schema["anyOf"] === undefined ? "oneOf" : "anyOf";
  if (beside !== undefined || (keyword === "anyOf" && schema["oneOf"] !== undefined)) {
    throw unsupported(`${param}.${keyword}`, `cannot be combined with ${beside ?? "oneOf"}`);
  }
  if (!Array.isArray(union) || union.length === 0) throw unsupported(`${param}.${keyword}`, "not a list of schemas");
  return { oneOf: union.map((branch, index) => convert(branch, `${param}.${keyword}[${index}]`, context)) };
};

const only = (parts: unknown, schema: JsonSchema, param: string, context: Context): Grammar => {
  const alone = Array.isArray(parts) && parts.length === 1 && schema["properties"] === undefined;
  if (!alone) throw unsupported(`${param}.allOf`, "more than one schema at once cannot be enforced");
  return convert(parts[0], `${param}.allOf[0]`, context);
};

const literals = (values: unknown, param: string) => {
  const parsed = scalars.safeParse(values);
  if (!parsed.success) throw unsupported(param, "only strings, numbers, booleans and null");
  return parsed.data;
};

const bounds = (schema: JsonSchema, keys: readonly string[], param: string, context: Context): Grammar => {
  const kept = keys.filter((key) => {
    const value = schema[key];
    const enforceable = typeof value === "number" && value >= 0 && value <= maxRepetitions;
    if (value !== undefined && !enforceable && context.strict) {
      throw unsupported(`${param}.${key}`, `only 0 to ${maxRepetitions} can be enforced`);
    }
    return enforceable;
  });
  return Object.fromEntries(kept.map((key) => [key, schema[key]]));
};

const refuseNarrowing = (schema: JsonSchema, param: string) => {
  const keyword = narrowing.find((key) => schema[key] !== undefined);
  if (keyword !== undefined) throw unsupported(`${param}.${keyword}`, "cannot be enforced, which strict asks for");
  if (schema["format"] !== undefined && !formats.has(schema["format"])) {
    throw unsupported(`${param}.format`, "only date-time, time and date can be enforced, which strict asks for");
  }
};

const isRecord = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Without `param`, what is not an object counts as an empty one. */
const record = (value: unknown, param?: string): JsonSchema => {
  if (isRecord(value)) return value;
  if (param !== undefined) throw unsupported(param, "not a schema");
  return {};
};

const mapValues = (values: JsonSchema, map: (value: unknown, key: string) => Grammar): Record<string, Grammar> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value, key)]));
