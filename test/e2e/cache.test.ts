import { describe, expect, it } from "vitest";
import * as z from "zod";
import { clientsOf } from "../support/clients.ts";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

// A machine with other work to do must not make a test miss its own answer.
const { vendors, system, request, send, makeTenant, makeKey, readTrace } = systemUnderTest({
  SHOAL_CACHE_READ_MS: "10000",
});

const post = (key: string, body: object, headers: Record<string, string> = {}) =>
  request("/v1/chat/completions", { key, headers, body });

let tenants = 0;

/** A tenant of its own, and its key. */
const makeCached = async (policy: object = { cache: { ttl_seconds: 600 } }) => {
  const tenant = `cached${(tenants += 1)}`;
  return { tenant, ...(await makeTenant(tenant, policy)) };
};

const bodyOf = (content: string, rest: object = {}) => ({
  model: "shoal-mini",
  max_completion_tokens: 1_000,
  messages: [{ role: "user", content }],
  ...rest,
});

type Asked = { readonly headers?: Record<string, string>; readonly rest?: object };

const answerSchema = z.looseObject({
  id: z.string(),
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string() }) })),
  usage: z.looseObject({ prompt_tokens: z.number(), completion_tokens: z.number(), cost: z.number() }),
});

const ask = async (key: string, content: string, { headers, rest }: Asked = {}) => {
  const response = await post(key, bodyOf(content, rest), headers);
  const body: unknown = await response.json();
  return {
    status: response.status,
    state: response.headers.get("x-cache"),
    age: response.headers.get("age"),
    headers: response.headers,
    body,
    answer: () => answerSchema.parse(body),
  };
};

/** Until the answer is kept, which happens behind it; asks nobody. */
const untilKept = async (key: string, content: string, asked: Asked = {}): Promise<void> => {
  const headers = { ...asked.headers, "cache-control": "only-if-cached" };
  await expect
    .poll(async () => (await ask(key, content, { ...asked, headers })).state, { timeout: 20_000 })
    .toBe("HIT");
};

const traceSchema = z.looseObject({
  status: z.string(),
  worker: z.string(),
  cost_usd: z.number(),
  plan: z.looseObject({ source: z.string(), workers: z.array(z.string()) }),
  steps: z.array(z.unknown()),
  ledger: z.looseObject({
    status: z.string(),
    cost_usd: z.number(),
    input_tokens: z.number(),
    output_tokens: z.number(),
  }),
});

const traceOf = async (key: string, answer: { readonly headers: Headers }) =>
  traceSchema.parse(await readTrace(answer, key));

