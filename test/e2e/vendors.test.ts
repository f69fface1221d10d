import Anthropic, { APIError as AnthropicError } from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { overlap, startVendors, type Vendors } from "../support/vendors.ts";

let vendors: Vendors;
beforeAll(async () => {
  vendors = await startVendors();
});
beforeEach(() => vendors.reset());
afterAll(() => vendors[Symbol.asyncDispose]());

const openai = () => new OpenAI({ baseURL: vendors.openai.baseUrl, apiKey: vendors.openai.key, maxRetries: 0 });
const anthropic = () =>
  new Anthropic({ baseURL: vendors.anthropic.baseUrl, apiKey: vendors.anthropic.key, maxRetries: 0 });
const google = () => new GoogleGenAI({ apiKey: vendors.google.key, httpOptions: { baseUrl: vendors.google.baseUrl } });

const askOpenai = (signal?: AbortSignal) =>
  openai().chat.completions.create(
    {
      model: "model-a",
      messages: [{ role: "user", content: "Why?" }],
      stream: true,
      stream_options: { include_usage: true },
    },
    { ...(signal && { signal }) },
  );

const usage = { inputTokens: 30, cachedInputTokens: 10, outputTokens: 9, reasoningTokens: 4 };

describe("vendors", () => {
  it("speak so that the OpenAI SDK reads text, a tool call and usage", async () => {
    vendors.openai.script({
      text: ["a", "b"],
      toolCalls: [{ id: "call_1", name: "look", arguments: ['{"x"', ":1}"] }],
      usage,
    });
    const chunks = [];
    for await (const chunk of await askOpenai()) chunks.push(chunk);
    const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
    expect(deltas.map((delta) => delta.content ?? "").join("")).toBe("ab");
    expect(
      deltas
        .flatMap((delta) => delta.tool_calls ?? [])
        .map((call) => call.function?.arguments)
        .join(""),
    ).toBe('{"x":1}');
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(39);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("tool_calls");
    expect(vendors.violations).toEqual([]);
  });

  it("speak so that the OpenAI SDK reads a response with reasoning, text, a tool call and usage", async () => {
    vendors.openai.script({
      reasoning: ["hm"],
      text: ["a", "b"],
      toolCalls: [{ id: "call_1", name: "look", arguments: ['{"x"', ":1}"] }],
      usage,
    });
    const response = await openai().responses.stream({ model: "model-a", input: "Why?" }).finalResponse();
    expect(response.output_text).toBe("ab");
    expect(response.output).toMatchObject([
      { type: "reasoning", summary: [{ text: "hm" }] },
      { type: "message" },
      { type: "function_call", call_id: "call_1", arguments: '{"x":1}' },
    ]);
    expect(response.usage).toMatchObject({ input_tokens: 30, output_tokens: 9, total_tokens: 39 });
    expect(vendors.violations).toEqual([]);
  });

  it("speak so that the Anthropic SDK reads thinking, text, a tool call and usage", async () => {
    vendors.anthropic.script({
      reasoning: ["hm", "m"],
      text: ["a", "b"],
      toolCalls: [{ id: "toolu_1", name: "look", arguments: ['{"x"', ":1}"] }],
      usage,
    });
    const stream = anthropic().messages.stream({
      model: "model-b",
      max_tokens: 10,
      messages: [{ role: "user", content: "Why?" }],
    });
    const message = await stream.finalMessage();
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "hmm" },
      { type: "text", text: "ab" },
      { type: "tool_use", id: "toolu_1", name: "look", input: { x: 1 } },
    ]);
    expect(message.stop_reason).toBe("tool_use");
    expect(message.usage).toMatchObject({ input_tokens: 20, cache_read_input_tokens: 10, output_tokens: 9 });
    expect(vendors.violations).toEqual([]);
  });

  it("speak so that the Google SDK reads thoughts, text, a function call and usage", async () => {
    vendors.google.script({
      reasoning: ["hm"],
      text: ["a", "b"],
      toolCalls: [{ id: "f1", name: "look", arguments: ['{"x":1}'] }],
      usage,
    });
    const chunks = [];
    for await (const chunk of await google().models.generateContentStream({ model: "model-c", contents: "Why?" }))
      chunks.push(chunk);
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    expect(parts.map((part) => part.text ?? part.functionCall?.name)).toEqual(["hm", "a", "b", "look"]);
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe("STOP");
    expect(chunks.at(-1)?.usageMetadata).toMatchObject({
      promptTokenCount: 30,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 4,
    });
    expect(vendors.google.calls[0]?.model).toBe("model-c");
    expect(vendors.violations).toEqual([]);
  });

  it("refuse what the vendor refuses, and remember it", async () => {
    const unknown = { model: "model-a", messages: [{ role: "user", content: "Why?" }], stream: true, tempature: 1 };
    const wrong = [
      [`${vendors.openai.baseUrl}/chat/completions`, { authorization: `Bearer ${vendors.openai.key}` }],
      [
        `${vendors.anthropic.baseUrl}/v1/messages`,
        { "x-api-key": vendors.anthropic.key, "anthropic-version": "2023-06-01" },
      ],
      [
        `${vendors.google.baseUrl}/v1beta/models/m:streamGenerateContent?alt=sse`,
        { "x-goog-api-key": vendors.google.key },
      ],
    ] as const;
    const statuses = await Promise.all(
      wrong.map(async ([url, headers]) => {
        const response = await fetch(url, {
          method: "POST",
          headers: { ...headers, "content-type": "application/json" },
          body: JSON.stringify(unknown),
        });
        return response.status;
      }),
    );
    expect(statuses).toEqual([400, 400, 400]);
    expect(new Set(vendors.violations.map((violation) => violation.vendor))).toEqual(
      new Set(["openai", "anthropic", "google"]),
    );
    expect(vendors.violations.find(({ vendor }) => vendor === "openai")?.problem).toContain("tempature");
  });

  it("refuse a tool result that answers no call", async () => {
    await expect(
      openai().chat.completions.create({
        model: "model-a",
        stream: true,
        messages: [
          { role: "user", content: "Why?" },
          { role: "tool", tool_call_id: "call_9", content: "1" },
        ],
      }),
    ).rejects.toMatchObject({ status: 400 });
    expect(vendors.violations[0]?.problem).toContain("call_9");
  });

  it.each([429, 500, 529])("answer a scripted %i in the vendor's shape", async (status) => {
    vendors.anthropic.script({ status, retryAfterSeconds: 7 });
    const error: unknown = await anthropic()
      .messages.create({
        model: "model-b",
        max_tokens: 10,
        stream: true,
        messages: [{ role: "user", content: "Why?" }],
      })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AnthropicError);
    expect(error).toMatchObject({ status, error: { type: "error", error: { message: `scripted error ${status}` } } });
  });

  it("see when the caller leaves", async () => {
    const abort = new AbortController();
    vendors.openai.script({
      text: ["a", "b", "c"],
      beforeChunk: (index) => (index === 0 ? Promise.resolve() : new Promise(() => {})),
    });
    const stream = await askOpenai(abort.signal);
    const call = await vendors.openai.call(0);
    const reading = (async () => {
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) abort.abort();
    })();
    await reading;
    expect(await call.closed).toBe("aborted");
    expect(call.chunksAt).toHaveLength(1);
    expect(call.endedAt).toBeGreaterThanOrEqual(call.chunksAt[0] ?? Infinity);
  });

  it("drop the connection in the middle of a stream", async () => {
    vendors.openai.script({ text: ["a", "b"], breakAfter: { chunks: 1, how: "cut" } });
    await expect(askOpenai().then(drain)).rejects.toThrow("terminated");
    expect(vendors.openai.calls[0]?.chunksAt).toHaveLength(1);
  });

  it("refuse connections and take them again", async () => {
    await vendors.openai.refuse();
    await expect(askOpenai()).rejects.toThrow(APIError);
    await vendors.openai.accept();
    expect((await askOpenai()).controller.signal.aborted).toBe(false);
  });

  it("tell calls that overlap from calls that follow one another", async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    for (const name of ["openai", "anthropic"] as const) vendors[name].script({ beforeChunk: () => held });
    const both = [
      askOpenai().then(drain),
      anthropic()
        .messages.create({
          model: "model-b",
          max_tokens: 10,
          stream: true,
          messages: [{ role: "user", content: "Why?" }],
        })
        .then(drain),
    ];
    await Promise.all([vendors.openai.call(0), vendors.anthropic.call(0)]);
    release();
    await Promise.all(both);
    await askOpenai().then(drain);
    const [first, second, third] = vendors.calls();
    if (!first || !second || !third) throw new Error("three calls were made");
    await Promise.all([first.closed, second.closed, third.closed]);
    expect(overlap([first, second])).toBe(true);
    expect(overlap([second, third])).toBe(false);
  });
});

const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const chunk of stream) void chunk;
};
