import { RateLimitError as AnthropicRateLimitError } from "@anthropic-ai/sdk";
import { RateLimitError } from "openai";
import { describe, expect, it } from "vitest";
import { clientsOf } from "../support/clients.ts";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

const { vendors, system, send, makeTenant, makeKey, readTrace } = systemUnderTest();

const chat = (key: string, rest: object = {}) =>
  send("POST", "/v1/chat/completions", key, {
    model: "openai/gpt-6-luna",
    max_tokens: 100,
    messages: [{ role: "user", content: "Name a fish." }],
    ...rest,
  });

it("counts embeddings as requests, in the ledger for nothing", async () => {
  const { key } = await makeTenant("vectors", {}, { limits: { requests_per_minute: 1 } });
  const embed = () => send("POST", "/v1/embeddings", key, { model: "all-minilm-l6-v2", input: "a shoal of fish" });
  const first = await embed();
  expect(first).toMatchObject({ status: 200, body: { usage: { prompt_tokens: expect.any(Number) } } });
  expect((await embed()).status).toBe(429);
  const usage = await send("GET", "/v1/usage?group_by=model", key);
  expect(usage.body.data).toMatchObject([
    { model: "all-minilm-l6-v2", requests: 1, input_tokens: first.body.usage.prompt_tokens, cost_usd: 0 },
  ]);
});

describe("requests per minute", () => {
  it("are in every answer's headers, and refused beyond with how long to wait", async () => {
    const { key } = await makeTenant("rates", {}, { limits: { requests_per_minute: 2, tokens_per_minute: 60_000 } });
    const first = await chat(key);
    expect(first.status).toBe(200);
    const read = (name: string) => first.headers.get(name);
    expect(read("x-ratelimit-limit-requests")).toBe("2");
    expect(read("x-ratelimit-remaining-requests")).toBe("1");
    expect(read("x-ratelimit-reset-requests")).toMatch(/^(30|29\.\d+)s$/);
    expect(read("x-ratelimit-limit-tokens")).toBe("60000");
    expect(Number(read("x-ratelimit-remaining-tokens"))).toBeLessThan(60_000);
    expect(read("anthropic-ratelimit-requests-remaining")).toBe("1");
    expect(Date.parse(read("anthropic-ratelimit-requests-reset") ?? "")).toBeGreaterThan(Date.now());
    expect((await chat(key)).status).toBe(200);

    const refused = await chat(key);
    expect(refused).toMatchObject({
      status: 429,
      body: {
        error: {
          type: "rate_limit_error",
          code: "rate_limit_exceeded",
          message: "limit reached: 2 requests per minute of the key",
        },
      },
    });
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(20);
    expect(seconds).toBeLessThanOrEqual(30);
    expect(Math.ceil(Number(refused.headers.get("retry-after-ms")) / 1000)).toBe(seconds);
    expect(vendors.calls()).toHaveLength(2);
  });

  it("are read by the vendors' own clients, each in its format", async () => {
    const { key } = await makeTenant("clients", { limits: { requests_per_minute: 1 } });
    expect((await chat(key)).status).toBe(200);
    const messages = [{ role: "user" as const, content: "Name a fish." }];
    const { openai, anthropic } = clientsOf({ url: system.url, key });
    const model = "openai/gpt-6-luna";
    await expect(openai.chat.completions.create({ model, messages })).rejects.toBeInstanceOf(RateLimitError);
    const refused = await anthropic.messages
      .create({ model, messages, max_tokens: 10 })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AnthropicRateLimitError);
    expect(refused).toMatchObject({
      error: { error: { type: "rate_limit_error", message: "limit reached: 1 requests per minute of the tenant" } },
    });
  });

  it("do not count what was refused before a worker was asked", async () => {
    const { key } = await makeTenant("mistakes", {}, { limits: { requests_per_minute: 1 } });
    expect((await chat(key, { temperature: "warm" })).status).toBe(400);
    expect((await chat(key, { model: "openai/no-such" })).status).toBe(404);
    expect((await chat(key)).status).toBe(200);
    expect((await chat(key)).status).toBe(429);
  });
});

it("refuses more requests at once than a key may have, and takes the next when one has ended", async () => {
  const gate = Promise.withResolvers<void>();
  vendors.openai.script({ beforeChunk: () => gate.promise });
  const { key } = await makeTenant("atonce", {}, { limits: { concurrency: 1 } });
  const first = chat(key);
  await vendors.openai.call(0);
  expect(await chat(key)).toMatchObject({
    status: 429,
    body: { error: { message: "limit reached: 1 requests at once of the key" } },
  });
  gate.resolve();
  expect((await first).status).toBe(200);
  await expect.poll(async () => (await chat(key)).status).toBe(200);
});

