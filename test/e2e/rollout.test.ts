import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCommands } from "../../edge/local/admin/commands.ts";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";
import type { VendorCall } from "../support/vendors.ts";

const baseline = "anthropic/claude-opus-4-6";
const upstream = "claude-opus-4-6";

const { vendors, system, send, makeTenant } = systemUnderTest();

const change = async (tenant: string, policy: object) =>
  expect(await send("PATCH", `/admin/tenants/${tenant}`, adminKey, policy)).toMatchObject({ status: 200 });

type Turn = { readonly role: "user" | "assistant"; readonly content: string };
const says = (content: string): Turn => ({ role: "user", content });

const chat = (key: string, messages: readonly Turn[], model = "shoal-mini") =>
  send("POST", "/v1/chat/completions", key, { model, messages });

const planOf = ({ headers }: { readonly headers: Headers }) => headers.get("x-shoal-plan") ?? "";

const traceSchema = z.looseObject({
  plan: z.looseObject({ source: z.string(), workers: z.array(z.string()) }),
  rollout: z
    .looseObject({
      mode: z.string(),
      arm: z.string(),
      conversation: z.string(),
      shadow: z.looseObject({ worker: z.string(), cost_usd: z.number(), reason: z.string() }).optional(),
    })
    .optional(),
});

