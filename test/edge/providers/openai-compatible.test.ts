import { describe, expect, it } from "vitest";
import { createRegistry } from "../../../edge/providers/index.ts";
import { local } from "../../../edge/providers/local.ts";
import { litellm, openrouter } from "../../../edge/providers/openai-compatible.ts";
import { longChat, makeCall, testProvider, weather } from "./contract.ts";

const key = "sk-or-test-0123456789";
const start = { type: "start", model: "moonshotai/kimi-k2.5", id: "gen-1763800000-Qz" } as const;

const sharedRefusals = [
  {
    status: 400,
    body: '{"error":{"message":"This endpoint\'s maximum context length is 262144 tokens. However, you requested about 300000 tokens","code":400}}',
    error: { cause: "context_too_long" },
  },
  {
    status: 401,
    body: '{"error":{"message":"no such key","type":"invalid_request_error"}}',
    error: { cause: "authentication" },
  },
  { status: 429, headers: { "retry-after": "3" }, body: "{}", error: { cause: "rate_limited", retryAfterSeconds: 3 } },
] as const;

testProvider(openrouter, {
  env: { OPENROUTER_API_KEY: key },
  connection: { apiKey: key, baseUrl: "https://openrouter.ai/api/v1", dataRegion: "global" },
  url: "https://openrouter.ai/api/v1/chat/completions",
  recordings: [
    {
      fixture: "openrouter-reasoning",
      events: [
        start,
        { type: "reasoning-delta", text: "Three " },
        { type: "reasoning-delta", text: "fish." },
        { type: "text-delta", text: "3" },
        {
          type: "usage",
          usage: {
            inputTokens: 14,
            cachedInputTokens: 8,
            cacheWriteTokens: 0,
            outputTokens: 9,
            reasoningTokens: 6,
            source: "reported",
            billed: 20,
          },
        },
        {
          type: "reasoning-signature",
          signature:
            'openrouter/model-x|{"details":[{"type":"reasoning.text","format":"anthropic-claude-v1","index":0,"text":"Three fish.","signature":"sig-1"}]}',
        },
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "openrouter-error",
      events: [
        start,
        { type: "text-delta", text: "Par" },
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "openrouter",
            cause: "server",
            status: 502,
            message: "Provider disconnected unexpectedly",
            retryAfterSeconds: null,
          },
        },
      ],
    },
  ],
  refusals: [
    ...sharedRefusals,
    {
      status: 402,
      body: '{"error":{"code":402,"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits"}}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 403,
      body: '{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged"}}',
      error: { cause: "content_filter" },
    },
  ],
});

testProvider(litellm, {
  env: { LITELLM_BASE_URL: "http://127.0.0.1:4000", LITELLM_API_KEY: key },
  connection: { apiKey: key, baseUrl: "http://127.0.0.1:4000" },
  url: "http://127.0.0.1:4000/chat/completions",
  recordings: [
    {
      fixture: "host-reasoning",
      events: [
        { type: "start", model: "glm-5", id: "c1" },
        { type: "reasoning-delta", text: "Hm." },
        { type: "text-delta", text: "So." },
        { type: "tool-call-start", index: 0, id: "a", name: "f" },
        { type: "tool-call-delta", index: 0, arguments: "{}" },
        { type: "tool-call-start", index: 1, id: "b", name: "g" },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        {
          type: "usage",
          usage: {
            inputTokens: 5,
            cachedInputTokens: 2,
            cacheWriteTokens: 0,
            outputTokens: 6,
            reasoningTokens: 0,
            source: "reported",
          },
        },
        { type: "end", reason: "tool_calls" },
      ],
    },
  ],
  refusals: [
    ...sharedRefusals,
    {
      status: 400,
      body: '{"error":{"message":"litellm.ContextWindowExceededError: too long","type":null,"param":null,"code":"400"}}',
      error: { cause: "context_too_long" },
    },
  ],
});

testProvider(local, {
  env: { INFERENCE_URL: "http://127.0.0.1:8788", INFERENCE_SECRET: key },
  connection: { apiKey: key, baseUrl: "http://127.0.0.1:8788/v1" },
  url: "http://127.0.0.1:8788/v1/chat/completions",
  recordings: [
    {
      fixture: "openai-refusal",
      events: [
        { type: "start", model: "gpt-6.2-sol-2026-11-17", id: "chatcmpl-CyB1nT0fLw9zUo3aQk7dXs5v" },
        { type: "refusal-delta", text: "I can’t " },
        { type: "refusal-delta", text: "help with that." },
        {
          type: "usage",
          usage: {
            inputTokens: 9,
            cachedInputTokens: 0,
            cacheWriteTokens: 0,
            outputTokens: 7,
            reasoningTokens: 0,
            source: "reported",
          },
        },
        { type: "end", reason: "stop" },
      ],
    },
  ],
  refusals: [
    {
      status: 503,
      headers: { "retry-after": "2" },
      body: '{"error":{"message":"the queue is full","type":"server_error","param":null,"code":"overloaded"}}',
      error: { cause: "overloaded", message: "the queue is full", retryAfterSeconds: 2 },
    },
  ],
});