describe("one entry", () => {
  const words = "Why do shoals turn together?";
  const text = "Because of neighbors.";

  it("serves every format, streamed and not, under ids of their own and for nothing", async () => {
    vendors.script({
      text: ["Because ", "of neighbors."],
      usage: { inputTokens: 50, cachedInputTokens: 10, outputTokens: 7, reasoningTokens: 0 },
    });
    const { key } = await makeCached();
    const { openai, anthropic } = clientsOf({ url: system.url, key });
    const chat = {
      model: "shoal-mini",
      max_completion_tokens: 1_000,
      messages: [{ role: "user" as const, content: words }],
    };
    const message = { model: "shoal-mini", max_tokens: 1_000, messages: [{ role: "user" as const, content: words }] };
    const turn = { model: "shoal-mini", max_output_tokens: 1_000, input: words };

    const first = await openai.chat.completions.create(chat).withResponse();
    expect(first.response.headers.get("x-cache")).toBe("MISS");
    await untilKept(key, words);

    const whole = await openai.chat.completions.create(chat).withResponse();
    const stream = await openai.chat.completions
      .create({ ...chat, stream: true, stream_options: { include_usage: true } })
      .withResponse();
    const chunks = await Array.fromAsync(stream.data);
    const response = await openai.responses.create(turn).withResponse();
    const events = await Array.fromAsync(await openai.responses.create({ ...turn, stream: true }));
    const said = await anthropic.messages.create(message).withResponse();
    const streamed = await anthropic.messages.stream(message).finalMessage();
    const completed = events.find((event) => event.type === "response.completed")?.response;

    expect(vendors.calls()).toHaveLength(1);
    for (const { response: hit } of [whole, stream, response, said]) {
      expect(hit.headers.get("x-cache")).toBe("HIT");
      expect(Number(hit.headers.get("age"))).toBeGreaterThanOrEqual(0);
      expect(hit.headers.get("x-shoal-plan")).toMatch(/^direct \S+; source=cache$/);
    }
    expect(whole.data.choices[0]?.message.content).toBe(text);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe(text);
    expect(chunks.findLast((chunk) => chunk.choices.length > 0)?.choices[0]?.finish_reason).toBe("stop");
    expect(response.data.output_text).toBe(text);
    expect(JSON.stringify(completed?.output)).toContain(text);
    expect(said.data.content).toMatchObject([{ type: "text", text }]);
    expect(streamed.content).toMatchObject([{ type: "text", text }]);

    expect(whole.data.usage).toMatchObject({ prompt_tokens: 50, completion_tokens: 7, cost: 0 });
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 50, completion_tokens: 7, cost: 0 });
    expect(response.data.usage).toMatchObject({ input_tokens: 50, output_tokens: 7 });
    expect(said.data.usage).toMatchObject({ input_tokens: 40, cache_read_input_tokens: 10, output_tokens: 7, cost: 0 });

    const ids = [
      first.data.id,
      whole.data.id,
      chunks[0]?.id,
      response.data.id,
      completed?.id,
      said.data.id,
      streamed.id,
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(vendors.violations).toEqual([]);
  });

  it("of a stream serves who does not stream", async () => {
    vendors.script({ text: ["one", " two", " three"] });
    const { key } = await makeCached();
    const response = await post(key, bodyOf("Count.", { stream: true }));
    expect(response.headers.get("x-cache")).toBe("MISS");
    expect(await response.text()).toContain("[DONE]");
    await untilKept(key, "Count.");
    const hit = await ask(key, "Count.");
    expect([hit.state, hit.answer().choices[0]?.message.content]).toEqual(["HIT", "one two three"]);
    expect(vendors.calls()).toHaveLength(1);
  });

  it("is one request in the ledger, for nothing, and its trace says where it came from", async () => {
    const { key } = await makeCached();
    const first = await ask(key, "Name a fish.");
    await untilKept(key, "Name a fish.");
    const hit = await ask(key, "Name a fish.");
    expect(hit.answer().usage.cost).toBe(0);
    const [paid, free] = [await traceOf(key, first), await traceOf(key, hit)];
    expect(paid.ledger.cost_usd).toBeGreaterThan(0);
    expect(free).toMatchObject({
      status: "complete",
      worker: paid.worker,
      cost_usd: 0,
      plan: { source: "cache", workers: [paid.worker] },
      steps: [],
      ledger: { status: "complete", cost_usd: 0, input_tokens: 0, output_tokens: 0 },
    });
  });

  it("is there for a tenant whose budget is spent", async () => {
    const model = "anthropic/claude-opus-4-6";
    const limits = { usd_per_month: 0.03 };
    const { key } = await makeCached({ cache: { ttl_seconds: 600 }, limits });
    vendors.script({ usage: { inputTokens: 20, cachedInputTokens: 0, outputTokens: 1_000, reasoningTokens: 0 } });
    expect((await ask(key, "Spend it.", { rest: { model } })).answer().usage.cost).toBeCloseTo(0.0251, 10);
    await untilKept(key, "Spend it.", { rest: { model } });
    expect((await ask(key, "Spend more.", { rest: { model } })).status).toBe(402);
    expect(await ask(key, "Spend it.", { rest: { model } })).toMatchObject({ status: 200, state: "HIT" });
    expect(vendors.calls()).toHaveLength(1);
  });

  it("can be gone on from, in a conversation that is kept", async () => {
    const { key } = await makeCached();
    const { openai } = clientsOf({ url: system.url, key });
    const turn = { model: "shoal-mini", max_output_tokens: 1_000, input: "Name a fish." };
    await openai.responses.create(turn);
    await untilKept(key, "Name a fish.");
    const hit = await openai.responses.create(turn);
    await openai.responses.create({ ...turn, input: "Another.", previous_response_id: hit.id });
    expect(vendors.calls()).toHaveLength(2);
    expect(JSON.stringify(vendors.calls()[1]?.body)).toContain("Fish turn together.");
  });
});

describe("nobody shares an answer", () => {
  it("with another tenant, whatever they ask", async () => {
    const [one, other] = [await makeCached(), await makeCached()];
    vendors.script({ text: ["for one"] });
    await ask(one.key, "Who am I?");
    await untilKept(one.key, "Who am I?");
    vendors.script({ text: ["for the other"] });
    const answer = await ask(other.key, "Who am I?");
    expect([answer.state, answer.answer().choices[0]?.message.content]).toEqual(["MISS", "for the other"]);
    expect((await ask(one.key, "Who am I?")).answer().choices[0]?.message.content).toBe("for one");
    expect(vendors.calls()).toHaveLength(2);
  });

  it("with a key that may not use its worker", async () => {
    const { tenant, key } = await makeCached();
    const { key: narrow } = await makeKey(tenant, { allowed_workers: ["anthropic/claude-opus-4-6"] });
    const { key: same } = await makeKey(tenant);
    await ask(key, "Who answers?");
    await untilKept(key, "Who answers?");
    expect((await ask(same, "Who answers?")).state).toBe("HIT");
    expect((await ask(narrow, "Who answers?")).state).toBe("MISS");
    expect(vendors.calls().map(({ model }) => model)).toEqual([expect.any(String), "claude-opus-4-6"]);
  });
});

