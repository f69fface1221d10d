import { readFileSync } from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as z from "zod";

const fixtures = path.join(import.meta.dirname, "..", "fixtures");
const variant = z.looseObject({ properties: z.looseObject({ type: z.looseObject({ enum: z.array(z.string()) }) }) });
const fileSchema = z.looseObject({ $defs: z.record(z.string(), z.unknown()) });
const read = (name: string) => fileSchema.parse(JSON.parse(readFileSync(path.join(fixtures, name), "utf8")));
const spec = read("openai-responses.schema.json");
const ajv = new Ajv2020({ strict: false, validateFormats: false })
  .addSchema(spec)
  .addSchema(read("openai-chat.schema.json"));

/** What of a value OpenAI's specification does not allow, in words; empty when it is as specified. */
type Problems = (value: unknown) => readonly string[];

const problemsOf = (name: string, of = "openai-responses"): Problems => {
  const matches = ajv.compile({ $ref: `${of}#/$defs/${name}` });
  return (value) =>
    matches(value) ? [] : (matches.errors ?? []).map((error) => `${name}${error.instancePath} ${error.message}`);
};

export const responseProblems = problemsOf("Response");
export const itemListProblems = problemsOf("ResponseItemList");

export const completionProblems = problemsOf("CreateChatCompletionResponse", "openai-chat");
export const chunkProblems = problemsOf("CreateChatCompletionStreamResponse", "openai-chat");
export const embeddingsProblems = problemsOf("CreateEmbeddingResponse", "openai-chat");
export const modelProblems = problemsOf("Model", "openai-chat");

/** The specification's name of an event by its type. */
const events = new Map(
  Object.entries(spec.$defs).flatMap(([name, schema]) => {
    const event = name.endsWith("Event") ? variant.safeParse(schema) : null;
    return event?.success ? event.data.properties.type.enum.map((type) => [type, problemsOf(name)] as const) : [];
  }),
);

export const eventProblems = (event: { readonly type: string }): readonly string[] =>
  events.get(event.type)?.(event) ?? [`there is no event ${event.type}`];
