import { describe, expect, it } from "vitest";
import { createAskConductor } from "../../../edge/plan/ask-conductor.ts";
import { plan } from "../../../edge/plan/plan.ts";
import { withWritten, type PlanInput, type Planned } from "../../../edge/plan/planned.ts";
import { writeRevision, writeWorkflow, type Asked, type Planner } from "../../../edge/plan/write-workflow.ts";
import { createHealth } from "../../../edge/pool/health.ts";
import { planRequestSchema, type Decision } from "../../../shared/decision.ts";
import type { AnswerEvent, Told } from "../../../shared/events.ts";
import { answerStep, directPlan, type Plan } from "../../../shared/plan.ts";
import { plannerTask } from "../../../shared/planner/task.ts";
import { preferenceTable } from "../../../shared/preference.ts";
import { countInput } from "../../../shared/tokens.ts";
import { writeRequestSchema, type PlannerJob } from "../../../shared/planner/job.ts";
import { cardOf, keyOf, memberOf, settingsOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const chat = chatOf("Tell me something about fish.");
const drafts: Plan = {
  kind: "workflow",
  steps: [
    { ...answerStep("north/a"), id: "draft_1" },
    { ...answerStep("north/b"), id: "judge", role: "judge", subtask: "Choose.", access: "all" },
  ],
};
const decision: Decision = {
  plan: drafts,
  scores: ["north/a", "north/b"].map((worker) => ({
    worker,
    quality: 0.6,
    costDollars: 0.001,
    latencyMs: 900,
    utility: 0.5,
  })),
  reason: "a team would add much",
  taskType: null,
  support: 0.7,
  weights: "v1",
};
const planned: Planned = { decision, source: "conductor", fallback: null, unwritten: { worker: "south/p", ms: 1000 } };
const written = { steps: [{ role: "answer", worker: 0, access: [], subtask: null }] };

type Answer = (job: PlannerJob, signal: AbortSignal) => Promise<Asked> | Asked;

/** A planner that answers like this, for a tenant with these dollars. */
const plannerOf = (answer: Answer, rest: Partial<Planner> = {}) => {
  const clock = createHandClock();
  const planner: Planner = {
    by: "south/p",
    waitMs: 1000,
    task: plannerTask(chat),
    workers: decision.scores.toReversed(),
    // oxlint-disable-next-line require-yield
    async *ask(job, signal) {
      return answer(job, signal);
    },
    cover: async () => true,
    clock,
    signal: new AbortController().signal,
    ...rest,
  };
  return { planner, clock };
};

/** Runs it until its time is over; what it said on the way, and gave. */
const run = async <T>(writing: Told<T>, clock: ReturnType<typeof createHandClock>) => {
  const events: AnswerEvent[] = [];
  const over = (async () => {
    for (;;) {
      const next = await writing.next();
      if (next.done) return next.value;
      events.push(...next.value);
    }
  })();
  await clock.advance(1000);
  const made = await over;
  const event = events.findLast(({ type }) => type === "written");
  if (event?.type !== "written") throw new Error("nothing was written");
  return { made, event, told: withWritten(planned, event) };
};

const write = (answer: Answer, rest?: Partial<Planner>) => {
  const { planner, clock } = plannerOf(answer, rest);
  return run(writeWorkflow(drafts, planner), clock);
};

const says = (text: string): Asked => ({ text, inputTokens: 900, outputTokens: 40 });
const refuses = (refusal: Extract<Asked, { refusal: unknown }>["refusal"]): Asked => ({
  refusal,
  inputTokens: 0,
  outputTokens: 0,
});
const whenLate: Answer = (_, signal) =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(refuses("failed")));
  });