const openrouterUsage = (usage: object) => {
  const tokens = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };
  const data = JSON.stringify({ id: "c1", model: "m", choices: [], usage: { ...tokens, ...usage } });
  const event = openrouter
    .decoder(makeCall())
    .push({ data })
    .find(({ type }) => type === "usage");
  return event?.type === "usage" ? event.usage : null;
};

describe("what OpenRouter says that it charges", () => {
  it.each([
    ["its credits, to the next micro-dollar", { cost: 0.0000123 }, 13],
    [
      "the fee and the host's bill, where the key is the account's own",
      { cost: 0.05, is_byok: true, cost_details: { upstream_inference_cost: 1 } },
      1_050_000,
    ],
    [
      "not what a host charges OpenRouter",
      { cost: 0.05, is_byok: false, cost_details: { upstream_inference_cost: 0.04 } },
      50_000,
    ],
    ["nothing that it does not say", { cost: null }, undefined],
  ])("is %s", (_, usage, billed) => {
    expect(openrouterUsage(usage)?.billed).toBe(billed);
  });
});

describe("the usage of hosts", () => {
  it.each([
    ["within the completion", 120, 100],
    ["beside the completion, as the total tells", 200, 180],
  ])("counts reasoning as output where it is %s", (_, total_tokens, outputTokens) => {
    const usage = {
      prompt_tokens: 20,
      completion_tokens: 100,
      total_tokens,
      completion_tokens_details: { reasoning_tokens: 80 },
    };
    const decoder = litellm.decoder(makeCall());
    const events = decoder.push({ data: JSON.stringify({ id: "c1", model: "m", choices: [], usage }) });
    expect(events).toContainEqual({
      type: "usage",
      usage: expect.objectContaining({ inputTokens: 20, outputTokens, reasoningTokens: 80 }),
    });
  });
});

const reasoningOf = (model: string) =>
  ({ type: "reasoning", text: "", signature: `openrouter/${model}|{"details":[{"type":"reasoning.text"}]}` }) as const;

const says = (text: string) => ({ role: "user", content: [{ type: "text", text }] }) as const;

describe("compatible requests", () => {
  it("names cap, system role and end user as most hosts know them", () => {
    expect(litellm.request(makeCall({ ...longChat, user: "u-1" }, { reasoningEffort: "high" }))).toMatchObject({
      model: "model-x",
      max_tokens: 1000,
      user: "u-1",
      reasoning_effort: "high",
      stream: true,
      stream_options: { include_usage: true },
    });
    const [first] = longChat.messages;
    expect(litellm.request(makeCall({ messages: first ? [first] : [] }))).toMatchObject({
      messages: [{ role: "system", content: "Be brief." }],
    });
  });

  it("gathers system messages at the beginning", () => {
    const messages = [
      { role: "system", text: "Be brief." },
      { role: "system", text: "Be kind." },
      says("Hi"),
      { role: "system", text: "It rains." },
      says("Well?"),
    ] as const;
    expect(litellm.request(makeCall({ messages }))).toMatchObject({
      messages: [
        { role: "system", content: "Be brief.\n\nBe kind.\n\nIt rains." },
        { role: "user", content: "Hi" },
        { role: "user", content: "Well?" },
      ],
    });
  });

  it("lets OpenRouter choose only hosts that take every parameter", () => {
    expect(openrouter.request(makeCall({ tools: [weather] }, { reasoningEffort: "high" }))).toMatchObject({
      provider: { require_parameters: true },
      reasoning: { effort: "high" },
    });
  });

  it("returns OpenRouter's reasoning details to the model that had them", () => {
    const answer = { type: "text", text: "3" } as const;
    const messages = [
      { role: "assistant", content: [reasoningOf("model-x"), reasoningOf("model-y"), answer] },
    ] as const;
    expect(openrouter.request(makeCall({ messages }))).toMatchObject({
      messages: [{ role: "assistant", content: "3", reasoning_details: [{ type: "reasoning.text" }] }],
    });
  });

  it("sends the images of a run of results after it", () => {
    const image = { type: "image", source: { mediaType: "image/png", base64: "aW1n" } } as const;
    const result = (toolCallId: string) =>
      ({ role: "tool", toolCallId, content: [{ type: "text", text: "map" }, image] }) as const;
    const part = { type: "image_url", image_url: { url: "data:image/png;base64,aW1n" } };
    expect(litellm.request(makeCall({ messages: [result("a"), result("b")] }))).toMatchObject({
      messages: [
        { role: "tool", tool_call_id: "a", content: "map" },
        { role: "tool", tool_call_id: "b", content: "map" },
        { role: "user", content: [part, part] },
      ],
    });
  });
});

