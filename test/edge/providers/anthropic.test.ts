import { describe, expect, it } from "vitest";
import { anthropic } from "../../../edge/providers/anthropic.ts";
import { longChat, makeCall, testProvider, weather } from "./contract.ts";

const connection = {
  baseUrl: "https://api.anthropic.com",
  apiKey: "sk-ant-test-0123456789",
  dataRegion: "global",
} as const;
const start = { type: "start", model: "claude-opus-5-5", id: "msg_01PfG" } as const;
const usage = (outputTokens: number, reasoningTokens = 0, cachedInputTokens = 2000, cacheWriteTokens = 300) =>
  ({
    type: "usage",
    usage: {
      inputTokens: 12 + cachedInputTokens + cacheWriteTokens,
      cachedInputTokens,
      cacheWriteTokens,
      outputTokens,
      reasoningTokens,
      source: "reported",
    },
  }) as const;

testProvider(anthropic, {
  env: { ANTHROPIC_API_KEY: connection.apiKey },
  connection,
  url: "https://api.anthropic.com/v1/messages",
  recordings: [
    {
      fixture: "anthropic-thinking",
      events: [
        start,
        usage(1),
        { type: "reasoning-delta", text: "Fische, " },
        { type: "reasoning-delta", text: "drei." },
        { type: "reasoning-signature", signature: "anthropic/model-x|EqQBCgIYAhIM1gbc" },
        { type: "text-delta", text: "Drei 🐠" },
        { type: "text-delta", text: "." },
        usage(41, 30),
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "anthropic-tools",
      events: [
        start,
        usage(1),
        { type: "reasoning-signature", signature: "anthropic/model-x|redacted EmwKAhgBEgy3" },
        { type: "text-delta", text: "Looking." },
        { type: "tool-call-start", index: 0, id: "toolu_01A", name: "weather" },
        { type: "tool-call-delta", index: 0, arguments: '{"city": "K' },
        { type: "tool-call-delta", index: 0, arguments: 'öln"}' },
        { type: "tool-call-start", index: 1, id: "toolu_01B", name: "time" },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        usage(55),
        { type: "end", reason: "tool_calls" },
      ],
    },
    {
      fixture: "anthropic-structured",
      events: [
        start,
        usage(1, 0, 0, 0),
        { type: "text-delta", text: '{"fish":' },
        { type: "text-delta", text: "3" },
        usage(8, 0, 0, 0),
        { type: "end", reason: "length" },
      ],
    },
    {
      fixture: "anthropic-refusal",
      events: [
        start,
        usage(1),
        { type: "text-delta", text: "Well" },
        { type: "refusal-delta", text: "This could enable cyber harm." },
        usage(3),
        { type: "end", reason: "content_filter" },
      ],
    },
    {
      fixture: "anthropic-error",
      events: [
        start,
        usage(1),
        { type: "text-delta", text: "Half" },
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "anthropic",
            cause: "overloaded",
            status: null,
            message: "Overloaded",
            retryAfterSeconds: null,
          },
        },
      ],
    },
  ],
  refusals: [
    {
      status: 529,
      body: '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}',
      error: { cause: "overloaded", message: "Overloaded" },
    },
    {
      status: 429,
      headers: { "retry-after": "12" },
      body: '{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}}',
      error: { cause: "rate_limited", retryAfterSeconds: 12 },
    },
    {
      status: 400,
      body: '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 1000370 tokens > 1000000 maximum"}}',
      error: { cause: "context_too_long" },
    },
    {
      status: 400,
      body: '{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"}}',
      error: { cause: "context_too_long" },
    },
    {
      status: 400,
      body: '{"type":"error","error":{"type":"invalid_request_error","message":"temperature: must not be set for this model"}}',
      error: { cause: "invalid_request", message: "temperature: must not be set for this model" },
    },
    {
      status: 400,
      body: '{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}',
      error: { cause: "content_filter" },
    },
    {
      status: 413,
      body: '{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}',
      error: { cause: "context_too_long" },
    },
  ],
});

