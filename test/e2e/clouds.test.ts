import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { clientsOf } from "../support/clients.ts";
import { startClouds, type Clouds } from "../support/clouds.ts";
import { requestAt } from "../support/send.ts";
import { startSystem, type System } from "../support/start.ts";

let clouds: Clouds;
beforeAll(async () => {
  clouds = await startClouds();
});
afterAll(() => clouds?.[Symbol.asyncDispose]());
beforeEach(() => clouds.reset());

const adminKey = "admin-test-0123456789abcdef0123456789";

const workersSchema = z.object({
  data: z.array(z.looseObject({ id: z.string() })),
  unconfigured: z.array(z.object({ provider: z.string(), needs: z.string(), workers: z.array(z.string()) })),
});

const traceSchema = z.looseObject({
  worker: z.string().nullable(),
  cost_usd: z.number(),
  ledger: z.looseObject({ usage_source: z.string() }),
});

/** One question straight through, and what the ledger says of it. */
const ask = async (system: System, model: string) => {
  const { data: stream, response } = await clientsOf(system)
    .openai.chat.completions.create({
      model,
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello" },
        { role: "assistant", content: "Hello." },
        { role: "user", content: "Why do shoals turn together?" },
      ],
    })
    .withResponse();
  const chunks = await Array.fromAsync(stream);
  const trace = await requestAt(`${system.url}/v1/traces/${response.headers.get("x-request-id")}`, system);
  return {
    text: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""),
    usage: chunks.at(-1)?.usage,
    trace: traceSchema.parse(await trace.json()),
  };
};

const expectAnswer = async (system: System, model: string, dollars: number) => {
  const { text, usage, trace } = await ask(system, model);
  expect(clouds.problems).toEqual([]);
  expect(text).toBe("Fish turn together.");
  expect(usage).toMatchObject({
    prompt_tokens: 1000,
    completion_tokens: 100,
    prompt_tokens_details: { cached_tokens: 200 },
  });
  expect(trace).toMatchObject({ worker: model, cost_usd: dollars, ledger: { usage_source: "reported" } });
};

describe("azure and vertex", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ env: { ...clouds.azure, ...clouds.vertex, SHOAL_REGION: "eu", ADMIN_KEY: adminKey } });
  });
  afterAll(() => system?.stop());

  it("answers from a deployment on Azure, at the price of its zone", async () => {
    // (800 × 2 + 200 × 0.1 + 100 × 10) millionths of a dollar, and a fifth more.
    await expectAnswer(system, "openai/gpt-6.1-sol", 0.003144);
    expect(clouds.calls).toMatchObject([{ path: "/openai/v1/chat/completions", body: { model: "prod-sol" } }]);
  });

  it("answers from Claude on Vertex, at the price of its region", async () => {
    // (800 × 4 + 200 × 0.2 + 100 × 20) millionths of a dollar, and a tenth more.
    await expectAnswer(system, "anthropic/claude-opus-5-5", 0.005764);
    expect(clouds.calls).toMatchObject([{ model: "claude-opus-5-5" }]);
  });

  it("answers from Gemini on Vertex with the same token", async () => {
    // (800 × 0.75 + 200 × 0.075 + 100 × 3.75) millionths of a dollar, and a tenth more.
    await expectAnswer(system, "google/gemini-3.8-flash", 0.001089);
    expect(clouds.calls).toMatchObject([{ model: "gemini-3.8-flash" }]);
    expect(clouds.tokensGiven()).toBe(1);
  });

  it("tells the operator which workers the clouds have, and where", async () => {
    const response = await requestAt(`${system.url}/admin/workers`, { key: adminKey });
    const { data, unconfigured } = workersSchema.parse(await response.json());
    expect(data).toContainEqual(
      expect.objectContaining({ id: "openai/gpt-6.1-sol", provider: "azure", data_region: "eu" }),
    );
    expect(data).toContainEqual(
      expect.objectContaining({ id: "anthropic/claude-fable-5-1", provider: "vertex", data_region: "eu" }),
    );
    expect(data.map(({ id }) => id)).not.toContain("openai/gpt-6-luna");
    const bedrock = unconfigured.find(({ provider }) => provider === "bedrock");
    expect(bedrock?.needs).toMatch(/^BEDROCK_REGION/);
    expect(bedrock?.workers).toContain("anthropic/claude-opus-5-5");
  });
});

describe("bedrock", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ env: clouds.bedrock });
  });
  afterAll(() => system?.stop());

  it("answers from Claude by a signed call, at the price of its profile", async () => {
    await expectAnswer(system, "anthropic/claude-opus-5-5", 0.005764);
    expect(clouds.calls).toMatchObject([{ model: "eu.anthropic.claude-opus-5-5" }]);
  });
});
