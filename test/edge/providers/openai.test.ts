import { describe, expect, it } from "vitest";
import { openai } from "../../../edge/providers/openai.ts";
import { longChat, makeCall, testProvider, weather } from "./contract.ts";

const connection = {
  baseUrl: "https://api.openai.com/v1",
  apiKey: "sk-test-0123456789",
  dataRegion: "global",
} as const;
const start = { type: "start", model: "gpt-6.2-sol-2026-11-17", id: "chatcmpl-CyB1nT0fLw9zUo3aQk7dXs5v" } as const;
const responseStart = { type: "start", model: "gpt-6.2-sol-2026-11-17", id: "resp_68aa" } as const;
const usage = (inputTokens: number, outputTokens: number) =>
  ({
    type: "usage",
    usage: {
      inputTokens,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens,
      reasoningTokens: 0,
      source: "reported",
    },
  }) as const;
const responseUsage = {
  type: "usage",
  usage: {
    inputTokens: 300,
    cachedInputTokens: 256,
    cacheWriteTokens: 32,
    outputTokens: 90,
    reasoningTokens: 64,
    source: "reported",
  },
} as const;

const toolCall = makeCall({ tools: [weather] }, { upstream: "gpt-6.2-sol" });

testProvider(openai, {
  env: { OPENAI_API_KEY: connection.apiKey },
  connection,
  url: "https://api.openai.com/v1/chat/completions",
  recordings: [
    {
      fixture: "openai-text",
      events: [
        start,
        { type: "text-delta", text: "Ein Schwarm " },
        { type: "text-delta", text: "dreht sich – 🐟🐟" },
        { type: "text-delta", text: "." },
        {
          type: "usage",
          usage: {
            inputTokens: 1117,
            cachedInputTokens: 1024,
            cacheWriteTokens: 64,
            outputTokens: 46,
            reasoningTokens: 21,
            source: "reported",
          },
        },
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "openai-tools",
      events: [
        start,
        { type: "tool-call-start", index: 0, id: "call_Vx1", name: "weather" },
        { type: "tool-call-delta", index: 0, arguments: '{"city":' },
        { type: "tool-call-start", index: 1, id: "call_Vx2", name: "time" },
        { type: "tool-call-delta", index: 0, arguments: '"Köln"}' },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        usage(80, 30),
        { type: "end", reason: "tool_calls" },
      ],
    },
    {
      fixture: "openai-structured",
      events: [
        start,
        { type: "text-delta", text: '{"fish":' },
        { type: "text-delta", text: "3}" },
        usage(12, 4),
        { type: "end", reason: "length" },
      ],
    },
    {
      fixture: "openai-refusal",
      events: [
        start,
        { type: "refusal-delta", text: "I can’t " },
        { type: "refusal-delta", text: "help with that." },
        usage(9, 7),
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "openai-filter",
      events: [start, { type: "text-delta", text: "One" }, { type: "end", reason: "content_filter" }],
    },
    {
      fixture: "openai-error",
      events: [
        start,
        { type: "text-delta", text: "Half" },
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "openai",
            cause: "server",
            status: null,
            message: "The server had an error while processing your request. Sorry about that!",
            retryAfterSeconds: null,
          },
        },
      ],
    },
    {
      fixture: "openai-responses-tools",
      call: toolCall,
      events: [
        responseStart,
        { type: "reasoning-signature", signature: "openai/gpt-6.2-sol|rs_68ab gAAAAABo-enc==" },
        { type: "tool-call-start", index: 0, id: "call_A1", name: "weather" },
        { type: "tool-call-delta", index: 0, arguments: '{"city":' },
        { type: "tool-call-delta", index: 0, arguments: '"Köln"}' },
        { type: "tool-call-start", index: 1, id: "call_A2", name: "time" },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        responseUsage,
        { type: "end", reason: "tool_calls" },
      ],
    },
    {
      fixture: "openai-responses-text",
      call: toolCall,
      events: [
        responseStart,
        { type: "text-delta", text: "Fish " },
        { type: "text-delta", text: "school." },
        responseUsage,
        { type: "end", reason: "length" },
      ],
    },
    {
      fixture: "openai-responses-error",
      call: toolCall,
      events: [
        responseStart,
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "openai",
            cause: "rate_limited",
            status: null,
            message: "Rate limit reached",
            retryAfterSeconds: null,
          },
        },
      ],
    },
  ],
  refusals: [
    {
      status: 429,
      headers: { "retry-after-ms": "1500", "retry-after": "9" },
      body: '{"error":{"message":"Rate limit reached for gpt-6.2-sol","type":"tokens","param":null,"code":"rate_limit_exceeded"}}',
      error: { cause: "rate_limited", message: "Rate limit reached for gpt-6.2-sol", retryAfterSeconds: 1.5 },
    },
    {
      status: 429,
      headers: { "retry-after": "Sun, 22 Nov 2026 18:00:30 GMT", date: "Sun, 22 Nov 2026 18:00:00 GMT" },
      body: "{}",
      error: { cause: "rate_limited", retryAfterSeconds: 30 },
    },
    {
      status: 429,
      body: '{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 400,
      body: '{"error":{"message":"This model\'s maximum context length is 1050000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}',
      error: { cause: "context_too_long" },
    },
    {
      status: 400,
      body: '{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","param":null,"code":"invalid_prompt"}}',
      error: { cause: "content_filter" },
    },
    {
      status: 401,
      body: '{"error":{"message":"Incorrect API key provided: sk-test-***6789.","type":"invalid_request_error","code":"invalid_api_key"}}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 400,
      body: '{"error":{"message":"Unknown parameter: \'foo\'.","type":"invalid_request_error","param":"foo","code":"unknown_parameter"}}',
      error: { cause: "invalid_request", message: "Unknown parameter: 'foo'." },
    },
  ],
});

