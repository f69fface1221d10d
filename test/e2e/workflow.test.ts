import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { adviceTokens, needsOf, type Step } from "../../shared/plan.ts";
import { toDollars } from "../../shared/pricing.ts";
import {
  askFiveSteps,
  body,
  fiveSteps,
  foreseenCosts,
  startFiveSteps,
  type FiveSteps,
  type Run,
} from "../support/five-steps.ts";

let system: FiveSteps;

beforeAll(async () => {
  system = await startFiveSteps();
});
afterAll(() => system?.[Symbol.asyncDispose]());
/** Where it does not matter how long a step takes. */
const quick = 5;
beforeEach(() => system.script({}, quick));

const headers = () => ({ authorization: `Bearer ${system.key}`, "content-type": "application/json" });

/** The stream as it goes over the wire. */
const askRaw = async (more: Readonly<Record<string, string>> = {}): Promise<string> => {
  const response = await fetch(`${system.edge.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...headers(), ...more },
    body: JSON.stringify({ ...body, stream: true }),
  });
  return response.text();
};

const traceSchema = z.looseObject({
  status: z.string(),
  worker: z.string(),
  cost_usd: z.number(),
  plan: z.looseObject({ source: z.string() }),
  steps: z.array(z.looseObject({ step: z.string(), outcome: z.string(), skipped: z.string().optional() })),
});
const readTrace = async ({ requestId }: Pick<Run, "requestId">) => {
  const response = await fetch(`${system.edge.url}/v1/traces/${requestId}`, { headers: headers() });
  return traceSchema.parse(await response.json());
};
const outcomesOf = async (run: Run) =>
  (await readTrace(run)).steps.map(({ step, outcome, skipped }) =>
    [step, outcome, ...(skipped ? [skipped] : [])].join(" "),
  );

const ledgerSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      request_id: z.string(),
      cost_usd: z.number(),
      calls: z.array(z.looseObject({ step: z.string(), cost_usd: z.number() })),
    }),
  ),
});
const readRow = async ({ requestId }: Pick<Run, "requestId">) =>
  ledgerSchema.parse(await system.readLedger()).data.find((row) => row.request_id === requestId);

const costs = foreseenCosts();
const costOfSteps = (...ids: readonly string[]) => toDollars(ids.reduce((sum, id) => sum + (costs[id] ?? 0), 0));

describe("a workflow of five steps", () => {
  it("runs each step after those that it sees and beside the others, streams the last, and costs what the ledger has", async () => {
    system.script();
    const run = await askFiveSteps(system);
    const span = (step: string) => run.spans.find((each) => each.step === step) ?? { from: NaN, to: NaN };
    for (const step of fiveSteps.steps) {
      for (const need of needsOf(step, fiveSteps.steps)) expect(span(step.id).from).toBeGreaterThan(span(need).to);
    }
    expect(span("draft").from).toBeLessThan(span("outline").to);
    expect(span("detail").from).toBeLessThan(span("draft").to);

    expect(run.text).toMatch(/^word 0 word 1 .* word 23 $/);
    expect(run.firstWordMs).toBeGreaterThan(span("final").from);
    expect(run.firstWordMs).toBeLessThan(span("final").to);

    const trace = await readTrace(run);
    expect(trace).toMatchObject({ status: "complete", worker: "openai/gpt-6.2-sol", plan: { source: "conductor" } });
    expect(trace.steps.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 5 }, () => "done"));
    const row = await readRow(run);
    expect(Object.fromEntries((row?.calls ?? []).map(({ step, cost_usd }) => [step, cost_usd]))).toEqual(
      Object.fromEntries(Object.entries(costs).map(([id, cost]) => [id, toDollars(cost)])),
    );
    expect(row?.cost_usd).toBe(costOfSteps(...Object.keys(costs)));
    expect(trace.cost_usd).toBe(row?.cost_usd);
    expect(system.vendors.violations).toEqual([]);
  });

  it("ends when the verifier accepts the draft: what runs is canceled, the last step is never asked nor paid for", async () => {
    // The other branch is at work until it is canceled.
    system.script({ check: { text: ["ACCEPT"] }, detail: { headersAfterMs: 60_000 } }, quick);
    const run = await askFiveSteps(system);
    expect(run.text).toBe("A draft.");
    expect(run.spans.map(({ step }) => step).toSorted()).toEqual(["check", "detail", "draft", "outline"]);
    expect(await outcomesOf(run)).toEqual([
      "outline done",
      "draft done",
      "detail canceled",
      "check done",
      "final skipped accepted",
    ]);
    const row = await readRow(run);
    expect(row?.calls.map(({ step }) => step)).not.toContain("final");
    const done = row?.calls.filter(({ step }) => step !== "detail").map(({ cost_usd }) => cost_usd) ?? [];
    expect(done.reduce((sum, cost) => sum + cost, 0)).toBeCloseTo(costOfSteps("outline", "draft", "check"), 9);
  });

  it("answers from what there is when a step fails, skips those that see nothing else, and says so", async () => {
    system.script({ outline: { status: 500 } }, quick);
    const run = await askFiveSteps(system);
    expect(run.text).toMatch(/^word 0 /);
    expect(await outcomesOf(run)).toEqual([
      "outline failed",
      "draft done",
      "detail skipped nothing_to_see",
      "check done",
      "final done",
    ]);
    expect(JSON.stringify(system.vendors.openai.calls.at(-1)?.body)).not.toContain('number=\\"3\\"');
  });

  it("sends the draft when the judge fails", async () => {
    system.script({ final: { status: 400 } }, quick);
    const run = await askFiveSteps(system);
    expect(run.text).toBe("A draft.");
    expect(await readTrace(run)).toMatchObject({ status: "complete", worker: "anthropic/claude-sonnet-5-5" });
  });

  it("breaks the silence before the first word", async () => {
    system.script();
    const [before = ""] = (await askRaw()).split("word 0 ");
    expect(before).toContain(": ping\n");
    expect(before).not.toContain(" is ");
  });

  it("tells clients that ask who is at work, until the first word", async () => {
    const [before = "", after = ""] = (await askRaw({ "x-shoal-progress": "true" })).split("word 0 ");
    const told = [...before.matchAll(/\S+ (?:is|was) [a-z ]+\.(?=\\n)/g)].map(([line]) => line.replace(/^.*"/, ""));
    expect(told.slice(0, 2).toSorted()).toEqual([
      "anthropic/claude-sonnet-5-5 is answering.",
      "openai/gpt-6-luna is thinking.",
    ]);
    expect(told.at(-1)).toBe("openai/gpt-6.2-sol is judging.");
    expect(after).not.toContain(" is ");
  });

  it("remembers of earlier workflows of a conversation what stands in it, and nothing else", async () => {
    const run = await askFiveSteps(system);
    const before = system.vendors.calls().length;
    system.script({ outline: { text: ["A new outline."] }, draft: { text: ["A new draft."] } }, quick);
    await fetch(`${system.edge.url}/v1/chat/completions`, {
      method: "POST",
      headers: headers(),
      body: JSON.stringify({
        ...body,
        messages: [
          ...body.messages,
          { role: "assistant", content: run.text },
          { role: "user", content: "And how do fish see there?" },
        ],
      }),
    });
    const read = system.vendors
      .calls()
      .slice(before)
      .map((call) => JSON.stringify(call.body));
    expect(read).toHaveLength(5);
    for (const text of read) {
      expect(text).toContain("word 0 word 1");
      expect(text).not.toMatch(/A draft\.|Depth, then light\./);
    }
  });

  it("holds nothing of its reservation once it has ended, however it ended", async () => {
    await readRow(await askFiveSteps(system));
    const { data } = ledgerSchema.parse(await system.readLedger());
    const spent = data.reduce((sum, row) => sum + row.cost_usd, 0);
    const tenant = z
      .looseObject({ spend: z.looseObject({ reserved_usd: z.number(), month_usd: z.number() }) })
      .parse(await system.readTenant());
    expect(tenant.spend.reserved_usd).toBe(0);
    expect(tenant.spend.month_usd).toBeCloseTo(spent, 9);
  });
});

const previewSchema = z.looseObject({
  plan: z.unknown(),
  steps: z.array(z.looseObject({ id: z.string(), begins_ms: z.number(), ends_ms: z.number() })),
  min_cost_usd: z.number(),
  expected_cost_usd: z.number(),
  max_cost_usd: z.number(),
  expected_ms: z.object({ least: z.number(), most: z.number() }),
});
const isAdvice = ({ role }: Step): boolean => role === "think" || role === "verify";

describe("a dry run", () => {
  it("shows the steps, what they cost least and most, and the time of the critical path; nobody is asked", async () => {
    const before = system.vendors.calls().length;
    const response = await fetch(`${system.edge.url}/v1/plan`, {
      method: "POST",
      headers: headers(),
      body: JSON.stringify(body),
    });
    const shown = previewSchema.parse(await response.json());
    expect(shown.plan).toEqual({
      ...fiveSteps,
      steps: fiveSteps.steps.map((step) => (isAdvice(step) ? { ...step, maxOutputTokens: adviceTokens } : step)),
    });
    expect(shown.steps.map(({ id, begins_ms, ends_ms }) => [id, begins_ms, ends_ms])).toEqual([
      ["outline", 0, 400],
      ["draft", 0, 900],
      ["detail", 400, 1_000],
      ["check", 900, 1_400],
      ["final", 1_400, 1_700],
    ]);
    expect(shown.expected_ms).toEqual({ least: 1_400, most: 1_700 });
    expect(shown.min_cost_usd).toBeLessThan(shown.expected_cost_usd);
    expect(shown.expected_cost_usd).toBeLessThan(shown.max_cost_usd);
    expect(system.vendors.calls()).toHaveLength(before);
  });
});