describe("writeWorkflow", () => {
  it("puts the planner's workflow in the place of the fixed shape, ordinals mapped back", async () => {
    const { made, told } = await write(() => says(JSON.stringify(written)));
    expect(made).toEqual({ plan: directPlan("north/b"), text: JSON.stringify(written) });
    expect(told).toEqual({
      source: "conductor",
      fallback: null,
      decision: {
        ...decision,
        plan: directPlan("north/b"),
        reason: "a team would add much; one call, written by the planner",
      },
      writing: {
        by: "south/p",
        outcome: "written",
        problems: [],
        unused: 0,
        inputTokens: 900,
        outputTokens: 40,
        ms: expect.any(Number),
      },
    });
  });

  it.each<[string, Answer, string]>([
    ["cannot be called", () => refuses("not_available"), "not_available"],
    ["cannot be paid", () => refuses("unaffordable"), "unaffordable"],
    ["fails", () => refuses("failed"), "failed"],
    ["is idle talk", () => says("Of course!"), "invalid"],
    ["is late", whenLate, "late"],
  ])("leaves the fixed shape where the planner %s, and says so", async (_, answer, outcome) => {
    const { made, told } = await write(answer);
    expect(made).toEqual({ plan: drafts, text: null });
    expect(told).toMatchObject({
      fallback: `planner_${outcome}`,
      decision: { plan: drafts },
      writing: { by: "south/p", outcome },
    });
    expect(told.decision.reason).toMatch(/^a team would add much; .*planner.*: 1 drafts, then a judge/);
    expect(told.unwritten).toBeUndefined();
  });

  it("leaves the fixed shape, which is paid for, where the workflow cannot be", async () => {
    const asked: unknown[] = [];
    const cover: Planner["cover"] = async (other, others) => {
      asked.push(other, others);
      return false;
    };
    const { made, told } = await write(() => says(JSON.stringify(written)), { cover });
    expect(made).toEqual({ plan: drafts, text: null });
    expect(told).toMatchObject({ fallback: "planner_unaffordable", writing: { outputTokens: 40 } });
    expect(asked).toEqual([directPlan("north/b"), []]);
  });

  it("sets nothing aside for a client that has left, and blames nobody", async () => {
    const left = new AbortController();
    left.abort();
    const covered: unknown[] = [];
    const cover: Planner["cover"] = async (covering) => covered.push(covering) > 0;
    const { told } = await write(() => says(JSON.stringify(written)), { cover, signal: left.signal });
    expect(told).toMatchObject({ fallback: null, writing: { outcome: "canceled" } });
    expect(covered).toEqual([]);
  });
});

describe("writeRevision", () => {
  const step = { ...answerStep("north/a"), id: "step_3" };
  const answered = { plan: JSON.stringify(written), step, answer: "Fish swim." };
  const better = { steps: [{ role: "answer", worker: 1, access: [0], subtask: "Say more." }] };

  const revise = (answer: Answer, rest?: Partial<Planner>, what = answered) => {
    const { planner, clock } = plannerOf(answer, rest);
    return run(writeRevision(what, planner), clock);
  };

  it("shows the planner its plan and the answer, and gives a workflow that sees the answer", async () => {
    const jobs: PlannerJob[] = [];
    const { made, told } = await revise((job) => {
      jobs.push(job);
      return says(JSON.stringify(better));
    });
    expect(jobs).toMatchObject([{ first: { plan: answered.plan, answer: "Fish swim." } }]);
    expect(made).toEqual({
      kind: "workflow",
      steps: [{ id: "revision_1", worker: "north/a", role: "answer", subtask: "Say more.", access: ["step_3"] }],
    });
    expect(told).toMatchObject({
      fallback: null,
      decision: { plan: drafts },
      revision: { writing: { outcome: "written" } },
    });
    expect(told.decision.reason).toBe("a team would add much; one more round: one call, written by the planner");
  });

  it.each<[string, Answer, string]>([
    ["finds it right", () => says('{"steps":[]}'), "kept"],
    ["fails", () => refuses("failed"), "failed"],
    ["is late", whenLate, "late"],
    ["is idle talk", () => says("Fine!"), "invalid"],
  ])("leaves the answer where the planner %s", async (_, answer, outcome) => {
    const { made, told } = await revise(answer);
    expect(made).toBeNull();
    expect(told).toMatchObject({ fallback: null, revision: { plan: null, writing: { outcome } } });
  });

  it("leaves the answer where no more can be paid", async () => {
    const { made, told } = await revise(() => says(JSON.stringify(better)), { cover: async () => false });
    expect(made).toBeNull();
    expect(told.revision?.writing.outcome).toBe("unaffordable");
    expect(told.decision.reason).toMatch(/no second round: .* would pass a limit or the budget$/);
  });
});

const error = (status: number, code: string) => () => Response.json({ error: { code } }, { status });

