import { describe, expect, it } from "vitest";
import { azure } from "../../../edge/providers/azure.ts";
import { makeCall, recordFetch, testProvider, weather } from "./contract.ts";

const env = { AZURE_OPENAI_ENDPOINT: "https://fish.openai.azure.com/", AZURE_OPENAI_API_KEY: "az-test-0123456789" };
const connection = {
  baseUrl: "https://fish.openai.azure.com/openai/v1",
  apiKey: env.AZURE_OPENAI_API_KEY,
  dataRegion: "global",
  account: {},
} as const;
const start = { type: "start", model: "gpt-6.1-sol-2026-09-29", id: "chatcmpl-CyAz" } as const;

testProvider(azure, {
  env,
  connection,
  url: "https://fish.openai.azure.com/openai/v1/chat/completions",
  recordings: [
    {
      fixture: "azure-text",
      events: [
        start,
        { type: "text-delta", text: "Drei " },
        { type: "text-delta", text: "Fische 🐟" },
        {
          type: "usage",
          usage: {
            inputTokens: 1100,
            cachedInputTokens: 1024,
            cacheWriteTokens: 0,
            outputTokens: 20,
            reasoningTokens: 12,
            source: "reported",
          },
        },
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "azure-filter",
      events: [start, { type: "text-delta", text: "One" }, { type: "end", reason: "content_filter" }],
    },
    {
      fixture: "openai-responses-tools",
      call: makeCall({ tools: [weather] }, { upstream: "gpt-6.1-sol" }),
      events: [
        { type: "start", model: "gpt-6.2-sol-2026-11-17", id: "resp_68aa" },
        { type: "reasoning-signature", signature: "azure/gpt-6.1-sol|rs_68ab gAAAAABo-enc==" },
        { type: "tool-call-start", index: 0, id: "call_A1", name: "weather" },
        { type: "tool-call-delta", index: 0, arguments: '{"city":' },
        { type: "tool-call-delta", index: 0, arguments: '"Köln"}' },
        { type: "tool-call-start", index: 1, id: "call_A2", name: "time" },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        {
          type: "usage",
          usage: {
            inputTokens: 300,
            cachedInputTokens: 256,
            cacheWriteTokens: 32,
            outputTokens: 90,
            reasoningTokens: 64,
            source: "reported",
          },
        },
        { type: "end", reason: "tool_calls" },
      ],
    },
  ],
  refusals: [
    {
      status: 400,
      body: '{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI\'s content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}',
      error: { cause: "content_filter" },
    },
    {
      status: 429,
      headers: { "retry-after": "26" },
      body: '{"error":{"code":"RateLimitReached","message":"Your requests to gpt-6.1-sol have exceeded token rate limit. Please retry after 26 seconds."}}',
      error: { cause: "rate_limited", retryAfterSeconds: 26 },
    },
    {
      status: 401,
      body: '{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 404,
      body: '{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}',
      error: { cause: "server", message: "does not serve the model to the operator's account" },
    },
    {
      status: 400,
      body: '{"error":{"message":"This model\'s maximum context length is 1050000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}',
      error: { cause: "context_too_long" },
    },
  ],
});

const withDeployments = { ...env, AZURE_OPENAI_DEPLOYMENTS: "gpt-6.1-sol=prod-sol, gpt-6-luna" };

const connect = (variables: Readonly<Record<string, string>>) => {
  const made = azure.connect(variables);
  if (!made) throw new Error("it does not connect");
  return made;
};

describe("deployments of azure", () => {
  it("are those that the operator lists, else one for every model", () => {
    const listed = connect(withDeployments);
    expect(azure.offer?.("gpt-6.1-sol", listed)).toEqual({ priceFactor: 1, lacks: [] });
    expect(azure.offer?.("gpt-6-luna", listed)).not.toBeNull();
    expect(azure.offer?.("gpt-6-astra", listed)).toBeNull();
    expect(azure.offer?.("gpt-6-astra", connect(env))).not.toBeNull();
  });

  it.each([
    ["gpt-6.1-sol", "prod-sol"],
    ["gpt-6-luna", "gpt-6-luna"],
  ])("stand in the body in place of %s", async (upstream, deployment) => {
    const { requests, fetcher } = recordFetch(() => new Response(""));
    const body = azure.request(makeCall({}, { upstream }));
    const io = { fetch: fetcher, signal: new AbortController().signal, now: Date.now };
    await azure.send(body, connect(withDeployments), io);
    expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({ model: deployment });
  });

  const file = { type: "file", mediaType: "application/pdf", base64: "cGRm" } as const;

  it.each([
    ["tools of a reasoning model", { tools: [weather] }],
    ["files", { messages: [{ role: "user", content: [file] }] as const }],
  ])("take %s by Responses, whatever the deployment is called", async (_what, chat) => {
    const { requests, fetcher } = recordFetch(() => new Response(""));
    const body = azure.request(makeCall(chat, { upstream: "gpt-6.1-sol" }));
    const io = { fetch: fetcher, signal: new AbortController().signal, now: Date.now };
    await azure.send(body, connect(withDeployments), io);
    expect(requests[0]?.url).toBe("https://fish.openai.azure.com/openai/v1/responses");
  });

  it.each([
    ["us", "gpt-6.1-sol", "us", 1.1],
    ["eu", "gpt-6.1-sol", "eu", 1.2],
    ["eu", "gpt-5.4", "eu", 1.1],
    ["apac", "gpt-6.1-sol", "ap", null],
  ])("in zone %s cost what the zone costs for %s", (zone, model, dataRegion, priceFactor) => {
    const made = connect({ ...env, AZURE_OPENAI_DATA_ZONE: zone });
    expect(made.dataRegion).toBe(dataRegion);
    expect(azure.offer?.(model, made)).toEqual({ priceFactor, lacks: [] });
  });

  it("are refused in a zone that is none, naming the variable", () => {
    expect(() => azure.connect({ ...env, AZURE_OPENAI_DATA_ZONE: "mars" })).toThrow("AZURE_OPENAI_DATA_ZONE");
  });
});
