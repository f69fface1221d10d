import type { ChatRequest } from "../../shared/chat.ts";

/**
 * A request as text, the same for all that ask the same in whatever format: everything that changes the answer, and
 * nothing else. The order of our own fields does not matter; that within a JSON Schema does, as models write an
 * object's fields in the order in which its schema names them.
 */
export const canonicalRequest = (chat: ChatRequest): string => {
  // The choice of workers stands for the name that was given for it; the rest says who asks, and what vendors may cache.
  const { model: _model, user: _user, metadata: _metadata, tools, toolChoice, parallelToolCalls, ...rest } = chat;
  const ofTools = tools.length > 0 && {
    tools: tools.map((tool) => ({ ...tool, parameters: asWritten(tool.parameters) })),
    toolChoice,
    parallelToolCalls,
  };
  const output = chat.output.type === "json_schema" && { output: withSchemaAsWritten(chat.output) };
  return canonicalJson({ ...rest, ...ofTools, ...output });
};

type JsonOutput = Extract<ChatRequest["output"], { type: "json_schema" }>;

const withSchemaAsWritten = (output: JsonOutput) => ({ ...output, schema: asWritten(output.schema) });

/** Text within the text: nothing in it is sorted or left out. */
const asWritten = (value: object | undefined): string | undefined => value && JSON.stringify(value);

/** JSON with the fields of every object in order, without those that are undefined and without marks for vendors' caches. */
export const canonicalJson = (value: unknown): string => JSON.stringify(value, sorted);

const sorted = (key: string, value: unknown): unknown => {
  if (key === "cacheHere") return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

/** Texts as one from which each could be read back: no two lists give the same. */
export const joinFields = (fields: readonly string[]): string =>
  fields.map((field) => `${field.length}:${field}`).join("");