describe("the inference service as the planner", () => {
  const inference = { INFERENCE_URL: "http://conductor.example.com", INFERENCE_SECRET: "conductor-secret" };
  const job: PlannerJob = { task: plannerTask(chat), workers: [{ quality: 0.6, costDollars: null, latencyMs: null }] };

  const ask = async (response: () => Response, signal = new AbortController().signal) => {
    const asked: { readonly url: string; readonly body: unknown }[] = [];
    const askConductor = createAskConductor(9000, {
      settings: settingsOf(inference),
      clock: createHandClock(),
      signal,
      fetch: async (url, init) => {
        const request = new Request(url, init);
        asked.push({ url: request.url, body: await request.json() });
        return response();
      },
    });
    const { value } = await askConductor(job, new AbortController().signal).next();
    return { value, asked };
  };

  it("gets the request's words, and of the workers figures alone", async () => {
    const { value, asked } = await ask(() => Response.json({ text: "{}", inputTokens: 5, outputTokens: 2 }));
    expect(value).toEqual({ text: "{}", inputTokens: 5, outputTokens: 2 });
    expect(asked).toEqual([{ url: "http://conductor.example.com/v1/workflow", body: { ...job, deadlineMs: 9000 } }]);
    expect(writeRequestSchema.safeParse(asked[0]?.body).success).toBe(true);
  });

  it.each<[string, () => Response, string]>([
    ["could not be done in time", error(503, "overloaded"), "late"],
    ["has no such model", error(503, "model_unavailable"), "not_available"],
    ["is loading it", error(503, "model_loading"), "not_available"],
    ["fails", error(500, "internal_error"), "failed"],
    ["says something else", () => Response.json({ text: 7 }), "invalid"],
    ["says nothing that is JSON", () => new Response("<html>"), "failed"],
  ])("is told apart where it %s", async (_, response, refusal) => {
    expect((await ask(response)).value).toMatchObject({ refusal });
  });
});

describe("plan", () => {
  const pool = ["north/a", "north/b"].map((id) => memberOf(cardOf(id)));
  const input: PlanInput = {
    chat,
    choice: { kind: "tier", tier: "ultra" },
    pool,
    input: countInput(chat),
    preference: { ...preferenceTable.quality, lambda: 0, mu: 0 },
    rounds: 1,
    plannerCard: (id) => (id === "south/p" ? cardOf(id, { price: { input: 1, output: 2 } }) : null),
    affinityWorker: null,
    grant: { record: keyOf() },
  };
  const inference = { INFERENCE_URL: "http://conductor.example.com", INFERENCE_SECRET: "conductor-secret" };

  const decide = async (env: Record<string, string>, rest: Partial<PlanInput> = {}, answer: unknown = decision) => {
    const asked: string[] = [];
    const made = await plan(
      { ...input, ...rest },
      {
        settings: settingsOf({ ...inference, ...env }),
        health: createHealth(),
        clock: createHandClock(),
        random: () => 0.5,
        fetch: async (url, init) => {
          asked.push(await new Request(url, init).text());
          return answer === null ? new Response("", { status: 500 }) : Response.json(answer);
        },
      },
    );
    return { made, request: planRequestSchema.parse(JSON.parse(asked[0] ?? "")) };
  };

  it("says what a planner costs, and leaves to the inference service how long its own takes", async () => {
    const own = await decide({ SHOAL_PLANNER: "conductor" });
    expect(own.request.planner).toEqual({ by: "conductor", costDollars: 0, waitMs: 0 });
    const hosted = await decide({ SHOAL_PLANNER: "south/p" });
    expect(hosted.request.planner).toEqual({ by: "worker", costDollars: 0.0025, waitMs: 5000 });
    const twice = await decide({ SHOAL_PLANNER: "south/p" }, { rounds: 2 });
    expect(twice.request.planner).toEqual({ by: "worker", costDollars: 0.005, waitMs: 10_000 });
    expect((await decide({})).request.planner).toBeUndefined();
  });

  it("knows of no planner that the request may not be shown to", async () => {
    const { request, made } = await decide({ SHOAL_PLANNER: "south/secret" });
    expect(request.planner).toBeUndefined();
    expect(made.unwritten).toBeUndefined();
  });

  it.each<[string, Partial<PlanInput>]>([
    ["mini", { choice: { kind: "tier", tier: "mini" } }],
    ["turns with tools", { chat: chatOf("hi", { tools: [{ name: "f" }] }) }],
    ["answers that can be compared", { chat: chatOf("Is 7 prime?\nA) yes\nB) no\nAnswer with the letter only.") }],
  ])("asks no planner for %s", async (_, rest) => {
    const { request } = await decide({ SHOAL_PLANNER: "conductor" }, rest, null);
    expect(request.planner).toBeUndefined();
  });

  it("has a planner write where a team is worth it", async () => {
    for (const planner of ["south/p", "conductor"]) {
      const { made } = await decide({ SHOAL_PLANNER: planner });
      const worker = planner === "conductor" ? null : planner;
      expect(made).toMatchObject({ source: "conductor", fallback: null, unwritten: { worker, ms: 20_000 } });
    }
  });

  it("asks no inference service to write that is lost, and a hosted planner all the same", async () => {
    const hosted = await decide({ SHOAL_PLANNER: "south/p" }, {}, null);
    expect(hosted.made).toMatchObject({ source: "edge_head", fallback: "failed", unwritten: { worker: "south/p" } });
    const own = await decide({ SHOAL_PLANNER: "conductor" }, {}, null);
    expect(own.made).toMatchObject({ source: "edge_head", fallback: "failed" });
    expect(own.made.unwritten).toBeUndefined();
  });
});
