import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadEncoder, type Encoder } from "../../inference/encode.ts";
import { openLlama } from "../../inference/llama.ts";
import { createMetrics } from "../../inference/metrics.ts";
import type { Conductor } from "../../inference/plan.ts";
import type { PlannerState } from "../../inference/planner-model.ts";
import { createServer } from "../../inference/server.ts";
import { decisionSchema } from "../../shared/decision.ts";
import { parseHead, packMatrix, type Head, type HeadJson } from "../../shared/head.ts";
import { embeddingsSchema, modelsSchema } from "./openai-shapes.ts";

const secret = "a-secret-of-some-length";
const log: [string, unknown][] = [];

let llama: Awaited<ReturnType<typeof openLlama>>;
let encoder: Encoder;
let head: Head;
let app: ReturnType<typeof createServer>;

beforeAll(async () => {
  llama = await openLlama({ gpu: "cpu", threads: 2 }, (event, fields) => log.push([event, fields]));
  encoder = await loadEncoder(llama, {
    modelPath: join(import.meta.dirname, "../../inference/models/all-minilm-l6-v2-q8_0.gguf"),
    contexts: 2,
    threads: 1,
    now: () => performance.now(),
  });
  head = await twoTypes();
  app = serve({ conductor: null, state: { status: "none" } });
});

afterAll(() => llama.dispose());

/** The service, with what its conductor knows of a planner and where the planner stands. */
const serve = (planner: { readonly conductor: Conductor["planner"]; readonly state: PlannerState }) =>
  createServer({
    secret,
    encoder: () => encoder,
    conductor: () => ({ encoder, head, planner: planner.conductor }),
    chat: () => ({ status: "failed", reason: "no package index in reach" }),
    planner: () => planner.state,
    metrics: createMetrics({
      encoderQueue: encoder.queued,
      chatBusy: () => 0,
      chatWaiting: () => 0,
      plannerBusy: () => 0,
      plannerWaiting: () => 0,
    }),
    log: (event, fields) => log.push([event, fields]),
    monotonic: () => performance.now(),
    now: () => 1_800_000_000_000,
    newId: () => "1",
    draining: () => false,
    stop: new AbortController().signal,
  });

const vectorOf = async (text: string) => {
  const signal = new AbortController().signal;
  const vector = await encoder.encode(encoder.tokenize(text), { deadlineMs: Number.POSITIVE_INFINITY, signal });
  if (!vector.ok) throw new Error(vector.error.kind);
  return vector.value;
};

const cosine = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

const profile = (name: string, strengths: number[]) => ({
  name,
  mean: 0.5,
  strengths,
  evidence: [100, 100],
  outputTokens: [100, 100],
  latencyMs: [1000, 1000],
});

/** Weights made by hand: prompts like the one are `code`, where `coder` is good, like the other `poetry`. */
const twoTypes = async (): Promise<Head> => {
  const centers = [await vectorOf("write a function in python"), await vectorOf("write a poem about the sea")];
  const json: HeadJson = {
    kind: "encoder",
    version: "by-hand",
    trained: { date: "2026-11-22", seed: 1, recordings: [], encoder: null, measured: [] },
    features: encoder.dimensions,
    types: ["code", "poetry"],
    typeWeights: packMatrix(
      centers.map((center) => center.map((value) => 10 * value)),
      encoder.dimensions,
    ),
    typeBias: [0, 0],
    profiles: [profile("coder", [0.9, 0.2]), profile("poet", [0.2, 0.9])],
    residual: null,
    support: { centers: packMatrix(centers, encoder.dimensions), far: 0, near: 0.5 },
    ballot: {},
  };
  const parsed = parseHead(json);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

const withSecret: Record<string, string> = { authorization: `Bearer ${secret}` };

const post = (path: string, body: unknown, headers = withSecret, to = app) =>
  to.request(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });

const embeddingOf = async (input: string, encoding_format: string) => {
  const response = await post("/v1/embeddings", { model: "all-minilm-l6-v2", input, encoding_format });
  return embeddingsSchema.parse(await response.json()).data[0]?.embedding;
};

const candidate = (worker: string) => ({
  worker,
  profile: worker,
  strengths: "measured",
  price: { input: 1, output: 2 },
  latencyMs: null,
  bias: 0,
});

const planRequest = (prompt: string, rest: object = {}) => ({
  view: { system: "", head: prompt, tail: "" },
  extractor: null,
  inputTokens: 20,
  tools: false,
  tier: "mini",
  lambda: 0,
  mu: 0,
  deadlineMs: 10_000,
  candidates: [candidate("coder"), candidate("poet")],
  ...rest,
});