/** The trace; with what is found out behind the request once that is there. */
const traceOf = async (answer: { readonly headers: Headers }, key: string, isDone: (trace: Trace) => boolean) => {
  for (let attempt = 0; ; attempt += 1) {
    const { status, body } = await send("GET", `/v1/traces/${answer.headers.get("x-request-id")}`, key);
    const trace = status === 200 ? traceSchema.parse(body) : null;
    if (trace && (isDone(trace) || attempt === 100)) return trace;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
type Trace = z.infer<typeof traceSchema>;

const interval = z.object({ estimate: z.number(), low: z.number(), high: z.number().nullable() });
const arm = z.looseObject({
  conversations: z.number(),
  requests: z.number(),
  errors: z.number(),
  cost_usd: z.number(),
  other_arm: z.looseObject({ requests: z.number(), foreseen_usd: z.number() }),
  latency_ms: z.looseObject({ p50: z.number().nullable() }),
  workers: z.record(z.string(), z.number()),
});
const reportSchema = z.object({
  data: z.array(
    z.looseObject({
      mode: z.string(),
      decision: z.string(),
      went_back_at: z.string().nullable(),
      arms: z.object({ baseline: arm, shoal: arm }),
      differences: z.looseObject({ cost_ratio: interval.nullable() }),
    }),
  ),
});

/** What `npm run admin -- …` prints. */
const command = async (...words: readonly string[]): Promise<string> => {
  const printed: string[] = [];
  const env = { SHOAL_URL: system.url, ADMIN_KEY: adminKey };
  const print = (text: string) => void printed.push(text);
  const io = { env, cwd: ".", print, fetch, readInput: () => Promise.resolve("") };
  await createCommands(io).parseAsync([...words], { from: "user" });
  return printed.join("");
};

const stagesOf = async (key: string) => reportSchema.parse((await send("GET", "/v1/rollout", key)).body).data;

const isBaseline = (call: VendorCall) => call.model === upstream;
const isNumbered = ({ body }: VendorCall) => JSON.stringify(body).includes("Name fish number");

describe("off", () => {
  it.each(["shoal-mini", "shoal-ultra", "fugu"])("serves %s by the baseline", async (model) => {
    const { key } = await makeTenant(`off${model.replaceAll("-", "")}`, { mode: "off", baseline });
    const answer = await chat(key, [says("What is 12 * 12? Give the final answer as a number.")], model);
    expect(answer).toMatchObject({ status: 200, body: { model } });
    expect(planOf(answer)).toBe(`direct ${baseline}; source=baseline; mode=off; arm=baseline`);
    expect(vendors.calls().map((call) => call.model)).toEqual([upstream]);
    const trace = await traceOf(answer, key, () => true);
    expect(trace).toMatchObject({ plan: { source: "baseline" }, rollout: { mode: "off", arm: "baseline" } });
  });

  it("still shows on a dry run what the conductor would do", async () => {
    const { key } = await makeTenant("offpreview", { mode: "off", baseline });
    const body = { model: "shoal-mini", messages: [says("Name a fish.")] };
    const { body: preview } = await send("POST", "/v1/plan", key, body);
    expect(preview).toMatchObject({ mode: "off", arm: "baseline", source: "conductor" });
    expect(preview.scores.length).toBeGreaterThan(1);
  });

  it("leaves alone who names a worker", async () => {
    const { key } = await makeTenant("offnamed", { mode: "off", baseline });
    const answer = await chat(key, [says("Name a fish.")], "openai/gpt-5.4");
    expect(planOf(answer)).toBe("direct openai/gpt-5.4; source=client");
    expect((await traceOf(answer, key, () => true)).rollout).toBeUndefined();
  });

  it("puts nobody in the place of a baseline that is down, and says who it was", async () => {
    const { key } = await makeTenant("offdown", { mode: "off", baseline });
    vendors.anthropic.script({ status: 529 });
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const answer = await chat(key, [says(`Anyone? ${attempt}`)]);
      expect(answer.status).toBe(503);
      expect(planOf(answer)).toContain(`direct ${baseline}; source=baseline; mode=off`);
    }
    expect(vendors.calls().every(isBaseline)).toBe(true);
    vendors.reset();
    expect(await chat(key, [says("Back?")])).toMatchObject({ status: 200 });
  });
});

describe("shadow", () => {
  it("serves the baseline and tells, behind it, what the conductor would have done at which price", async () => {
    const { key } = await makeTenant("shadow", { mode: "shadow", baseline });
    const answer = await chat(key, [says("Translate 'good morning' into French.")]);
    expect(planOf(answer)).toBe(`direct ${baseline}; source=baseline; mode=shadow; arm=baseline`);
    const trace = await traceOf(answer, key, ({ rollout }) => rollout?.shadow !== undefined);
    expect(trace.rollout?.shadow?.reason).toContain("has the best utility");
    expect(trace.rollout?.shadow?.cost_usd).toBeGreaterThan(0);
    expect(vendors.calls().map((call) => call.model)).toEqual([upstream]);
    const [stage] = await stagesOf(key);
    expect(stage).toMatchObject({
      mode: "shadow",
      arms: { baseline: { requests: 1, other_arm: { requests: 1 } }, shoal: { requests: 0 } },
    });
    expect(stage?.arms.baseline.other_arm.foreseen_usd).toBeCloseTo(trace.rollout?.shadow?.cost_usd ?? 0, 6);
  });
});

describe("canary", () => {
  it("draws by conversation, keeps each where it is, and reports both arms", async () => {
    const { key } = await makeTenant("canary", { mode: "canary:50", baseline });
    const arms = new Map<string, string>();
    for (let index = 0; index < 16; index += 1) {
      const first = says(`Name fish number ${index}.`);
      const opened = await chat(key, [first]);
      const again = await chat(key, [first, { role: "assistant", content: "Cod." }, says("And another?")]);
      const [before, after] = [opened, again].map((answer) => /arm=(\w+)/.exec(planOf(answer))?.[1] ?? "");
      expect(after).toBe(before);
      arms.set(first.content, before ?? "");
    }
    expect(new Set(arms.values())).toEqual(new Set(["baseline", "shoal"]));
    const [stage] = await stagesOf(key);
    const conversations = (name: string) => [...arms.values()].filter((value) => value === name).length;
    expect(stage).toMatchObject({
      mode: "canary:50",
      arms: {
        baseline: { conversations: conversations("baseline"), requests: 2 * conversations("baseline") },
        shoal: { conversations: conversations("shoal"), requests: 2 * conversations("shoal") },
      },
      decision: expect.stringMatching(/^keep: judged once/),
    });
    expect(stage?.arms.baseline.workers).toEqual({ [baseline]: 2 * conversations("baseline") });
    const text = async () => (await send("GET", "/v1/rollout?format=text", key)).body;
    expect(await text()).toMatch(/arm +conversations +requests +dollars/);
    // What the other arm would have cost comes in behind the requests.
    await expect.poll(async () => (await command("rollout", "canary")) === (await text())).toBe(true);
    expect(await send("GET", "/admin/tenants/canary/rollout", adminKey)).toMatchObject({
      body: { tenant: "canary", data: [{ mode: "canary:50" }] },
    });
  });

  it("serves ultra too: a baseline alone, or a team", async () => {
    const { key } = await makeTenant("canaryultra", { mode: "canary:50", baseline });
    const plans: string[] = [];
    for (let index = 0; index < 12; index += 1) {
      plans.push(
        planOf(await chat(key, [says(`What is 12 * ${index}? Give the final answer as a number.`)], "shoal-ultra")),
      );
    }
    expect(plans.filter((plan) => plan.includes("arm=baseline")).every((plan) => plan.startsWith("direct"))).toBe(true);
    expect(plans.filter((plan) => plan.includes("arm=shoal")).every((plan) => plan.startsWith("ballot"))).toBe(true);
    expect(new Set(plans.map((plan) => /arm=\w+/.exec(plan)?.[0])).size).toBe(2);
  });
});

/** Workers other than the baseline that were asked ten seconds after a moment; asks until a second after that. */
const servedBeside = async (key: string, since: number): Promise<readonly string[]> => {
  const calls: { readonly at: number; readonly plan: string }[] = [];
  for (let index = 0; Date.now() < since + 11_000; index += 1) {
    const at = Date.now();
    const answer = await chat(key, [says(`Name a fish that nobody has named, number ${index}.`)]);
    calls.push({ at, plan: planOf(answer) });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(calls.some(({ at }) => at >= since + 10_000)).toBe(true);
  return calls.filter(({ at, plan }) => at >= since + 10_000 && !plan.includes(baseline)).map(({ plan }) => plan);
};

// Both wait for the same ten seconds.
describe.concurrent("within ten seconds", () => {
  it("a canary goes back by itself when what the conductor chooses fails too often, and says why", async () => {
    const { key } = await makeTenant("goesback", { mode: "canary:50", baseline, rollout_bounds: { min_requests: 20 } });
    vendors.script((call) => (!isBaseline(call) && isNumbered(call) ? { status: 400 } : {}));
    const stopped = async () => (await stagesOf(key))[0]?.went_back_at ?? null;
    for (let round = 0; round < 50 && (await stopped()) === null; round += 1) {
      await Promise.all(Array.from({ length: 8 }, (_, at) => chat(key, [says(`Name fish number ${8 * round + at}.`)])));
    }
    const backAt = Date.parse((await stopped()) ?? "");
    expect((await stagesOf(key))[0]?.decision).toMatch(/^went back to .* the share of failed requests.* above 0\.02$/);
    const late = await servedBeside(key, backAt);
    expect(late).toEqual([]);
  });

  it("one switch returns a tenant to straight-through, conversations under way included", async () => {
    const { key } = await makeTenant("switch", { mode: "on", baseline });
    const first = says("Name a fish.");
    const before = await chat(key, [first]);
    expect(planOf(before)).toContain("mode=on; arm=shoal");
    expect(planOf(before)).not.toContain(baseline);
    const switchedAt = Date.now();
    await change("switch", { mode: "off" });
    expect(await servedBeside(key, switchedAt)).toEqual([]);
    const going = await chat(key, [first, { role: "assistant", content: "Cod." }, says("And another?")]);
    expect(planOf(going)).toBe(`direct ${baseline}; source=baseline; mode=off; arm=baseline`);
  });
});

describe("a mode that cannot be served", () => {
  it("is refused when it is written, naming the field", async () => {
    const make = (id: string, policy: object) => send("POST", "/admin/tenants", adminKey, { id, name: id, ...policy });
    expect(await make("nobase", { mode: "shadow" })).toMatchObject({
      status: 400,
      body: { error: { param: "baseline", message: expect.stringContaining("name one") } },
    });
    expect(await make("excluded", { mode: "off", baseline, allowed_workers: ["openai/gpt-5.4"] })).toMatchObject({
      status: 400,
      body: { error: { param: "baseline", message: expect.stringContaining("allowed_workers") } },
    });
    expect(await make("percent", { mode: "canary:101", baseline })).toMatchObject({
      status: 400,
      body: { error: { param: "mode" } },
    });
    expect(await make("fine", { baseline })).toMatchObject({ status: 201 });
    const key = await send("POST", "/admin/tenants/fine/keys", adminKey, {
      name: "narrow",
      mode: "canary:10",
      allowed_workers: ["openai/gpt-5.4"],
    });
    expect(key).toMatchObject({ status: 400, body: { error: { param: "baseline" } } });
    expect(await send("PATCH", "/admin/tenants/fine", adminKey, { mode: "off", baseline: null })).toMatchObject({
      status: 400,
      body: { error: { param: "baseline" } },
    });
  });
});
