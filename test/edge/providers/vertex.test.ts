import { jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { vertex } from "../../../edge/providers/vertex.ts";
import { serviceAccount } from "../../support/service-account.ts";
import { longChat, makeCall, recordFetch, testProvider, weather } from "./contract.ts";

const account = await serviceAccount();
const tokenUrl = "https://oauth2.example.com/token";
const credentials = account.credentialsFor(tokenUrl);
const env = { VERTEX_PROJECT: "fish-1", VERTEX_LOCATION: "eu", VERTEX_CREDENTIALS: credentials };
const connection = {
  baseUrl: "https://aiplatform.eu.rep.googleapis.com",
  apiKey: credentials,
  dataRegion: "eu",
  account: { project: "fish-1", location: "eu" },
} as const;
const answerToken = (token: string) => Response.json({ access_token: token, expires_in: 3600, token_type: "Bearer" });
const claude = makeCall({}, { upstream: "anthropic/claude-opus-5-5" });
const gemini = makeCall({}, { upstream: "google/gemini-3.8-flash" });
const usage = { type: "usage", usage: { inputTokens: 40, cachedInputTokens: 0, cacheWriteTokens: 0 } } as const;
const gave = (outputTokens: number, reasoningTokens = 0, cachedInputTokens = 0) =>
  ({
    ...usage,
    usage: { ...usage.usage, cachedInputTokens, outputTokens, reasoningTokens, source: "reported" },
  }) as const;

const base = {
  env,
  connection,
  credential: "Bearer ya29.token-1",
  answerBefore: (url: string) => (url === tokenUrl ? answerToken("ya29.token-1") : null),
};
const refused = "refused the operator's credentials or account";

testProvider(vertex, {
  ...base,
  call: gemini,
  url: "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/fish-1/locations/eu/publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
  recordings: [
    {
      fixture: "google-thinking",
      events: [
        { type: "start", model: "gemini-3.8-flash", id: "mF0iaYy" },
        { type: "reasoning-delta", text: "**Counting**\n" },
        gave(12, 12),
        { type: "text-delta", text: "Drei " },
        gave(27, 25),
        { type: "text-delta", text: "🐡." },
        gave(29, 25),
        { type: "reasoning-signature", signature: "vertex/google/gemini-3.8-flash|CiQBjz1rX6Fq" },
        gave(30, 25, 32),
        { type: "end", reason: "stop" },
      ],
    },
    {
      fixture: "google-tools",
      events: [
        { type: "start", model: "gemini-3.8-flash", id: "mF0iaYy" },
        {
          type: "tool-call-start",
          index: 0,
          id: "fn_1",
          name: "weather",
          signature: "vertex/google/gemini-3.8-flash|CiQBsig",
        },
        { type: "tool-call-delta", index: 0, arguments: '{"city":"Köln"}' },
        { type: "tool-call-start", index: 1, id: "call_mF0iaYy_1", name: "time" },
        { type: "tool-call-delta", index: 1, arguments: "{}" },
        gave(0),
        gave(18),
        { type: "end", reason: "tool_calls" },
      ],
    },
  ],
  refusals: [
    {
      status: 429,
      body: '[{"error":{"code":429,"message":"Resource exhausted. Please try again later.","status":"RESOURCE_EXHAUSTED"}}]',
      error: { cause: "rate_limited" },
    },
    {
      status: 401,
      body: '{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}',
      error: { cause: "authentication", message: refused },
    },
    {
      status: 403,
      body: '{"error":{"code":403,"message":"Permission \'aiplatform.endpoints.predict\' denied","status":"PERMISSION_DENIED"}}',
      error: { cause: "authentication", message: refused },
    },
    {
      status: 404,
      body: '{"error":{"code":404,"message":"Publisher Model was not found","status":"NOT_FOUND"}}',
      error: { cause: "server", message: "does not serve the model to the operator's account" },
    },
  ],
});

testProvider(vertex, {
  ...base,
  call: claude,
  url: "https://aiplatform.eu.rep.googleapis.com/v1/projects/fish-1/locations/eu/publishers/anthropic/models/claude-opus-5-5:streamRawPredict",
  recordings: [
    {
      fixture: "anthropic-error",
      events: [
        { type: "start", model: "claude-opus-5-5", id: "msg_01PfG" },
        {
          type: "usage",
          usage: {
            inputTokens: 2312,
            cachedInputTokens: 2000,
            cacheWriteTokens: 300,
            outputTokens: 1,
            reasoningTokens: 0,
            source: "reported",
          },
        },
        { type: "text-delta", text: "Half" },
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "vertex",
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
      status: 400,
      body: '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 1000370 tokens > 1000000 maximum"}}',
      error: { cause: "context_too_long" },
    },
    {
      status: 529,
      headers: { "retry-after": "9" },
      body: '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      error: { cause: "overloaded", message: "Overloaded", retryAfterSeconds: 9 },
    },
  ],
});

/** A platform whose tokens are numbered, with its clock in the test's hand. */
const startPlatform = (answer: () => Response = () => new Response(""), refuse?: () => Response) => {
  const claims: string[] = [];
  const { requests, fetcher } = recordFetch(() => answer());
  const fetchBoth: typeof fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    if (request.url !== tokenUrl) return fetcher(input, init);
    const assertion = (await request.formData()).get("assertion");
    claims.push(typeof assertion === "string" ? assertion : "");
    return refuse?.() ?? answerToken(`token-${claims.length}`);
  };
  let time = Date.parse("2026-11-22T12:00:00Z");
  return {
    claims,
    tokens: () => requests.map(({ headers }) => headers.get("authorization")),
    bodies: () => requests.map(({ body }): unknown => JSON.parse(body)),
    pass: (ms: number) => void (time += ms),
    send: (call = claude, made: typeof connection | NonNullable<ReturnType<typeof vertex.connect>> = connection) =>
      vertex.send(vertex.request(call), made, {
        fetch: fetchBoth,
        signal: new AbortController().signal,
        now: () => time,
      }),
  };
};

describe("tokens for vertex", () => {
  it("are asked for with a claim that the account has signed", async () => {
    const platform = startPlatform();
    await platform.send();
    const { payload, protectedHeader } = await jwtVerify(platform.claims[0] ?? "", account.publicKey, {
      issuer: account.email,
      audience: tokenUrl,
      currentDate: new Date("2026-11-22T12:00:01Z"),
    });
    expect(protectedHeader).toEqual({ alg: "RS256", typ: "JWT", kid: "key-1" });
    expect(payload["scope"]).toBe("https://www.googleapis.com/auth/cloud-platform");
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  it("are kept until a minute before they expire", async () => {
    const platform = startPlatform();
    await platform.send();
    await platform.send(gemini);
    platform.pass(58 * 60_000);
    await platform.send();
    platform.pass(60_000);
    await platform.send();
    expect(platform.tokens()).toEqual(["Bearer token-1", "Bearer token-1", "Bearer token-1", "Bearer token-2"]);
    expect(platform.claims).toHaveLength(2);
  });

  it("are dropped when the platform takes them no longer", async () => {
    const platform = startPlatform(() => new Response("", { status: 401 }));
    await platform.send();
    await platform.send();
    expect(platform.tokens()).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  it.each([
    [400, 401],
    [401, 401],
    [429, 429],
    [503, 503],
  ])("that are refused with %i fail the call with %i, and tell nothing", async (given, status) => {
    const body = '{"error":"invalid_grant","error_description":"Invalid JWT Signature."}';
    const platform = startPlatform(
      undefined,
      () => new Response(body, { status: given, headers: { "retry-after": "4" } }),
    );
    const response = await platform.send();
    expect(response.status).toBe(status);
    expect(await response.text()).toBe("");
    expect(response.headers.get("retry-after")).toBe("4");
    expect(platform.tokens()).toEqual([]);
  });

  it("are not waited for by another request", async () => {
    const platform = startPlatform();
    await Promise.all([platform.send(), platform.send()]);
    expect(platform.claims).toHaveLength(2);
  });
});

describe("requests to vertex", () => {
  it("name Claude's version in the body and the model in the path alone", async () => {
    const platform = startPlatform();
    await platform.send();
    expect(platform.bodies()).toEqual([
      {
        anthropic_version: "vertex-2023-10-16",
        max_tokens: 1000,
        stream: true,
        messages: [{ role: "user", content: [{ type: "text", text: "How many fish?" }] }],
      },
    ]);
  });

  it("mark the last block of a conversation with Claude", async () => {
    const platform = startPlatform();
    await platform.send(makeCall(longChat, { upstream: claude.upstream }));
    const [body] = platform.bodies();
    expect(body).not.toHaveProperty("cache_control");
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(1);
    expect(JSON.stringify(body)).toContain('{"type":"text","text":"Quick!","cache_control":{"type":"ephemeral"}}');
  });

  it("give Gemini schemas as they are, and nothing on storage", async () => {
    const platform = startPlatform();
    await platform.send(makeCall({ tools: [weather] }, { upstream: gemini.upstream, reasoningEffort: "low" }));
    expect(platform.bodies()).toEqual([
      {
        contents: [{ role: "user", parts: [{ text: "How many fish?" }] }],
        generationConfig: { maxOutputTokens: 1000, thinkingConfig: { includeThoughts: true, thinkingLevel: "LOW" } },
        tools: [
          {
            functionDeclarations: [
              { name: "weather", description: weather.description, parametersJsonSchema: weather.parameters },
            ],
          },
        ],
        toolConfig: { functionCallingConfig: { mode: "VALIDATED" } },
      },
    ]);
  });

  it.each([
    ["global", "https://aiplatform.googleapis.com", "global", 1],
    ["us", "https://aiplatform.us.rep.googleapis.com", "us", 1.1],
    ["europe-west4", "https://europe-west4-aiplatform.googleapis.com", "eu", 1.1],
    ["europe-west2", "https://europe-west2-aiplatform.googleapis.com", undefined, 1.1],
    ["asia-southeast1", "https://asia-southeast1-aiplatform.googleapis.com", "ap", 1.1],
  ])("go to the host of %s, at its price", (location, baseUrl, dataRegion, priceFactor) => {
    const made = vertex.connect({ ...env, VERTEX_LOCATION: location });
    expect(made).toMatchObject({ baseUrl });
    expect(made?.dataRegion).toBe(dataRegion);
    expect(made && vertex.offer?.(gemini.upstream, made)).toEqual({ priceFactor, lacks: [] });
    expect(made && vertex.offer?.(claude.upstream, made)).toEqual({ priceFactor, lacks: ["image_url", "json_schema"] });
  });

  it.each([
    ["VERTEX_CREDENTIALS", { VERTEX_CREDENTIALS: '{"client_email":"fish@example.com","private_key":"hunter2"}' }],
    ["VERTEX_LOCATION", { VERTEX_LOCATION: "evil.example.com/" }],
  ])("are not made with a wrong %s, which is named and not shown", (variable, wrong) => {
    expect(() => vertex.connect({ ...env, ...wrong })).toThrow(variable);
    expect(() => vertex.connect({ ...env, ...wrong })).not.toThrow("hunter2");
  });
});