const long = "Explain how a hash table grows when it is full, and what that costs. ".repeat(30).slice(0, 1000);

describe("encoder", () => {
  it("gives directions of length 1", async () => {
    const vector = await vectorOf("A man is eating food.");
    expect(vector).toHaveLength(384);
    expect(cosine(vector, vector)).toBeCloseTo(1, 5);
  });

  it("puts a paraphrase nearer than another subject", async () => {
    const [text, paraphrase, other] = await Promise.all(
      [
        "How do I sort a list in Python?",
        "What is the way to order a Python array?",
        "The cat sleeps on the sofa.",
      ].map(vectorOf),
    );
    if (!text || !paraphrase || !other) throw new Error("no vectors");
    expect(cosine(text, paraphrase)).toBeGreaterThan(0.5);
    expect(cosine(text, other)).toBeLessThan(0.3);
  });

  it("gives an empty text a direction too", async () => {
    expect(await vectorOf("")).toHaveLength(384);
  });

  it("keeps llama.cpp's warnings out of the log", () => {
    expect(log.filter(([event]) => event === "llama")).toEqual([]);
  });
});

describe("POST /v1/plan", () => {
  it.each([
    ["Implement binary search in python", "coder"],
    ["Compose a short poem on the ocean's waves", "poet"],
  ])("gives %j to the %s", async (prompt, worker) => {
    const response = await post("/v1/plan", planRequest(prompt));
    expect(response.status).toBe(200);
    const decision = decisionSchema.parse(await response.json());
    expect(decision.plan).toMatchObject({ kind: "workflow", steps: [{ worker, role: "answer" }] });
    expect(decision.weights).toBe("by-hand");
  });

  it("makes a workflow of drafts and a judge in ultra", async () => {
    const response = await post("/v1/plan", planRequest("Write a poem on trees", { tier: "ultra" }));
    const { plan } = decisionSchema.parse(await response.json());
    expect(plan).toMatchObject({ kind: "workflow" });
    expect(plan.kind === "workflow" && plan.steps.at(-1)?.role).toBe("judge");
  });

  it("reckons with what its own planner is likely to take, where that is to write", async () => {
    const slow = serve({ conductor: { expectedMs: () => 60_000 }, state: { status: "none" } });
    const rolesBy = async (to: typeof app, planner: object) => {
      const request = planRequest("Write a poem on trees", { tier: "ultra", mu: 0.005, planner });
      const { plan } = decisionSchema.parse(await (await post("/v1/plan", request, withSecret, to)).json());
      return plan.kind === "workflow" ? plan.steps.map(({ role }) => role) : [];
    };
    const team = ["answer", "answer", "judge"];
    expect(await rolesBy(slow, { by: "conductor", costDollars: 0, waitMs: 0 })).toEqual(["answer"]);
    expect(await rolesBy(slow, { by: "worker", costDollars: 0, waitMs: 100 })).toEqual(team);
    expect(await rolesBy(app, { by: "conductor", costDollars: 0, waitMs: 0 })).toEqual(team);
  });

  it("plans an empty prompt", async () => {
    const response = await post("/v1/plan", planRequest(""));
    expect(decisionSchema.parse(await response.json()).scores).toHaveLength(2);
  });

  it("takes a deadline of any length", async () => {
    expect((await post("/v1/plan", planRequest("x", { deadlineMs: 1e12 }))).status).toBe(200);
  });

  it("refuses a deadline that one encoding exceeds", async () => {
    const response = await post("/v1/plan", planRequest(long, { deadlineMs: 0.01 }));
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await response.json()).toMatchObject({ error: { code: "overloaded" } });
  });

  it("refuses at once what the queue makes late", async () => {
    const start = performance.now();
    await post("/v1/plan", planRequest(long));
    const deadlineMs = 4 * (performance.now() - start);
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => (await post("/v1/plan", planRequest(long, { deadlineMs }))).status),
    );
    expect(statuses[0]).toBe(200);
    expect(statuses.at(-1)).toBe(503);
    expect(encoder.queued()).toBe(0);
  });

  it.each([
    ["candidates[0].profile", planRequest("x", { candidates: [{ ...candidate("coder"), profile: 7 }] })],
    ["deadlineMs", planRequest("x", { deadlineMs: -1 })],
    ["view.tail", planRequest("x", { view: { system: "", head: "x" } })],
    ["temperature", planRequest("x", { temperature: 1 })],
  ])("names %s when it is wrong", async (param, body) => {
    const response = await post("/v1/plan", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", param } });
  });
});

