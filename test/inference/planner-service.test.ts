import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { decisionSchema, type PlanRequest } from "../../shared/decision.ts";
import { isDirect } from "../../shared/plan.ts";
import { wantsWriting } from "../../shared/planner/settle.ts";
import { readWrittenPlan } from "../../shared/planner/read.ts";
import { writtenTextSchema } from "../../shared/planner/job.ts";
import { modelsSchema } from "./openai-shapes.ts";
import { secret, startProcess, stopProcess, type ServiceProcess } from "./process.ts";

let service: ServiceProcess;
let profiles: readonly string[];

beforeAll(async () => {
  const head = await readFile(join(import.meta.dirname, "../../inference/models/head.json"), "utf8");
  const known = z.looseObject({ profiles: z.array(z.looseObject({ name: z.string() })) }).parse(JSON.parse(head));
  profiles = known.profiles.slice(0, 3).map(({ name }) => name);
  service = startProcess({
    SHOAL_CHAT_MODEL: "none",
    SHOAL_PLANNER_MODEL: "default",
    SHOAL_PLANNER_SEQUENCES: "1",
    SHOAL_PLANNER_TOKENS: "512",
    SHOAL_PLANNER_CONTEXT: "2048",
    SHOAL_THREADS_EACH: "1",
  });
  await service.event("planner-model-ready");
});
afterAll(() => stopProcess(service));

const text = "Write a speech for the opening of a footbridge.";

const post = async (path: string, body: object, signal?: AbortSignal) =>
  fetch(await service.url(path), {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });

const names = ["vendor/alpha", "vendor/beta"];

const write = (rest: object = {}, signal?: AbortSignal) =>
  post(
    "/v1/workflow",
    {
      task: { system: "", text, attachments: 0, earlier: [] },
      workers: names.map((_, at) => ({ quality: 0.7 - at / 10, costDollars: 0.01, latencyMs: 5000 })),
      deadlineMs: 50_000,
      ...rest,
    },
    signal,
  );

const metrics = async () => (await service.get("/metrics")).text();
const metric = async (name: string) => {
  const line = (await metrics()).split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
};
const count = (outcome: string) => metric(`shoal_planner_seconds_count{outcome="${outcome}"}`);
const busy = () => metric("shoal_planner_busy");

describe("POST /v1/workflow", () => {
  it("gives the text that the model wrote, and what it took", async () => {
    const response = await write();
    expect(response.status).toBe(200);
    const written = writtenTextSchema.parse(await response.json());
    expect(readWrittenPlan(written.text, names)).toMatchObject({ ok: true, value: { repairs: [] } });
    expect(await count("written")).toBe(1);
    expect(await metric('shoal_planner_tokens_total{direction="input"}')).toBe(written.inputTokens);
    expect(await metric('shoal_planner_tokens_total{direction="output"}')).toBe(written.outputTokens);
  });

  it("refuses in time when the model is too slow for the deadline", async () => {
    const start = performance.now();
    const response = await write({ deadlineMs: 400 });
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await response.json()).toMatchObject({
      error: { code: "overloaded", message: "no workflow within 400 ms" },
    });
    expect(await count("late")).toBe(1);
    await expect.poll(busy, { timeout: 20_000 }).toBe(0);
  });

  it("refuses what leaves no room for a workflow, and says so", async () => {
    const first = { plan: "x ".repeat(8_000), answer: "Dear neighbors." };
    const response = await write({ first });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { message: "the request leaves no room for a workflow in the planner's 2048 tokens" },
    });
    expect(await count("too_long")).toBe(1);
  });

  it("names a field that is wrong", async () => {
    const response = await write({ workers: [{ worker: "vendor/alpha", quality: 1, costDollars: 0, latencyMs: 0 }] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: "workers[0].worker" } });
  });

  it("stops writing when the client has gone", async () => {
    const leave = new AbortController();
    const [written, late] = [await count("written"), await count("late")];
    const asked = write({}, leave.signal).catch((error: unknown) => error);
    await expect.poll(busy, { timeout: 10_000 }).toBe(1);
    leave.abort();
    expect(await asked).toMatchObject({ name: "AbortError" });
    await expect.poll(busy, { timeout: 20_000 }).toBe(0);
    expect([await count("written"), await count("late")]).toEqual([written, late + 1]);
  });

  it("logs nothing of the request", () => {
    expect(JSON.stringify(service.lines)).not.toContain("footbridge");
  });
});

const decide = async (rest: object) => {
  const response = await post("/v1/plan", {
    view: { system: "", head: text, tail: "" },
    extractor: null,
    inputTokens: 20,
    tools: false,
    tier: "ultra",
    lambda: 0,
    mu: 0,
    deadlineMs: 10_000,
    planner: { by: "conductor", costDollars: 0, waitMs: 0 },
    candidates: profiles.map((profile): PlanRequest["candidates"][number] => ({
      worker: `vendor/${profile.replaceAll("/", "-")}`,
      profile,
      strengths: "measured",
      price: { input: 1, output: 4 },
      latencyMs: null,
      bias: 0,
    })),
    ...rest,
  });
  return decisionSchema.parse(await response.json());
};

describe("POST /v1/plan with a planner", () => {
  it("decides that a workflow is worth it, and writes none", async () => {
    const written = await count("written");
    const decision = await decide({});
    expect(wantsWriting(decision, { planner: { by: "conductor", costDollars: 0, waitMs: 0 } })).toBe(true);
    expect(decision.reason).toMatch(/; a team would add about 0\.\d+ to the quality, for calls and wait worth 0\.000$/);
    expect([await busy(), await count("written")]).toEqual([0, written]);
  });

  it("calls one worker where a team is not worth it", async () => {
    const direct = await decide({ lambda: 10_000 });
    expect(direct.reason).toContain("one call: a team would add");
    expect(isDirect(direct.plan)).toBe(true);
  });
});

describe("the service with a planner", () => {
  it("shows it among the models and in readiness", async () => {
    expect(await (await service.get("/readyz")).json()).toEqual({ status: "ready", planner: "ready" });
    const models = modelsSchema.parse(await (await service.get("/v1/models")).json());
    expect(models.data.map(({ id }) => id)).toContain("planner");
  });
});