describe("what is kept", () => {
  it("is no answer that failed, or that its reader left", async () => {
    const { key } = await makeCached();
    const onlyIfCached = { headers: { "cache-control": "only-if-cached" } };
    vendors.script({ status: 500 });
    expect((await ask(key, "Fail.")).status).toBe(502);
    vendors.script({ text: ["half ", "an answer"], breakAfter: { chunks: 1, how: "cut" } });
    const broken = await post(key, bodyOf("Break.", { stream: true }));
    await broken.text();

    const gate = Promise.withResolvers<void>();
    vendors.script({ text: ["one", " two"], beforeChunk: (index) => (index === 1 ? gate.promise : Promise.resolve()) });
    const left = await post(key, bodyOf("Leave.", { stream: true }));
    await left.body?.cancel();
    const last = vendors.calls().at(-1);
    expect(await last?.closed).toBe("aborted");
    gate.resolve();

    // Whatever would be kept of them would be there before this is.
    vendors.script({});
    await ask(key, "Stay.");
    await untilKept(key, "Stay.");
    for (const words of ["Fail.", "Break.", "Leave."]) {
      expect(await ask(key, words, onlyIfCached)).toMatchObject({
        status: 504,
        body: { error: { code: "not_cached" } },
      });
    }
  });

  it("is nothing where nobody asked for it, and with the request's header what it asks for", async () => {
    const { key } = await makeCached({});
    expect((await ask(key, "Keep this.")).state).toBeNull();
    const asked = { headers: { "x-shoal-cache": "60" } };
    expect((await ask(key, "Keep this.", asked)).state).toBe("MISS");
    await untilKept(key, "Keep this.", asked);
    expect((await ask(key, "Keep this.")).state).toBeNull();
    expect(vendors.calls()).toHaveLength(3);
    const wrong = await ask(key, "Keep this.", { headers: { "x-shoal-cache": "forever" } });
    expect(wrong).toMatchObject({ status: 400, body: { error: { param: "x-shoal-cache" } } });
  });

  it("is no answer to a request with tools, or that asks for variety", async () => {
    const { key } = await makeCached();
    const tools = [{ type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } }];
    expect((await ask(key, "Look.", { rest: { tools } })).state).toBe("BYPASS");
    expect((await ask(key, "Vary.", { rest: { temperature: 0.9 } })).state).toBe("BYPASS");
    expect((await ask(key, "Vary.", { rest: { temperature: 0 } })).state).toBe("MISS");
    expect(vendors.calls()).toHaveLength(3);
  });

  it("is replaced for no-cache and passed by for no-store", async () => {
    const { key } = await makeCached();
    vendors.script({ text: ["old"] });
    await ask(key, "What is new?");
    await untilKept(key, "What is new?");
    vendors.script({ text: ["new"] });
    expect((await ask(key, "What is new?", { headers: { "cache-control": "no-store" } })).state).toBe("BYPASS");
    expect((await ask(key, "What is new?")).answer().choices[0]?.message.content).toBe("old");
    expect((await ask(key, "What is new?", { headers: { "cache-control": "no-cache" } })).state).toBe("BYPASS");
    await expect
      .poll(async () => (await ask(key, "What is new?")).answer().choices[0]?.message.content, { timeout: 20_000 })
      .toBe("new");
    expect(vendors.calls()).toHaveLength(3);
  });

  it("is gone once the operator purges it, and nobody else's is", async () => {
    const [one, other] = [await makeCached(), await makeCached()];
    for (const { key } of [one, other]) {
      await ask(key, "Still there?");
      await untilKept(key, "Still there?");
    }
    const purged = await send("DELETE", `/admin/tenants/${one.tenant}/cache`, adminKey);
    expect(purged.status).toBe(204);
    expect((await ask(one.key, "Still there?")).state).toBe("MISS");
    expect((await ask(other.key, "Still there?")).state).toBe("HIT");
    expect(vendors.calls()).toHaveLength(3);
  });
});