const speaksResponses = (call: Parameters<typeof openai.request>[0]) => "input" in Object(openai.request(call));

describe("openai requests", () => {
  it("writes a conversation for Chat Completions", () => {
    expect(openai.request(makeCall(longChat))).toEqual({
      model: "model-x",
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 1000,
      store: false,
      service_tier: "default",
      messages: [
        { role: "developer", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "Look:" },
            { type: "image_url", image_url: { url: "data:image/png;base64,aW1n", detail: "low" } },
            { type: "image_url", image_url: { url: "https://example.com/fish.jpg" } },
            { type: "file", file: { filename: "fish.pdf", file_data: "data:application/pdf;base64,cGRm" } },
          ],
        },
        {
          role: "assistant",
          content: "Looking.",
          tool_calls: [
            { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Köln"}' } },
            { id: "call_2", type: "function", function: { name: "time", arguments: "" } },
          ],
        },
        { role: "tool", tool_call_id: "call_1", content: "rain" },
        { role: "tool", tool_call_id: "call_2", content: "no clock" },
        { role: "user", content: "And?" },
        { role: "user", content: "Quick!" },
      ],
    });
  });

  it("writes every parameter for Chat Completions", () => {
    const body = openai.request(
      makeCall(
        {
          tools: [weather, { name: "time" }],
          toolChoice: { name: "weather" },
          parallelToolCalls: false,
          output: { type: "json_schema", name: "answer", schema: { type: "object" }, strict: true },
          sampling: { temperature: 0, topP: 0.5, frequencyPenalty: 1, presencePenalty: -1, seed: 7 },
          stop: ["END"],
          logprobs: { top: 3 },
          verbosity: "low",
          user: "u-1",
        },
        { upstream: "gpt-5.4", reasoningEffort: "none" },
      ),
    );
    expect(body).toMatchObject({
      tools: [
        { type: "function", function: weather },
        { type: "function", function: { name: "time" } },
      ],
      tool_choice: { type: "function", function: { name: "weather" } },
      parallel_tool_calls: false,
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", schema: { type: "object" }, strict: true },
      },
      temperature: 0,
      top_p: 0.5,
      frequency_penalty: 1,
      presence_penalty: -1,
      seed: 7,
      stop: ["END"],
      logprobs: true,
      top_logprobs: 3,
      verbosity: "low",
      safety_identifier: "u-1",
      reasoning_effort: "none",
    });
  });

  it.each(["none", "required"] as const)("passes tool choice %s on", (toolChoice) => {
    const call = makeCall({ tools: [weather], toolChoice }, { upstream: "gpt-6-luna", reasoningEffort: "none" });
    expect(openai.request(call)).toMatchObject({ tool_choice: toolChoice });
  });

  it("says in Responses how much to say", () => {
    const call = makeCall({ verbosity: "high", tools: [weather] }, { upstream: "gpt-6.2-sol" });
    expect(openai.request(call)).toMatchObject({ input: expect.any(Array), text: { verbosity: "high" } });
  });

  it("reads log probabilities of an answer's tokens", () => {
    const likely = { token: "Hi", logprob: -0.2, bytes: [72, 105] };
    const other = { token: "Yo", logprob: -3, bytes: null };
    const logprobs = { content: [{ ...likely, top_logprobs: [likely, other] }], refusal: null };
    const choice = { index: 0, delta: { content: "Hi" }, logprobs, finish_reason: null };
    const decoder = openai.decoder(
      makeCall({ logprobs: { top: 1 } }, { upstream: "gpt-5.4", reasoningEffort: "none" }),
    );
    const events = decoder.push({ data: JSON.stringify({ id: "c", model: "m", choices: [choice] }) });
    expect(events).toEqual([
      { type: "start", model: "m", id: "c" },
      { type: "text-delta", text: "Hi", logprobs: [{ ...likely, top: [likely, other] }] },
    ]);
  });

  it("writes a conversation for Responses", () => {
    const call = makeCall(
      {
        tools: [weather],
        toolChoice: "required",
        parallelToolCalls: true,
        output: { type: "json_object" },
        user: "u-1",
        messages: [
          ...longChat.messages,
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "", signature: "openai/gpt-6.2-sol|rs_68ab gAAA==" },
              { type: "tool-call", id: "call_3", name: "weather", arguments: "{}" },
            ],
          },
          {
            role: "tool",
            toolCallId: "call_3",
            content: [
              { type: "text", text: "map" },
              { type: "image", source: { mediaType: "image/png", base64: "aW1n" } },
            ],
          },
        ],
      },
      { upstream: "gpt-6.2-sol", reasoningEffort: "max" },
    );
    expect(openai.request(call)).toEqual({
      model: "gpt-6.2-sol",
      stream: true,
      store: false,
      service_tier: "default",
      include: ["reasoning.encrypted_content"],
      max_output_tokens: 1000,
      reasoning: { effort: "max" },
      safety_identifier: "u-1",
      text: { format: { type: "json_object" } },
      tools: [{ type: "function", ...weather }],
      tool_choice: "required",
      parallel_tool_calls: true,
      input: [
        { role: "developer", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "input_text", text: "Look:" },
            { type: "input_image", image_url: "data:image/png;base64,aW1n", detail: "low" },
            { type: "input_image", image_url: "https://example.com/fish.jpg", detail: "auto" },
            { type: "input_file", filename: "fish.pdf", file_data: "data:application/pdf;base64,cGRm" },
          ],
        },
        { role: "assistant", content: "Looking." },
        { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Köln"}' },
        { type: "function_call", call_id: "call_2", name: "time", arguments: "" },
        { type: "function_call_output", call_id: "call_1", output: "rain" },
        { type: "function_call_output", call_id: "call_2", output: "no clock" },
        { role: "user", content: [{ type: "input_text", text: "And?" }] },
        { role: "user", content: [{ type: "input_text", text: "Quick!" }] },
        { type: "reasoning", id: "rs_68ab", summary: [], encrypted_content: "gAAA==" },
        { type: "function_call", call_id: "call_3", name: "weather", arguments: "{}" },
        {
          type: "function_call_output",
          call_id: "call_3",
          output: [
            { type: "input_text", text: "map" },
            { type: "input_image", image_url: "data:image/png;base64,aW1n", detail: "auto" },
          ],
        },
      ],
    });
  });

  it("speaks Responses where Chat Completions refuses the call", () => {
    const tools = { tools: [weather] };
    expect(speaksResponses(makeCall({}, { upstream: "gpt-6.2-sol", reasoningEffort: "max" }))).toBe(true);
    expect(speaksResponses(makeCall(tools, { upstream: "gpt-6.2-sol" }))).toBe(true);
    expect(speaksResponses(makeCall(tools, { upstream: "gpt-5.4", reasoningEffort: "high" }))).toBe(true);
    expect(speaksResponses(makeCall(tools, { upstream: "gpt-5.4" }))).toBe(false);
    expect(speaksResponses(makeCall(tools, { upstream: "gpt-6-luna", reasoningEffort: "none" }))).toBe(false);
    expect(speaksResponses(makeCall({}, { upstream: "gpt-6.2-sol", reasoningEffort: "high" }))).toBe(false);
  });

  it("leaves a parameter that Responses lacks to be refused by the vendor", () => {
    const call = makeCall({ tools: [weather], stop: ["END"] }, { upstream: "gpt-6.2-sol" });
    expect(openai.request(call)).toMatchObject({ stop: ["END"], messages: [{ role: "user" }] });
  });
});

describe("regional hosts of openai", () => {
  it.each([
    ["https://eu.api.openai.com/v1", "eu", 1.1],
    ["https://jp.api.openai.com/v1", "ap", 1.1],
    ["https://api.openai.com/v1", "global", 1],
    ["https://proxy.example.com/v1", undefined, 1],
  ])("%s is in %s and costs %d times as much", (baseUrl, dataRegion, priceFactor) => {
    const made = openai.connect({ OPENAI_API_KEY: "key", OPENAI_BASE_URL: baseUrl });
    expect(made?.dataRegion).toBe(dataRegion);
    expect(made && openai.offer?.("gpt-6.1-sol", made)).toEqual({ priceFactor, lacks: [] });
  });
});
