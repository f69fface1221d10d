import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { awaitPlanner } from "../../inference/live/await-planner.ts";
import { systemUnderTest } from "../support/system-under-test.ts";

const { vendors, system, request, readTrace } = systemUnderTest({
  SHOAL_PLANNER_MODEL: "default",
  SHOAL_PLANNER_TOKENS: "512",
  SHOAL_PLANNER_SEQUENCES: "1",
  SHOAL_PLANNER_MS: "120000",
});
beforeAll(async () => {
  const ready = await awaitPlanner(system.inferenceUrl, {
    fetch,
    delay: (ms, signal) => delay(ms, undefined, { signal }),
    signal: new AbortController().signal,
    onWait: () => undefined,
  });
  if (!ready.ok || ready.value !== "ready") throw new Error("there is no planner");
});

const post = (path: string, body: object) =>
  request(path, {
    body: {
      model: "shoal-ultra",
      messages: [{ role: "user", content: "Write a short speech for the opening of a footbridge." }],
      ...body,
    },
  });

const stepSchema = z.looseObject({ step: z.string(), worker: z.string(), outcome: z.string().nullable() });
const traceSchema = z.looseObject({
  status: z.string(),
  cost_usd: z.number(),
  plan: z.looseObject({
    workers: z.array(z.string()),
    fallback: z.string().nullable(),
    planner: z.looseObject({ by: z.string(), outcome: z.string(), problems: z.array(z.string()) }),
  }),
  steps: z.array(stepSchema),
});

describe("a small model of the inference service as the planner", () => {
  it("writes a workflow while the stream is heard from, and workers run it", async () => {
    const response = await post("/v1/chat/completions", { stream: true });
    // What it wrote within a second the header says already.
    expect(response.headers.get("x-shoal-plan")).toMatch(/^(planning|(workflow|direct) \S+); source=conductor$/);
    const body = await response.text();
    expect(body.trimEnd().endsWith("data: [DONE]")).toBe(true);

    const { status, plan, steps } = traceSchema.parse(await readTrace(response));
    expect(status).toBe("complete");
    expect(plan).toMatchObject({ fallback: null, planner: { by: "conductor", outcome: "written", problems: [] } });
    expect(steps).toHaveLength(plan.workers.length);
    expect(vendors.calls().length).toBeGreaterThan(0);
    expect(vendors.violations).toEqual([]);
  });

  it("shows its workflow in a dry run, step by step, without a call to a worker", async () => {
    const seen: unknown = await (await post("/v1/plan", {})).json();
    const plan = z.looseObject({ kind: z.literal("workflow"), steps: z.array(z.looseObject({ id: z.string() })) });
    const shown = z
      .looseObject({ plan, steps: z.array(z.looseObject({ id: z.string() })), rounds: z.literal(1) })
      .parse(seen);
    expect(shown).toMatchObject({ fallback: null, reason: expect.stringMatching(/written by the planner/) });
    expect(shown.steps.map(({ id }) => id)).toEqual(shown.plan.steps.map(({ id }) => id));
    expect(vendors.calls()).toEqual([]);
  });
});