describe("anthropic requests", () => {
  it("writes a conversation, results of parallel calls in one turn", () => {
    expect(anthropic.request(makeCall(longChat))).toEqual({
      model: "model-x",
      max_tokens: 1000,
      stream: true,
      cache_control: { type: "ephemeral" },
      system: [{ type: "text", text: "Be brief." }],
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Look:" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "aW1n" } },
            { type: "image", source: { type: "url", url: "https://example.com/fish.jpg" } },
            {
              type: "document",
              title: "fish.pdf",
              source: { type: "base64", media_type: "application/pdf", data: "cGRm" },
            },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "text", text: "Looking." },
            { type: "tool_use", id: "call_1", name: "weather", input: { city: "Köln" } },
            { type: "tool_use", id: "call_2", name: "time", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "call_1", content: [{ type: "text", text: "rain" }] },
            {
              type: "tool_result",
              tool_use_id: "call_2",
              content: [{ type: "text", text: "no clock" }],
              is_error: true,
            },
            { type: "text", text: "And?" },
            { type: "text", text: "Quick!" },
          ],
        },
      ],
    });
  });

  it("returns thoughts to the model that had them, and to no other", () => {
    const assistant = {
      role: "assistant",
      content: [
        { type: "reasoning", text: "Three.", signature: "anthropic/model-x|EqQB" },
        { type: "reasoning", text: "", signature: "anthropic/model-x|redacted Emw" },
        { type: "reasoning", text: "Mine.", signature: "anthropic/model-y|EqQB" },
        { type: "reasoning", text: "Unsigned." },
        { type: "text", text: "3" },
      ],
    } as const;
    expect(anthropic.request(makeCall({ messages: [assistant] }))).toMatchObject({
      messages: [
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Three.", signature: "EqQB" },
            { type: "redacted_thinking", data: "Emw" },
            { type: "text", text: "3" },
          ],
        },
      ],
    });
  });

  it("writes tools, format and the rest of the parameters", () => {
    const call = makeCall({
      tools: [weather, { name: "time" }],
      parallelToolCalls: false,
      output: { type: "json_schema", name: "answer", schema: { type: "object", additionalProperties: false } },
      stop: ["END"],
      user: "u-1",
    });
    expect(anthropic.request({ ...call, reasoningEffort: "xhigh" })).toMatchObject({
      tools: [
        { name: "weather", description: weather.description, input_schema: weather.parameters, strict: true },
        { name: "time", input_schema: { type: "object" } },
      ],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      output_config: {
        effort: "xhigh",
        format: { type: "json_schema", schema: { type: "object", additionalProperties: false } },
      },
      thinking: { type: "adaptive", display: "summarized" },
      stop_sequences: ["END"],
      metadata: { user_id: "u-1" },
    });
  });

  it.each([
    ["required", { type: "any" }],
    ["none", { type: "none" }],
    [{ name: "weather" }, { type: "tool", name: "weather" }],
  ] as const)("writes tool choice %j", (toolChoice, written) => {
    expect(anthropic.request(makeCall({ tools: [weather], toolChoice }))).toMatchObject({ tool_choice: written });
  });

  it("leaves the thinking to the model where sampling or a forced tool excludes it", () => {
    const sampled = anthropic.request(makeCall({ sampling: { temperature: 0.2 } }, { reasoningEffort: "low" }));
    expect(sampled).toMatchObject({ temperature: 0.2, output_config: { effort: "low" } });
    expect(sampled).not.toHaveProperty("thinking");
    const forced = makeCall({ tools: [weather], toolChoice: "required" }, { reasoningEffort: "low" });
    expect(anthropic.request(forced)).not.toHaveProperty("thinking");
  });

  it("switches thinking off for effort none, and says nothing without an effort", () => {
    expect(anthropic.request(makeCall({}, { reasoningEffort: "none" }))).toMatchObject({
      thinking: { type: "disabled" },
    });
    expect(anthropic.request(makeCall())).toEqual({
      model: "model-x",
      max_tokens: 1000,
      stream: true,
      messages: [{ role: "user", content: [{ type: "text", text: "How many fish?" }] }],
    });
  });

  it("carries the client's cache marks, and then sets none of its own", () => {
    const marks = { cacheHere: true } as const;
    const text = { type: "text", text: "a", ...marks } as const;
    const messages = [
      { role: "system", text: "s", ...marks },
      { role: "user", content: [text] },
      { role: "assistant", content: [{ type: "tool-call", id: "t1", name: "f", arguments: "{}" }] },
      { role: "tool", toolCallId: "t1", content: [{ type: "text", text: "1" }], ...marks },
    ] as const;
    const mark = { cache_control: { type: "ephemeral" } };
    const marked = anthropic.request(makeCall({ ...longChat, messages, tools: [{ name: "f", ...marks }] }));
    expect(marked).toMatchObject({
      system: [{ text: "s", ...mark }],
      tools: [{ name: "f", ...mark }],
      messages: [{ content: [{ text: "a", ...mark }] }, {}, { content: [{ type: "tool_result", ...mark }] }],
    });
    expect(marked).not.toHaveProperty("cache_control");
    expect(anthropic.request(makeCall({ ...longChat, messages, cacheHere: true }))).toMatchObject(mark);
  });

  it("reads which sequence stopped the answer", () => {
    const decoder = anthropic.decoder(makeCall(longChat));
    const delta = { type: "message_delta", delta: { stop_reason: "stop_sequence", stop_sequence: "END" }, usage: {} };
    decoder.push({ data: JSON.stringify(delta) });
    expect(decoder.push({ data: '{"type":"message_stop"}' })).toEqual([
      { type: "end", reason: "stop", stopSequence: "END" },
    ]);
  });

  it("puts the system's words to the model where there are no others", () => {
    const body = anthropic.request(makeCall({ messages: [{ role: "system", text: "Say hi." }] }));
    expect(body).toMatchObject({ messages: [{ role: "user", content: [{ type: "text", text: "Say hi." }] }] });
    expect(body).not.toHaveProperty("system");
  });

  it("sends a text file as text", () => {
    const content = [{ type: "file", mediaType: "text/markdown", base64: "S8O2bG4=" }] as const;
    expect(anthropic.request(makeCall({ messages: [{ role: "user", content }] }))).toMatchObject({
      messages: [{ content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: "Köln" } }] }],
    });
  });
});
