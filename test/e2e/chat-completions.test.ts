import { describe, expect, it } from "vitest";
import * as z from "zod";
import { readSse } from "../../shared/sse.ts";
import { chunkProblems, completionProblems, embeddingsProblems, modelProblems } from "../support/openai-answers.ts";
import { systemUnderTest } from "../support/system-under-test.ts";

const { vendors, request } = systemUnderTest();

const call = async (path: string, body?: object) => {
  const response = await request(path, { body });
  expect(response.status).toBe(200);
  return response;
};

const complete = async (body: object): Promise<unknown> => (await call("/v1/chat/completions", body)).json();

const stream = async (body: object): Promise<readonly unknown[]> => {
  const text = await (await call("/v1/chat/completions", { ...body, stream: true })).text();
  const data = readSse(text).map((message) => message.data);
  expect(data.at(-1)).toBe("[DONE]");
  return data.slice(0, -1).map((chunk): unknown => JSON.parse(chunk));
};

/** One worker of each vendor's protocol, and the two tiers. */
const models = ["openai/gpt-5.4", "anthropic/claude-opus-5", "google/gemini-3.6-flash", "shoal-mini", "shoal-ultra"];

const tools = [{ type: "function", function: { name: "depth", parameters: { type: "object", properties: {} } } }];
const messages = [{ role: "user", content: "Write a short essay on why fish swim in shoals." }];
const toolCalls = [{ id: "vendor-1", name: "depth", arguments: ['{"sea":', '"north"}'] }];
const thinking = { reasoning: ["I must ", "look."], text: ["Because ", "of pike."] };

const asked: readonly (readonly [string, object, object])[] = [
  ["text", {}, { text: ["Because."] }],
  ["thoughts", { reasoning_effort: "high" }, thinking],
  ["tool calls", { tools }, { text: [], toolCalls }],
  ["usage at the end", { stream_options: { include_usage: true } }, { text: ["Because."] }],
  ["a plan", { metadata: { shoal_plan: "true", shoal_progress: "true" } }, { text: ["Because."] }],
];

describe.each(models)("an answer of %s", (model) => {
  it.each(asked)("is as OpenAI specifies it: %s", async (_, rest, script) => {
    vendors.script(script);
    const { stream_options, ...whole } = { stream_options: undefined, ...rest };
    expect(completionProblems(await complete({ model, messages, ...whole }))).toEqual([]);
    const chunks = await stream({ model, messages, ...whole, ...(stream_options !== undefined && { stream_options }) });
    expect(chunks.flatMap(chunkProblems)).toEqual([]);
    expect(vendors.violations).toEqual([]);
  });
});

describe("what else is answered", () => {
  it("is as OpenAI specifies it: embeddings", async () => {
    const embeddings = await call("/v1/embeddings", { model: "all-minilm-l6-v2", input: ["a", "b"] });
    expect(embeddingsProblems(await embeddings.json())).toEqual([]);
  });

  it("is as OpenAI specifies it: every model", async () => {
    const list = z.object({ object: z.literal("list"), data: z.array(z.looseObject({ id: z.string() })) });
    const { data } = list.parse(await (await call("/v1/models")).json());
    expect(data.flatMap(modelProblems)).toEqual([]);
    expect(data.length).toBeGreaterThan(5);
  });
});
