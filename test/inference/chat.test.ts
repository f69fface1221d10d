import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSse } from "../../shared/sse.ts";
import { completionSchema, readChunk } from "./openai-shapes.ts";
import { startProcess, stopProcess, type ServiceProcess } from "./process.ts";

let service: ServiceProcess;

beforeAll(async () => {
  service = startProcess({ SHOAL_CHAT_SEQUENCES: "1", SHOAL_CHAT_QUEUE: "1", SHOAL_CHAT_CONTEXT: "1024" });
  await service.event("chat-model-ready");
});

afterAll(() => stopProcess(service));

const user = (content: unknown) => ({ role: "user", content });
const capital = { messages: [user("What is the capital of France?")], seed: 1, max_tokens: 24 };
const endless = { messages: [user("Write a very long story about a king.")], max_tokens: 900, stream: true };

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The current weather of a city",
    parameters: { type: "object", properties: { city: { type: "string", maxLength: 20 } }, required: ["city"] },
  },
};
const time = { type: "function", function: { name: "get_time", description: "The current time" } };

const answerTo = async (body: object) => {
  const response = await service.chat(body);
  return completionSchema.parse(await response.json());
};

const textOf = async (body: object) => (await answerTo(body)).choices[0].message.content ?? "";

const chunksOf = async (response: Response) => readSse(await response.text()).map((event) => event.data);

/** The next piece of a body that is still being written. */
const read = async (response: Response) => {
  const reader = response.body?.getReader();
  const first = await reader?.read();
  return { reader, text: new TextDecoder().decode(first?.value) };
};

const busy = async () => /^shoal_chat_busy (\d+)$/m.exec(await (await service.get("/metrics")).text())?.[1];

