import type { JsonSchema } from "../../shared/chat.ts";

/** What strict mode takes besides. https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas */
const plain = new Set([
  "$ref",
  "const",
  "description",
  "enum",
  "exclusiveMaximum",
  "exclusiveMinimum",
  "format",
  "maxItems",
  "maximum",
  "minItems",
  "minimum",
  "multipleOf",
  "pattern",
  "title",
  "type",
]);

/**
 * A schema as strict mode wants it: no property beyond those named, and all of them required. Null when it says
 * something that strict mode cannot. https://developers.openai.com/api/docs/guides/function-calling#strict-mode
 */
export const toStrictSchema = (schema: JsonSchema): JsonSchema | null => tighten(schema, maxDepth);

/** Far deeper than vendors take. */
const maxDepth = 100;

const tighten = (schema: JsonSchema, depth: number): JsonSchema | null => {
  if (depth === 0) return null;
  const strict: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    const read = readKeyword(key, value, depth - 1);
    if (read === undefined) return null;
    strict[key] = read;
  }
  return { ...strict, ...closeObject(strict) };
};

/** Undefined when strict mode has no such keyword, or not with this value. */
const readKeyword = (key: string, value: unknown, depth: number): unknown => {
  if (plain.has(key) || key === "required") return value;
  if (key === "additionalProperties") return value === false ? value : undefined;
  if (key === "items") return readOne(value, depth) ?? undefined;
  if (key === "anyOf") return readList(value, depth);
  return key === "properties" || key === "$defs" || key === "definitions" ? readEach(value, depth) : undefined;
};

const closeObject = ({ type, properties }: JsonSchema): JsonSchema =>
  type === "object" || isSchema(properties)
    ? { properties: properties ?? {}, required: Object.keys(properties ?? {}), additionalProperties: false }
    : {};

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const readOne = (value: unknown, depth: number): JsonSchema | null => (isSchema(value) ? tighten(value, depth) : null);

const readList = (value: unknown, depth: number): readonly JsonSchema[] | undefined => {
  if (!Array.isArray(value)) return undefined;
  const read = value.map((schema) => readOne(schema, depth));
  return read.every((schema) => schema !== null) ? read : undefined;
};

const readEach = (value: unknown, depth: number): JsonSchema | undefined => {
  if (!isSchema(value)) return undefined;
  const entries = Object.entries(value).map(([name, schema]) => [name, readOne(schema, depth)] as const);
  return entries.every(([, schema]) => schema !== null) ? Object.fromEntries(entries) : undefined;
};