it.each([false, true])(
  "refuses nothing to a client that asks for one thing after the other (streamed: %s)",
  async (stream) => {
    const limits = { concurrency: 1, usd_per_day: 0.02 };
    const { key } = await makeTenant(`oneafter${stream}`, {}, { limits });
    for (let request = 0; request < 8; request += 1) {
      expect(await chat(key, { stream, model: "openai/gpt-5.4", max_tokens: 500 })).toMatchObject({ status: 200 });
    }
  },
);

it("refuses with 402 what a key's own day cannot pay, whatever its tenant has", async () => {
  const { key } = await makeTenant("daily", { limits: { usd_per_month: 100 } }, { limits: { usd_per_day: 0.000_001 } });
  const refused = await chat(key);
  expect(refused).toMatchObject({
    status: 402,
    body: { error: { code: "insufficient_quota", message: "budget exhausted: $0.000001 per day of the key" } },
  });
  expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(86_400);
  expect(vendors.calls()).toEqual([]);
});

it("keeps a key to its scopes, models and vendors, in each format, and lists no others", async () => {
  const { key } = await makeTenant(
    "narrow",
    {},
    { scopes: ["answers"], allowed_models: ["shoal-mini", "openai/gpt-5.4"] },
  );
  expect((await chat(key, { model: "openai/gpt-5.4" })).status).toBe(200);
  expect(await chat(key)).toMatchObject({ status: 403, body: { error: { type: "permission_error" } } });
  expect(await send("GET", "/v1/usage", key)).toMatchObject({
    status: 403,
    body: { error: { message: "the key lacks the scope 'usage'" } },
  });
  const models = await send("GET", "/v1/models", key);
  expect(models.body.data.map(({ id }: { id: string }) => id)).toEqual(["shoal-mini", "openai/gpt-5.4"]);

  const { key: byVendor } = await makeTenant("vendor", {}, { allowed_vendors: ["anthropic"] });
  for (const model of ["shoal-mini", "shoal-ultra"]) expect((await chat(byVendor, { model })).status).toBe(200);
  expect(
    new Set(
      vendors
        .calls()
        .slice(1)
        .map(({ vendor }) => vendor),
    ),
  ).toEqual(new Set(["anthropic"]));
  expect(
    await send("POST", "/v1/messages", byVendor, {
      model: "openai/gpt-5.4",
      max_tokens: 10,
      messages: [{ role: "user", content: "Name a fish." }],
    }),
  ).toMatchObject({ status: 403, body: { type: "error", error: { type: "permission_error" } } });
});

it("awaits no object before a warm request's first byte", async () => {
  const limits = {
    requests_per_minute: 6_000,
    tokens_per_minute: 10_000_000,
    concurrency: 500,
    usd_per_minute: 100,
    usd_per_day: 1_000,
    usd_per_month: 10_000,
  };
  const { key } = await makeTenant("warm", { limits }, { limits });
  const cold = await chat(key, { stream: true });
  // For the key with its dollars, and for the operator's prices where nobody has asked for ten seconds.
  expect(cold.headers.get("server-timing")).toMatch(/object_waits;desc="[12]"/);
  for (const stream of [true, false, true]) {
    const warm = await chat(key, { stream });
    expect(warm.headers.get("server-timing")).toContain('object_waits;desc="0"');
    const timing = { object_waits: 0, first_token: expect.any(Number) };
    expect(await readTrace(warm, key)).toMatchObject({ timing });
  }
});

const becomes = (key: string, status: number) =>
  expect.poll(async () => (await chat(key)).status, { timeout: 10_000, interval: 100 }).toBe(status);

it("follows a changed policy and a revoked key within ten seconds", async () => {
  const { key: changing } = await makeTenant("changes");
  const { key: revoked, keyId } = await makeKey("changes");
  for (const key of [changing, revoked]) expect((await chat(key)).status).toBe(200);
  const limits = { usd_per_month: 0 };
  expect(await send("PATCH", "/admin/tenants/changes", adminKey, { limits })).toMatchObject({ status: 200 });
  await send("DELETE", `/admin/tenants/changes/keys/${keyId}`, adminKey);
  await Promise.all([becomes(changing, 402), becomes(revoked, 401)]);
}, 30_000);
