import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { decisionSchema, type PlanRequest } from "../../shared/decision.ts";
import { parsePlan } from "../../shared/plan.ts";
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
const task = { system: "", text, attachments: 0, earlier: [] };

const request = (planner: object): object => ({
  view: { system: "", head: text, tail: "" },
  extractor: null,
  inputTokens: 20,
  tools: false,
  tier: "ultra",
  lambda: 0,
  mu: 0,
  deadlineMs: 10_000,
  candidates: profiles.map((profile): PlanRequest["candidates"][number] => ({
    worker: `vendor/${profile.replaceAll("/", "-")}`,
    profile,
    strengths: "measured",
    price: { input: 1, output: 4 },
    latencyMs: null,
    bias: 0,
  })),
  ...planner,
});

const decide = async (planner: object) => {
  const response = await fetch(await service.url("/v1/plan"), {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(request(planner)),
  });
  return decisionSchema.parse(await response.json());
};

describe("POST /v1/plan with a planner", () => {
  it("gives the workflow that the model wrote, and what it took", async () => {
    const { plan, reason, writing, scores } = await decide({
      planner: { costDollars: 0, waitMs: 0, task, deadlineMs: 50_000 },
    });
    expect(writing).toMatchObject({ by: "conductor", outcome: "written", problems: [] });
    expect(writing?.outputTokens).toBeGreaterThan(10);
    expect(parsePlan(plan, new Set(scores.map(({ worker }) => worker))).ok).toBe(true);
    expect(reason).toMatch(/a team would add about .*; .*written by the planner$/);
  });

  it("gives the fixed shape in time when the model is too slow for the deadline", async () => {
    const start = performance.now();
    const { plan, reason, writing } = await decide({ planner: { costDollars: 0, waitMs: 0, task, deadlineMs: 400 } });
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(writing?.outcome).toBe("late");
    expect(plan.kind === "workflow" ? plan.steps.at(-1)?.id : null).toBe("judge");
    expect(reason).toContain("the planner is not done in time");
  });

  it("writes nothing where nobody asked, or where a team is not worth it", async () => {
    expect((await decide({})).writing).toBeUndefined();
    const direct = await decide({ lambda: 10_000, planner: { costDollars: 0, waitMs: 0, task } });
    expect(direct.writing).toBeUndefined();
    expect(direct.reason).toContain("one call: a team would add");
  });

  it("shows its planner among the models, in readiness and in metrics", async () => {
    expect(await (await service.get("/readyz")).json()).toEqual({ status: "ready", planner: "ready" });
    const models = modelsSchema.parse(await (await service.get("/v1/models")).json());
    expect(models.data.map(({ id }) => id)).toContain("planner");
    const metrics = await (await service.get("/metrics")).text();
    expect(metrics).toMatch(/shoal_planner_seconds_count\{outcome="written"\} 1/);
    expect(metrics).toMatch(/shoal_planner_tokens_total\{direction="output"\} [1-9]/);
  });
});
