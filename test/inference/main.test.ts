import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { decisionSchema } from "../../shared/decision.ts";
import { readSse } from "../../shared/sse.ts";
import { modelsSchema } from "./openai-shapes.ts";
import { secret, startProcess, stopProcess, type ServiceProcess } from "./process.ts";

let service: ServiceProcess;

afterEach(() => stopProcess(service));

describe("main", () => {
  it("finishes running answers on SIGTERM, takes no more, and exits 0", async () => {
    service = startProcess({ SHOAL_CHAT_CONTEXT: "512" });
    await service.event("chat-model-ready");
    const writing = await service.chat({
      messages: [{ role: "user", content: "Tell a story." }],
      max_tokens: 60,
      stream: true,
    });
    service.child.kill("SIGTERM");
    await service.event("draining");
    await expect(service.get("/v1/models").then((response) => response.status)).rejects.toThrow("fetch failed");
    const events = readSse(await writing.text());
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(await service.exited).toBe(0);
  });

  it("exits 0 on SIGTERM while it starts", async () => {
    service = startProcess({ SHOAL_CHAT_MODEL: "none" });
    await service.event("listening");
    service.child.kill("SIGTERM");
    expect(await service.exited).toBe(0);
  });

  it("exits 1 and says so when the port is taken", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const address = holder.address();
    const port = typeof address === "object" && address ? String(address.port) : "";
    service = startProcess({ SHOAL_INFERENCE_PORT: port });
    expect(await service.exited).toBe(1);
    expect(service.lines.at(-1)).toMatchObject({
      event: "listen-failed",
      reason: expect.stringContaining(`${port} is taken`),
    });
    holder.close();
  });

  it("exits 1 naming each bad setting", async () => {
    service = startProcess({ INFERENCE_SECRET: "", SHOAL_GPU: "fast" });
    expect(await service.exited).toBe(1);
    expect(service.lines.at(-1)).toMatchObject({
      event: "config-invalid",
      reason: expect.stringMatching(/SHOAL_GPU.*|INFERENCE_SECRET/),
    });
  });

  it("plans with the shipped weights", async () => {
    service = startProcess({ SHOAL_CHAT_MODEL: "none" });
    const { weights } = await service.event("ready");
    const candidate = { profile: null, strengths: "none", price: null, latencyMs: null, bias: 0 };
    const response = await fetch(await service.url("/v1/plan"), {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({
        view: { system: "", head: "Prove that the square root of 2 is irrational.", tail: "" },
        extractor: null,
        inputTokens: 12,
        tools: false,
        tier: "mini",
        lambda: 10,
        mu: 0.01,
        deadlineMs: 30_000,
        candidates: ["one", "two"].map((worker) => ({ ...candidate, worker })),
      }),
    });
    const decision = decisionSchema.parse(await response.json());
    expect(decision.weights).toBe(weights);
    expect(decision.taskType === null || decision.taskType.probability > 0).toBe(true);
    expect((await service.get("/v1/models")).status).toBe(200);
  });

  it("serves embeddings without a chat model, and says why there is none", async () => {
    service = startProcess({ SHOAL_CHAT_MODEL: "nowhere/model.gguf" });
    await service.event("chat-model-failed");
    const models = modelsSchema.parse(await (await service.get("/v1/models")).json());
    expect(models.data[1]).toMatchObject({
      id: "chat",
      status: "failed",
      reason: expect.stringContaining("nowhere/model.gguf"),
    });
    const response = await fetch(await service.url("/v1/embeddings"), {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model: "all-minilm-l6-v2", input: "still here" }),
    });
    expect(response.status).toBe(200);
  });
});
