import { describe, expect, it } from "vitest";
import { google } from "../../../edge/providers/google.ts";
import type { UpstreamError } from "../../../shared/errors.ts";
import type { CallEvent } from "../../../shared/events.ts";
import type { Call } from "../../../edge/providers/provider.ts";
import { longChat, makeCall, recordFetch, testProvider, weather } from "./contract.ts";

const connection = {
  baseUrl: "https://generativelanguage.googleapis.com",
  apiKey: "AIzaTest0123456789",
  dataRegion: "global",
} as const;
const start = { type: "start", model: "gemini-3.8-flash", id: "mF0iaYy" } as const;
const usage = (outputTokens = 0, reasoningTokens = 0, cachedInputTokens = 0) =>
  ({
    type: "usage",
    usage: {
      inputTokens: 40,
      cachedInputTokens,
      cacheWriteTokens: 0,
      outputTokens,
      reasoningTokens,
      source: "reported",
    },
  }) as const;
const upstream = (cause: UpstreamError["cause"], message: string, status: number | null = null): CallEvent => ({
  type: "error",
  error: { kind: "upstream", provider: "google", cause, status, message, retryAfterSeconds: null },
});

testProvider(google, {
  env: { GEMINI_API_KEY: connection.apiKey },
  connection,
  url: "https://generativelanguage.googleapis.com/v1beta/models/model-x:streamGenerateContent?alt=sse",
  recordings: [
    {
      fixture: "google-thinking",
      events: [
        start,
        { type: "reasoning-delta", text: "**Counting**\n" },
        usage(12, 12),
        { type: "text-delta", text: "Drei " },
        usage(27, 25),
        { type: "text-delta", text: "🐡." },
        usage(29, 25),
        { type: "reasoning-signature", signature: "google/model-x|CiQBjz1rX6Fq" },
        usage(30, 25, 32),
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "google-tools",
      events: [
        start,
        { type: "tool-call-start", index: 0, id: "fn_1", name: "weather", signature: "google/model-x|CiQBsig" },
        { type: "tool-call-delta", index: 0, arguments: '{"city":"Köln"}' },
        { type: "tool-call-start", index: 1, id: "call_mF0iaYy_1", name: "time" },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        usage(),
        usage(18),
        { type: "end", reason: "tool_calls" },
      ],
    },
    {
      fixture: "google-structured",
      events: [
        start,
        { type: "text-delta", text: '{"fish":' },
        usage(),
        { type: "text-delta", text: "3" },
        usage(6),
        { type: "end", reason: "length" },
      ],
    },
    {
      fixture: "google-safety",
      events: [
        start,
        { type: "text-delta", text: "Well" },
        usage(1),
        usage(1),
        { type: "end", reason: "content_filter" },
      ],
    },
    {
      fixture: "google-blocked",
      events: [start, usage(), upstream("content_filter", "the prompt was blocked: PROHIBITED_CONTENT")],
    },
    {
      fixture: "google-error",
      events: [
        start,
        { type: "text-delta", text: "Half" },
        usage(),
        upstream("overloaded", "The model is overloaded. Please try again later.", 503),
      ],
    },
    {
      fixture: "google-malformed",
      events: [start, usage(9), upstream("protocol", "the answer ended with MALFORMED_FUNCTION_CALL")],
    },
  ],
  refusals: [
    {
      status: 429,
      body: '{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}',
      error: { cause: "rate_limited", retryAfterSeconds: 34.5 },
    },
    {
      status: 400,
      body: '{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 400,
      body: '[{"error":{"code":400,"message":"The input token count (1250000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]',
      error: { cause: "context_too_long" },
    },
    {
      status: 503,
      body: '{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}',
      error: { cause: "overloaded", message: "The model is overloaded." },
    },
  ],
});

/** The body as the SDK puts it on the wire. */
const wireBody = async (call: Call): Promise<unknown> => {
  const { requests, fetcher } = recordFetch(() => new Response(""));
  await google.send(google.request(call), connection, {
    fetch: fetcher,
    signal: new AbortController().signal,
    now: Date.now,
  });
  return JSON.parse(requests[0]?.body ?? "");
};

describe("google requests", () => {
  it("writes a conversation, results by the names of their functions", async () => {
    expect(await wireBody(makeCall(longChat))).toEqual({
      store: false,
      generationConfig: { maxOutputTokens: 1000, thinkingConfig: { includeThoughts: true } },
      systemInstruction: { parts: [{ text: "Be brief." }] },
      contents: [
        {
          role: "user",
          parts: [
            { text: "Look:" },
            { inlineData: { mimeType: "image/png", data: "aW1n" } },
            { fileData: { fileUri: "https://example.com/fish.jpg" } },
            { inlineData: { mimeType: "application/pdf", data: "cGRm" } },
          ],
        },
        {
          role: "model",
          parts: [
            { text: "Looking." },
            {
              functionCall: { id: "call_1", name: "weather", args: { city: "Köln" } },
              thoughtSignature: "skip_thought_signature_validator",
            },
            { functionCall: { id: "call_2", name: "time", args: {} } },
          ],
        },
        {
          role: "user",
          parts: [
            { functionResponse: { id: "call_1", name: "weather", response: { output: "rain" } } },
            { functionResponse: { id: "call_2", name: "time", response: { error: "no clock" } } },
            { text: "And?" },
            { text: "Quick!" },
          ],
        },
      ],
    });
  });

  it("returns signatures to the model that gave them, and to no other", async () => {
    const content = [
      { type: "reasoning", text: "**Counting**", signature: "google/model-x|CiQ1" },
      { type: "reasoning", text: "Other.", signature: "google/model-y|CiQ2" },
      { type: "tool-call", id: "fn_1", name: "weather", arguments: "{}", signature: "google/model-x|CiQ3" },
    ] as const;
    expect(await wireBody(makeCall({ messages: [{ role: "assistant", content }] }))).toMatchObject({
      contents: [
        {
          role: "model",
          parts: [
            { text: "", thoughtSignature: "CiQ1" },
            { functionCall: { id: "fn_1", name: "weather", args: {} }, thoughtSignature: "CiQ3" },
          ],
        },
      ],
    });
  });

  it("writes tools, format and the rest of the parameters", async () => {
    const call = makeCall(
      {
        tools: [weather, { name: "time" }],
        output: { type: "json_schema", name: "answer", schema: { type: "object", additionalProperties: false } },
        sampling: { temperature: 0, topP: 0.5, frequencyPenalty: 1, presencePenalty: -1, seed: 7 },
        stop: ["END"],
      },
      { reasoningEffort: "low" },
    );
    expect(await wireBody(call)).toMatchObject({
      tools: [
        {
          functionDeclarations: [
            { name: "weather", description: weather.description, parametersJsonSchema: weather.parameters },
            { name: "time" },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: "VALIDATED" } },
      generationConfig: {
        responseMimeType: "application/json",
        responseJsonSchema: { type: "object", additionalProperties: false },
        thinkingConfig: { includeThoughts: true, thinkingLevel: "LOW" },
        temperature: 0,
        topP: 0.5,
        frequencyPenalty: 1,
        presencePenalty: -1,
        seed: 7,
        stopSequences: ["END"],
      },
    });
  });

  it.each([
    ["auto", { mode: "AUTO" }],
    ["required", { mode: "ANY" }],
    ["none", { mode: "NONE" }],
    [{ name: "time" }, { mode: "ANY", allowedFunctionNames: ["time"] }],
  ] as const)("writes tool choice %j", async (toolChoice, functionCallingConfig) => {
    const body = await wireBody(makeCall({ tools: [{ name: "time" }], toolChoice }));
    expect(body).toMatchObject({ toolConfig: { functionCallingConfig } });
  });

  it("gives a function whose name begins with a digit a name that the vendor takes, and back", () => {
    const call = makeCall({ tools: [{ name: "3d-model" }], toolChoice: { name: "3d-model" } });
    expect(google.request(call)).toMatchObject({
      config: {
        tools: [{ functionDeclarations: [{ name: "_3d-model" }] }],
        toolConfig: { functionCallingConfig: { allowedFunctionNames: ["_3d-model"] } },
      },
    });
    const functionCall = { id: "c1", name: "_3d-model", args: {} };
    const data = JSON.stringify({ responseId: "r", candidates: [{ content: { parts: [{ functionCall }] } }] });
    expect(google.decoder(call).push({ data })).toContainEqual(
      expect.objectContaining({ type: "tool-call-start", id: "c1", name: "3d-model" }),
    );
  });

  it("puts the system's words to the model where there are no others", () => {
    const body = google.request(makeCall({ messages: [{ role: "system", text: "Say hi." }] }));
    expect(body).toMatchObject({ contents: [{ role: "user", parts: [{ text: "Say hi." }] }] });
    expect(body).not.toHaveProperty("config.systemInstruction");
  });

  it("asks for JSON without a schema", async () => {
    const body = await wireBody(makeCall({ output: { type: "json_object" } }));
    expect(body).toMatchObject({ generationConfig: { responseMimeType: "application/json" } });
  });

  it("sends images of a result beside it", async () => {
    const image = { type: "image", source: { mediaType: "image/png", base64: "aW1n" } } as const;
    const body = await wireBody(makeCall({ messages: [{ role: "tool", toolCallId: "x", content: [image] }] }));
    expect(body).toMatchObject({
      contents: [
        { parts: [{ functionResponse: { parts: [{ inlineData: { mimeType: "image/png", data: "aW1n" } }] } }] },
      ],
    });
  });
});
