import { AwsV4Signer } from "aws4fetch";
import { describe, expect, it } from "vitest";
import { bedrock } from "../../../edge/providers/bedrock.ts";
import { findSigningProblem } from "../../support/sigv4.ts";
import { makeCall, recordFetch, testProvider, weather } from "./contract.ts";

const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const env = { BEDROCK_REGION: "eu-central-1", ...keys };
const connection = {
  baseUrl: "https://bedrock-runtime.eu-central-1.amazonaws.com",
  apiKey: keys.AWS_SECRET_ACCESS_KEY,
  dataRegion: "eu",
  account: { region: "eu-central-1", profile: "eu", accessKeyId: "AKIDEXAMPLE" },
} as const;
const upstream = "anthropic.claude-opus-5-5";
const call = makeCall({}, { upstream });
const start = { type: "start", model: "claude-opus-5-5", id: "msg_01PfG" } as const;
const usage = (outputTokens: number) =>
  ({
    type: "usage",
    usage: {
      inputTokens: 2312,
      cachedInputTokens: 2000,
      cacheWriteTokens: 300,
      outputTokens,
      reasoningTokens: 0,
      source: "reported",
    },
  }) as const;

testProvider(bedrock, {
  env,
  connection,
  call,
  url: "https://bedrock-runtime.eu-central-1.amazonaws.com/anthropic/v1/messages",
  credential: "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/bedrock/aws4_request",
  recordings: [
    {
      fixture: "anthropic-tools",
      events: [
        start,
        usage(1),
        { type: "reasoning-signature", signature: `bedrock/${upstream}|redacted EmwKAhgBEgy3` },
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
      fixture: "openai-filter",
      call: makeCall({}, { upstream: "openai.gpt-6-luna" }),
      events: [
        { type: "start", model: "gpt-6.2-sol-2026-11-17", id: "chatcmpl-CyB1nT0fLw9zUo3aQk7dXs5v" },
        { type: "text-delta", text: "One" },
        { type: "end", reason: "content_filter" },
      ],
    },
  ],
  refusals: [
    {
      status: 429,
      headers: { "x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/" },
      body: '{"message":"Too many tokens, please wait before trying again."}',
      error: { cause: "rate_limited", message: "Too many tokens, please wait before trying again." },
    },
    {
      status: 400,
      headers: { "x-amzn-errortype": "ServiceQuotaExceededException" },
      body: '{"message":"You have exceeded your quota."}',
      error: { cause: "rate_limited" },
    },
    {
      status: 400,
      headers: { "x-amzn-errortype": "ExpiredTokenException" },
      body: '{"message":"The security token included in the request is expired"}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 403,
      headers: { "x-amzn-errortype": "AccessDeniedException" },
      body: '{"Message":"User: arn:aws:iam::111122223333:user/fish is not authorized to perform: bedrock:InvokeModel"}',
      error: { cause: "authentication", message: "refused the operator's credentials or account" },
    },
    {
      status: 400,
      headers: { "x-amzn-errortype": "ValidationException" },
      body: '{"message":"Input is too long for requested model."}',
      error: { cause: "context_too_long" },
    },
    {
      status: 404,
      headers: { "x-amzn-errortype": "ResourceNotFoundException" },
      body: '{"message":"Could not resolve the foundation model from the provided model identifier."}',
      error: { cause: "server" },
    },
    {
      status: 429,
      headers: { "retry-after": "3" },
      body: '{"type":"error","error":{"type":"rate_limit_error","message":"Too many requests"}}',
      error: { cause: "rate_limited", retryAfterSeconds: 3 },
    },
    {
      status: 424,
      headers: { "x-amzn-errortype": "ModelErrorException" },
      body: '{"message":"The model failed."}',
      error: { cause: "server" },
    },
  ],
});

const now = () => Date.parse("2026-11-22T12:00:00Z");

const send = async (variables: Readonly<Record<string, string>>, asked = call) => {
  const made = bedrock.connect(variables);
  if (!made) throw new Error("it does not connect");
  const { requests, fetcher } = recordFetch(() => new Response(""));
  await bedrock.send(bedrock.request(asked), made, { fetch: fetcher, signal: new AbortController().signal, now });
  const [request] = requests;
  if (!request) throw new Error("nothing was sent");
  return { ...request, json: JSON.parse(request.body) as unknown };
};

/** The published examples. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-test-suite.html */
const vectors = [
  ["get-vanilla", "GET", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  ["post-vanilla", "POST", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "post-header-key-sort",
    "POST",
    { "my-header1": "value1" },
    "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
  ],
] as const;

describe("signatures for bedrock", () => {
  it.each(vectors)(
    "are as published for %s, by the library and by the check",
    async (_name, method, headers, wanted) => {
      const url = "https://example.amazonaws.com/";
      const signed = await new AwsV4Signer({
        method,
        url,
        headers,
        accessKeyId: keys.AWS_ACCESS_KEY_ID,
        secretAccessKey: keys.AWS_SECRET_ACCESS_KEY,
        region: "us-east-1",
        service: "service",
        datetime: "20150830T123600Z",
      }).sign();
      expect(signed.headers.get("authorization")).toContain(`Signature=${wanted}`);
      const key = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secret: keys.AWS_SECRET_ACCESS_KEY };
      const scope = { ...key, region: "us-east-1", service: "service" };
      expect(await findSigningProblem({ method, url, headers: signed.headers, body: "" }, scope)).toBeNull();
      expect(await findSigningProblem({ method, url, headers: signed.headers, body: "x" }, scope)).toMatch(/signature/);
    },
  );

  it("cover address, headers and body of a call, and the session", async () => {
    const { url, headers, body } = await send({ ...env, AWS_SESSION_TOKEN: "session-1" });
    const key = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secret: keys.AWS_SECRET_ACCESS_KEY };
    const scope = { ...key, region: "eu-central-1", service: "bedrock" };
    expect(headers.get("x-amz-date")).toBe("20261122T120000Z");
    expect(headers.get("x-amz-security-token")).toBe("session-1");
    expect(await findSigningProblem({ method: "POST", url, headers, body }, scope)).toBeNull();
  });

  it("are left out where there is an API key", async () => {
    const { headers } = await send({ ...env, AWS_BEARER_TOKEN_BEDROCK: "bedrock-key-1" });
    expect(headers.get("authorization")).toBe("Bearer bedrock-key-1");
    expect(headers.has("x-amz-date")).toBe(false);
  });
});