describe("POST /v1/workflow without a planner", () => {
  const request = {
    task: { system: "", text: "Write a poem on hedgehogs", attachments: 0, earlier: [] },
    workers: [{ quality: 0.5, costDollars: null, latencyMs: null }],
    deadlineMs: 1000,
  };
  const states: readonly [PlannerState, code: string, why: string, retryAfter: string | null][] = [
    [{ status: "none" }, "model_unavailable", "there is no planner: SHOAL_PLANNER_MODEL is none", null],
    [{ status: "failed", reason: "not a file" }, "model_unavailable", "there is no planner: not a file", null],
    [{ status: "loading", progress: null }, "model_loading", "the planner is being fetched or loaded", "5"],
  ];
  it.each(states)("refuses, and says why: %j", async (state, code, message, retryAfter) => {
    const response = await post("/v1/workflow", request, withSecret, serve({ conductor: null, state }));
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe(retryAfter);
    expect(await response.json()).toMatchObject({ error: { code, message } });
  });
});

describe("POST /v1/embeddings", () => {
  it("answers floats for each text", async () => {
    const response = await post("/v1/embeddings", { model: "all-minilm-l6-v2", input: ["one", "two words"] });
    const body = embeddingsSchema.parse(await response.json());
    expect(body).toMatchObject({ object: "list", data: [{ index: 0 }, { index: 1 }], usage: { prompt_tokens: 3 } });
    expect(body.data[1]?.embedding).toHaveLength(384);
  });

  it("answers the same numbers as base64", async () => {
    const encoded = await embeddingOf("one", "base64");
    const bytes = Buffer.from(String(encoded), "base64");
    const decoded = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
    expect(decoded).toEqual(await embeddingOf("one", "float"));
  });

  it.each([
    ["input[1]", { input: ["short", "word ".repeat(600)] }],
    ["dimensions", { input: "x", dimensions: 100 }],
    ["model", { input: "x", model: "other" }],
    ["input", { input: [] }],
  ])("names %s when it is wrong", async (param, body) => {
    const response = await post("/v1/embeddings", { model: "all-minilm-l6-v2", ...body });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.json()).toMatchObject({ error: { param } });
  });
});

describe("every route", () => {
  it.each(["/v1/plan", "/v1/workflow", "/v1/embeddings", "/v1/chat/completions"])(
    "%s needs the secret",
    async (path) => {
      expect((await post(path, {}, {})).status).toBe(401);
      const wrong = await post(path, {}, { authorization: "Bearer a-secret-of-some-lengtX" });
      expect(wrong.status).toBe(401);
      expect(await wrong.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    },
  );

  it("hides models and metrics without the secret", async () => {
    expect((await app.request("/v1/models")).status).toBe(401);
    expect((await app.request("/metrics")).status).toBe(401);
  });

  it("tells its health without the secret", async () => {
    expect((await app.request("/healthz")).status).toBe(200);
    expect((await app.request("/readyz")).status).toBe(200);
  });

  it("carries a request id, the caller's where it has one", async () => {
    expect((await app.request("/healthz")).headers.get("x-request-id")).toBe("req_1");
    const named = await app.request("/healthz", { headers: { "x-request-id": "edge-7" } });
    expect(named.headers.get("x-request-id")).toBe("edge-7");
    expect((await app.request("/nowhere")).headers.get("x-request-id")).toBe("req_1");
  });

  it("refuses a body that is too large or no JSON", async () => {
    expect((await post("/v1/plan", "x".repeat(5 * 1024 * 1024))).status).toBe(413);
    const broken = await post("/v1/plan", '{"view":');
    expect(await broken.json()).toMatchObject({ error: { code: "invalid_json" } });
  });

  it("says why there is no chat model", async () => {
    const models = await app.request("/v1/models", { headers: { authorization: `Bearer ${secret}` } });
    expect(modelsSchema.parse(await models.json()).data).toMatchObject([
      { id: "all-minilm-l6-v2", status: "ready", dimensions: 384 },
      { id: "chat", status: "failed", reason: "no package index in reach" },
    ]);
    const chat = await post("/v1/chat/completions", { model: "chat", messages: [{ role: "user", content: "hi" }] });
    expect(chat.status).toBe(503);
    expect(await chat.json()).toMatchObject({ error: { code: "model_unavailable" } });
  });

  it("counts requests by route and status", async () => {
    const metrics = await app.request("/metrics", { headers: { authorization: `Bearer ${secret}` } });
    const text = await metrics.text();
    expect(text).toMatch(/shoal_request_seconds_count\{route="\/v1\/plan",status="200"\} \d+/);
    expect(text).toContain("shoal_encoder_queue 0");
  });

  it("logs no prompt", () => {
    expect(JSON.stringify(log)).not.toMatch(/hash table|hedgehogs/);
  });
});