describe("POST /v1/chat/completions", () => {
  it("answers whole, with counted tokens", async () => {
    const answer = await answerTo(capital);
    expect(answer.choices[0].message.content).toContain("Paris");
    expect(answer.choices[0].finish_reason).toBe("stop");
    const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
    expect(prompt_tokens).toBeGreaterThan(7);
    expect(completion_tokens).toBeGreaterThan(3);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });

  it("streams the same words as it answers whole", async () => {
    const [whole, response] = [await textOf(capital), await service.chat({ ...capital, stream: true })];
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const data = await chunksOf(response);
    expect(data.at(-1)).toBe("[DONE]");
    const chunks = data.slice(0, -1).map(readChunk);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole);
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ delta: {}, finish_reason: "stop" });
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(data.join()).not.toContain("usage");
  });

  it("ends a stream with usage when asked", async () => {
    const response = await service.chat({ ...capital, stream: true, stream_options: { include_usage: true } });
    const chunks = (await chunksOf(response)).slice(0, -1).map(readChunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 17 } });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it("stops at max_completion_tokens", async () => {
    const answer = await answerTo({ messages: endless.messages, max_completion_tokens: 5 });
    expect(answer.choices[0].finish_reason).toBe("length");
    expect(answer.usage.completion_tokens).toBe(5);
  });

  it("stops before a stop sequence", async () => {
    const answer = await answerTo({ ...capital, stop: "Paris" });
    expect(answer.choices[0].message.content).not.toContain("Paris");
    expect(answer.choices[0].finish_reason).toBe("stop");
  });

  it("repeats itself for the same seed", async () => {
    const body = { messages: endless.messages, max_tokens: 12, temperature: 1.5, seed: 7 };
    const [first, second] = [await textOf(body), await textOf(body)];
    expect(first).toBe(second);
  });

  it("writes an object for json_object", async () => {
    const messages = [user('Repeat: {"capital": "Rome"}')];
    const answer = await answerTo({
      messages,
      response_format: { type: "json_object" },
      max_tokens: 400,
      temperature: 0,
    });
    expect(JSON.parse(answer.choices[0].message.content ?? "")).toBeTypeOf("object");
  });

  it("holds to a json_schema", async () => {
    const schema = {
      type: "object",
      properties: {
        city: { type: "string", maxLength: 20 },
        size: { enum: ["small", "large"] },
        river: { anyOf: [{ type: "null" }, { enum: ["Seine"] }] },
      },
      required: ["city", "size", "river"],
      additionalProperties: false,
    };
    const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema } };
    const answer = await answerTo({ messages: [user("Describe Paris.")], response_format, max_tokens: 100 });
    const city = JSON.parse(answer.choices[0].message.content ?? "");
    expect(Object.keys(city).toSorted()).toEqual(["city", "river", "size"]);
    expect(["small", "large"]).toContain(city.size);
  });

  it.each([
    ["required", "required", ["get_weather", "get_time"]],
    ["named", { type: "function", function: { name: "get_weather" } }, ["get_weather"]],
    ["named without parameters", { type: "function", function: { name: "get_time" } }, ["get_time"]],
  ])("calls a tool when it is %s", async (_, tool_choice, names) => {
    const messages = [user("What is the weather in Paris?")];
    const answer = await answerTo({ messages, tools: [weather, time], tool_choice, max_tokens: 80 });
    const [choice] = answer.choices;
    expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
    const call = choice.message.tool_calls?.[0]?.function;
    expect(names).toContain(call?.name);
    expect(JSON.parse(call?.arguments ?? "")).toBeTypeOf("object");
  });

  it("streams a tool call", async () => {
    const messages = [user("What is the weather in Paris?")];
    const response = await service.chat({
      messages,
      tools: [weather],
      tool_choice: "required",
      max_tokens: 80,
      stream: true,
    });
    const chunks = (await chunksOf(response)).slice(0, -1).map((data) => readChunk(data).choices[0]);
    const calls = chunks.flatMap((choice) => choice?.delta.tool_calls ?? []);
    expect(calls[0]).toMatchObject({ index: 0, type: "function", function: { name: "get_weather", arguments: "" } });
    expect(JSON.parse(calls.map((call) => call.function.arguments).join(""))).toHaveProperty("city");
    expect(chunks.at(-1)?.finish_reason).toBe("tool_calls");
  });

  it("reads a tool's result", async () => {
    const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } };
    const messages = [
      user("What is the weather in Paris?"),
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "18 degrees and sunny" },
    ];
    const answer = await answerTo({ messages, tools: [weather], tool_choice: "none", max_tokens: 40, seed: 1 });
    expect(answer.choices[0].message.content).toMatch(/18|sunny/);
  });

  it.each([
    ["messages[0].content[0].type", { messages: [user([{ type: "image_url", image_url: { url: "data:" } }])] }],
    ["messages[0].tool_call_id", { messages: [{ role: "tool", tool_call_id: "x", content: "" }] }],
    ["messages", { messages: [] }],
    ["logit_bias", { ...capital, logit_bias: {} }],
    ["temperature", { ...capital, temperature: 3 }],
    ["n", { ...capital, n: 2 }],
    ["model", { ...capital, model: "other" }],
    ["tool_choice", { ...capital, tools: [time], tool_choice: { type: "function", function: { name: "x" } } }],
    ["response_format", { ...capital, tools: [time], response_format: { type: "json_object" } }],
    ["messages", { messages: [user("word ".repeat(2000))] }],
    [
      "response_format.json_schema.schema.pattern",
      {
        ...capital,
        response_format: {
          type: "json_schema",
          json_schema: { name: "x", strict: true, schema: { type: "string", pattern: "a" } },
        },
      },
    ],
    [
      "tools[0].function.parameters",
      {
        ...capital,
        tools: [
          {
            type: "function",
            function: { name: "f", parameters: { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } } },
          },
        ],
      },
    ],
  ])("names %s when it is wrong", async (param, body) => {
    const response = await service.chat(body);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", param } });
  });

  it("refuses with retry-after when the queue is full", async () => {
    const clients = new AbortController();
    const writing = await service.chat(endless, clients.signal);
    const waiting = service.chat({ ...capital, max_tokens: 1 });
    await expect
      .poll(async () => (await (await service.get("/metrics")).text()).includes("shoal_chat_waiting 1"))
      .toBe(true);
    const refused = await service.chat(capital);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ error: { code: "overloaded" } });
    await read(writing);
    clients.abort();
    expect((await waiting).status).toBe(200);
  });

  it("stops writing and frees the sequence when the client has gone", async () => {
    const client = new AbortController();
    const { text } = await read(await service.chat(endless, client.signal));
    expect(text).toContain("assistant");
    expect(await busy()).toBe("1");
    client.abort();
    await expect.poll(busy).toBe("0");
  });

  it("lets a client that has gone leave the queue", async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    await service.chat(endless, first.signal);
    const waiting = service.chat(capital, second.signal).catch((error: Error) => error.name);
    const waits = async () => /^shoal_chat_waiting (\d+)$/m.exec(await (await service.get("/metrics")).text())?.[1];
    await expect.poll(waits).toBe("1");
    second.abort();
    expect(await waiting).toBe("AbortError");
    await expect.poll(waits).toBe("0");
    first.abort();
    await expect.poll(busy).toBe("0");
  });

  it("logs neither prompts nor answers", () => {
    expect(JSON.stringify(service.lines)).not.toMatch(/France|Paris|king/);
  });
});