describe("requests to bedrock", () => {
  it("ask Claude by Messages under the region's inference profile", async () => {
    const { json, headers } = await send(env);
    expect(json).toEqual({
      model: "eu.anthropic.claude-opus-5-5",
      max_tokens: 1000,
      stream: true,
      messages: [{ role: "user", content: [{ type: "text", text: "How many fish?" }] }],
    });
    expect(headers.get("anthropic-version")).toBe("2023-06-01");
  });

  it("mark the last block where the vendor itself would cache by itself", async () => {
    const messages = [
      { role: "user", content: [{ type: "text", text: "Hi" }] },
      { role: "assistant", content: [{ type: "text", text: "Hello" }] },
      { role: "user", content: [{ type: "text", text: "How many fish?" }] },
    ] as const;
    const { json } = await send(env, makeCall({ messages }, { upstream }));
    expect(json).not.toHaveProperty("cache_control");
    expect(json).toMatchObject({
      messages: [
        { content: [{ type: "text", text: "Hi" }] },
        { content: [{ type: "text", text: "Hello" }] },
        { content: [{ type: "text", text: "How many fish?", cache_control: { type: "ephemeral" } }] },
      ],
    });
  });

  it.each([
    [{}, "/openai/v1/chat/completions"],
    [{ tools: [weather] }, "/openai/v1/responses"],
  ])("ask OpenAI's models by OpenAI's protocols", async (chat, path) => {
    const us = { ...env, BEDROCK_REGION: "us-east-1" };
    const { url, json } = await send(us, makeCall(chat, { upstream: "openai.gpt-6.1-sol" }));
    expect(url).toBe(`https://bedrock-runtime.us-east-1.amazonaws.com${path}`);
    expect(json).toMatchObject({ model: "us.openai.gpt-6.1-sol" });
  });
});

const offered = (variables: Readonly<Record<string, string>>, model: string) => {
  const made = bedrock.connect({ ...keys, ...variables });
  return made && { dataRegion: made.dataRegion, offer: bedrock.offer?.(model, made) };
};

describe("inference profiles of bedrock", () => {
  it.each([
    ["us-west-2", upstream, "us"],
    ["eu-west-1", upstream, "eu"],
    ["ap-northeast-1", upstream, "ap"],
    ["ap-southeast-2", upstream, "ap"],
  ])("keep a call of %s in its part of the world, for a tenth more", (region, model, dataRegion) => {
    expect(offered({ BEDROCK_REGION: region }, model)).toEqual({
      dataRegion,
      offer: { priceFactor: 1.1, lacks: ["image_url"] },
    });
  });

  it.each(["eu-west-2", "eu-central-2"])(
    "name no part of the world where %s keeps what another processes",
    (region) => {
      expect(offered({ BEDROCK_REGION: region }, upstream)).toMatchObject({ dataRegion: undefined });
    },
  );

  it("lack some models outside of the United States", () => {
    expect(offered({ BEDROCK_REGION: "eu-west-1" }, "openai.gpt-6-luna")?.offer).toBeNull();
    expect(offered({ BEDROCK_REGION: "eu-west-1" }, "anthropic.claude-fable-5-1")?.offer).toBeNull();
    expect(offered({ BEDROCK_REGION: "us-east-1" }, "openai.gpt-6-luna")?.offer?.lacks).toContain("file");
  });

  it("go around the world only when the operator says so, at the card's price", () => {
    expect(() => bedrock.connect({ ...keys, BEDROCK_REGION: "ap-south-1" })).toThrow("BEDROCK_PROFILE");
    expect(offered({ BEDROCK_REGION: "ap-south-1", BEDROCK_PROFILE: "global" }, upstream)).toEqual({
      dataRegion: "global",
      offer: { priceFactor: 1, lacks: ["image_url"] },
    });
  });

  it("are named where one is wrong", () => {
    expect(() => bedrock.connect({ ...env, BEDROCK_PROFILE: "moon" })).toThrow("BEDROCK_PROFILE");
    expect(() => bedrock.connect({ ...env, BEDROCK_REGION: "evil.example.com/" })).toThrow("BEDROCK_REGION");
  });
});