const registryOf = (hosts: unknown, env = {}) => createRegistry({ SHOAL_PROVIDERS: JSON.stringify(hosts), ...env });

describe("the registry", () => {
  const host = {
    name: "groq",
    base_url: "https://api.groq.com/openai/v1",
    api_key_env: "GROQ_API_KEY",
    models: [
      {
        id: "openai/gpt-oss-120b",
        context_tokens: 131072,
        max_output_tokens: 65536,
        price: { input: 0.15, output: 0.6, cached_input: 0.075 },
        abilities: ["tools", "temperature"],
      },
    ],
  };

  it("says which providers lack what", () => {
    const { connected, unconfigured } = createRegistry({ OPENAI_API_KEY: key });
    expect([...connected.keys()]).toEqual(["openai"]);
    expect(unconfigured).toContainEqual({ provider: "anthropic", needs: "ANTHROPIC_API_KEY is not set" });
  });

  it("adds the operator's hosts with their workers", () => {
    const { connected, cards } = registryOf([host], { GROQ_API_KEY: key });
    expect(connected.get("groq")?.connection).toEqual({ apiKey: key, baseUrl: host.base_url });
    expect(cards).toMatchObject([
      {
        id: "groq/openai/gpt-oss-120b",
        provider: "groq",
        upstream: "openai/gpt-oss-120b",
        price: { input: 0.15, output: 0.6, cachedInput: 0.075 },
        strengths: "none",
      },
    ]);
    expect(registryOf([host]).unconfigured).toContainEqual({ provider: "groq", needs: "GROQ_API_KEY is not set" });
  });

  it("reads dated prices, tiers and what an image counts", () => {
    const model = {
      ...host.models[0],
      image_tokens: 16_384,
      price: { input: 1, output: 4, tiers: [{ above_input_tokens: 128_000, input: 2, output: 8 }] },
      price_changes: [{ from: "2027-01-01", price: { input: 3, output: 9, cached_input: 0.3, cache_write: 3.75 } }],
    };
    expect(registryOf([{ ...host, models: [model] }]).cards).toMatchObject([
      {
        imageTokens: 16_384,
        price: { input: 1, output: 4, tiers: [{ aboveInputTokens: 128_000, input: 2, output: 8 }] },
        priceChanges: [{ from: "2027-01-01", price: { input: 3, output: 9, cachedInput: 0.3, cacheWrite: 3.75 } }],
      },
    ]);
  });

  const priced = (price: object) => [{ ...host, models: [{ ...host.models[0], price }] }];
  it.each([
    ["price.input", priced({ input: -1, output: 1 })],
    ["price.output: 6e-7 is far too little for a million tokens", priced({ input: 0.15, output: 6e-7 })],
    ["price.cached_input: is more than the input rate", priced({ input: 1, output: 1, cached_input: 2 })],
    ["cached", priced({ input: 1, output: 1, cached: 2 })],
    ["price.tiers", priced({ input: 2, output: 4, tiers: [{ above_input_tokens: 1000, input: 1, output: 4 }] })],
    [
      "price_changes.0.from",
      [{ ...host, models: [{ ...host.models[0], price_changes: [{ from: "soon", price: { input: 1, output: 1 } }] }] }],
    ],
    [
      "groq/openai/gpt-oss-120b: max_output_tokens",
      [{ ...host, models: [{ ...host.models[0], max_output_tokens: 1e9 }] }],
    ],
    ["[0].base_url", [{ ...host, base_url: "file:///etc/passwd" }]],
    ["[0].models[0].price.input", [{ ...host, models: [{ ...host.models[0], price: { output: 1 } }] }]],
    ["[0].models[0].abilities[0]", [{ ...host, models: [{ ...host.models[0], abilities: ["telepathy"] }] }]],
    ["api_key", [{ ...host, api_key: key }]],
    ["two hosts have the same name", [host, host]],
    ["openai is the name of a built-in provider", [{ ...host, name: "openai" }]],
  ])("names what is wrong: %s", (problem, hosts) => {
    expect(() => registryOf(hosts)).toThrow(problem);
  });
});

describe("hosts of openrouter", () => {
  it.each([
    ["", "global", 1],
    ["https://us.openrouter.ai/api/v1", "us", null],
    ["https://eu.openrouter.ai/api/v1", undefined, null],
    ["https://proxy.example.com/v1", undefined, 1],
  ])("%s is in %s and costs %j times as much", (baseUrl, dataRegion, priceFactor) => {
    const made = openrouter.connect({ OPENROUTER_API_KEY: key, OPENROUTER_BASE_URL: baseUrl });
    expect(made?.dataRegion).toBe(dataRegion);
    expect(made && openrouter.offer?.("openai/gpt-5.4", made)).toEqual({ priceFactor, lacks: [] });
  });
});
