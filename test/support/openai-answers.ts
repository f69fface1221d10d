import { readFileSync } from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as z from "zod";

const file = path.join(import.meta.dirname, "..", "fixtures", "openai-responses.schema.json");
const variant = z.looseObject({ properties: z.looseObject({ type: z.looseObject({ enum: z.array(z.string()) }) }) });
const fileSchema = z.looseObject({ $defs: z.record(z.string(), z.unknown()) });
const spec = fileSchema.parse(JSON.parse(readFileSync(file, "utf8")));
const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(spec);

/** What of a value OpenAI's specification does not allow, in words; empty when it is as specified. */
type Problems = (value: unknown) => readonly string[];

const problemsOf = (name: string): Problems => {
  const matches = ajv.compile({ $ref: `openai-responses#/$defs/${name}` });
  return (value) =>
    matches(value) ? [] : (matches.errors ?? []).map((error) => `${name}${error.instancePath} ${error.message}`);
};

export const responseProblems = problemsOf("Response");
export const itemListProblems = problemsOf("ResponseItemList");

/** The specification's name of an event by its type. */
const events = new Map(
  Object.entries(spec.$defs).flatMap(([name, schema]) => {
    const read = name.endsWith("Event") ? variant.safeParse(schema) : null;
    return read?.success ? read.data.properties.type.enum.map((type) => [type, problemsOf(name)] as const) : [];
  }),
);

export const eventProblems = (event: { readonly type: string }): readonly string[] =>
  events.get(event.type)?.(event) ?? [`there is no event ${event.type}`];
