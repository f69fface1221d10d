import type OpenAI from "openai";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { systemUnderTest } from "../support/system-under-test.ts";
import { overlap, type VendorCall, vendorNames } from "../support/vendors.ts";

const { vendors, system, openai, request, readTrace } = systemUnderTest();

const isJudge = (call: VendorCall) => JSON.stringify(call.body).includes("Others have worked on the request above");

const ask = (body: object | string) => request("/v1/chat/completions", { body });

const userSays = (content: string) => [{ role: "user" as const, content }];

const traceSchema = z.looseObject({
  status: z.string(),
  worker: z.string().nullable(),
  cost_usd: z.number(),
  plan: z.looseObject({ workers: z.array(z.string()) }),
  steps: z.array(z.looseObject({ worker: z.string() })),
  ledger: z.looseObject({ usage_source: z.string(), cost_usd: z.number(), output_tokens: z.number() }),
});
const planSchema = z.looseObject({ plan: z.looseObject({ steps: z.array(z.looseObject({ worker: z.string() })) }) });

const traceOf = async (response: Response) => traceSchema.parse(await readTrace(response));

/** The trace once the request has settled: an abort is told after the client has gone. */
const settledTrace = (response: Response) => vi.waitFor(() => traceOf(response), { timeout: 10_000, interval: 20 });

describe("shoal-mini", () => {
  it("reaches exactly one vendor and gives its answer", async () => {
    vendors.script({ text: ["Because ", "of neighbors."] });
    const { data, response } = await openai.chat.completions
      .create({ model: "shoal-mini", messages: userSays("Why do shoals turn together?") })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("Because of neighbors.");
    expect(data.choices[0]?.finish_reason).toBe("stop");
    expect(data.model).toBe("shoal-mini");
    expect(vendors.calls()).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
    expect(response.headers.get("x-shoal-plan")).toMatch(/^direct \S+; source=conductor/);
    expect(response.headers.get("server-timing")).toContain("plan;dur=");
  });

  it("streams the answer word by word, usage last when asked", async () => {
    vendors.script({ text: ["one", " two", " three"] });
    const stream = await openai.chat.completions.create({
      model: "shoal-mini",
      stream: true,
      stream_options: { include_usage: true },
      messages: userSays("Count."),
    });
    const chunks = await Array.fromAsync(stream);
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("one two three");
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 3, total_tokens: 23 });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it("prices the answer as the ledger does", async () => {
    vendors.script({ usage: { inputTokens: 1000, cachedInputTokens: 200, outputTokens: 500, reasoningTokens: 100 } });
    const { data, response } = await openai.chat.completions
      .create({ model: "shoal-mini", messages: userSays("Price this.") })
      .withResponse();
    const trace = await traceOf(response);
    expect(trace.ledger.usage_source).toBe("reported");
    expect(trace.ledger.cost_usd).toBeGreaterThan(0);
    expect(trace.ledger.cost_usd).toBe(trace.cost_usd);
    expect(data.usage).toMatchObject({ cost: trace.ledger.cost_usd });
  });

  it("keeps a conversation with its worker", async () => {
    const first = await openai.chat.completions
      .create({ model: "shoal-mini", messages: userSays("Remember the number 7.") })
      .withResponse();
    const second = await openai.chat.completions
      .create({
        model: "shoal-mini",
        messages: [
          ...userSays("Remember the number 7."),
          { role: "assistant", content: first.data.choices[0]?.message.content ?? "" },
          ...userSays("Which number?"),
        ],
      })
      .withResponse();
    expect(second.response.headers.get("x-shoal-plan")).toContain("source=affinity");
    const [one, two] = vendors.calls();
    expect(two?.model).toBe(one?.model);
  });
});

describe("shoal-ultra", () => {
  it("asks several at once and streams the last step while it is written", async () => {
    const gate = Promise.withResolvers<void>();
    vendors.script((call) =>
      isJudge(call)
        ? { text: ["first", " last"], beforeChunk: (index) => (index === 1 ? gate.promise : Promise.resolve()) }
        : { text: ["a draft"], headersAfterMs: 60 },
    );
    const stream = await openai.chat.completions.create({
      model: "shoal-ultra",
      stream: true,
      messages: userSays("Write a short essay on why fish swim in shoals."),
    });
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text === "first") gate.resolve();
    }
    expect(text).toBe("first last");
    const drafts = vendors.calls().filter((call) => !isJudge(call));
    expect(drafts.length).toBeGreaterThanOrEqual(2);
    expect(overlap(drafts)).toBe(true);
    expect(vendors.calls().filter(isJudge)).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });

  it("counts inner steps apart from the answer", async () => {
    const answer = await openai.chat.completions.create({
      model: "shoal-ultra",
      messages: userSays("Write a short essay on schooling fish."),
    });
    const calls = vendors.calls().length;
    expect(calls).toBeGreaterThanOrEqual(3);
    expect(answer.usage).toMatchObject({
      prompt_tokens: 20,
      prompt_tokens_details: { orchestration_input_tokens: 20 * (calls - 1) },
    });
    expect(answer.usage?.total_tokens).toBe(
      calls * 20 + (answer.usage?.completion_tokens ?? 0) + orchestrationOutput(answer.usage),
    );
  });

  it("stops asking when equal answers have decided", async () => {
    vendors.script({ text: ["The product is 144."] });
    const { data, response } = await openai.chat.completions
      .create({ model: "shoal-ultra", messages: userSays("What is 12 * 12? Give the final answer as a number.") })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("The product is 144.");
    expect(response.headers.get("x-shoal-plan")).toMatch(/^ballot /);
    const trace = await traceOf(response);
    expect(vendors.calls().length).toBeLessThan(trace.plan.workers.length);
  });
});

const orchestrationOutput = (usage: OpenAI.CompletionUsage | undefined): number => {
  const details: object = usage?.completion_tokens_details ?? {};
  return "orchestration_output_tokens" in details ? Number(details.orchestration_output_tokens) : 0;
};

describe("tools", () => {
  const tools = [
    {
      type: "function" as const,
      function: { name: "depth", parameters: { type: "object", properties: { sea: { type: "string" } } } },
    },
  ];

  it("sends a turn with tools to one worker, and the turn that answers them back to it", async () => {
    vendors.script({ text: [], toolCalls: [{ id: "vendor-id", name: "depth", arguments: ['{"sea":', '"north"}'] }] });
    const question = userSays("How deep is the North Sea?");
    const first = await openai.chat.completions.create({ model: "shoal-mini", tools, messages: question });
    const message = first.choices[0]?.message;
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    expect(message?.tool_calls).toMatchObject([{ function: { name: "depth", arguments: '{"sea":"north"}' } }]);
    expect(vendors.calls()).toHaveLength(1);
    const id = message?.tool_calls?.[0]?.id ?? "";
    expect(id).toMatch(/^call_\w{1,35}$/);

    vendors.script({ text: ["95 m on average."] });
    const second = await openai.chat.completions
      .create({
        model: "shoal-mini",
        tools,
        messages: [...question, message!, { role: "tool", tool_call_id: id, content: "95 m" }],
      })
      .withResponse();
    expect(second.data.choices[0]?.message.content).toBe("95 m on average.");
    expect(second.response.headers.get("x-shoal-plan")).toContain("source=tool_owner");
    const [one, two] = vendors.calls();
    expect(two?.model).toBe(one?.model);
    expect(vendors.violations).toEqual([]);
  });

  it("streams a tool call in pieces", async () => {
    vendors.script({ text: [], toolCalls: [{ id: "x", name: "depth", arguments: ['{"sea":', '"north"}'] }] });
    const stream = await openai.chat.completions.create({
      model: "shoal-mini",
      stream: true,
      tools,
      messages: userSays("How deep is the North Sea?"),
    });
    const chunks = await Array.fromAsync(stream);
    const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    expect(deltas[0]).toMatchObject({ index: 0, type: "function", function: { name: "depth" } });
    expect(deltas.map((delta) => delta.function?.arguments ?? "").join("")).toBe('{"sea":"north"}');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("tool_calls");
  });
});

describe("a client that leaves", () => {
  it.each(["shoal-mini", "shoal-ultra"])(
    "ends every upstream call of %s at the next write, and is in the ledger",
    async (model) => {
      const words = Array.from({ length: 200 }, (_, index) => `word${index} `);
      vendors.script({ text: words, chunkEveryMs: 50 });
      const controller = new AbortController();
      const response = await request("/v1/chat/completions", {
        signal: controller.signal,
        body: { model, stream: true, messages: userSays("Write a long story about the deep sea.") },
      });
      const reader = response.body!.getReader();
      await reader.read();
      while (vendors.calls().every((call) => call.chunksAt.length < 3))
        await new Promise((resolve) => setTimeout(resolve, 10));
      const left = performance.timeOrigin + performance.now();
      controller.abort();
      const how = await Promise.all(vendors.calls().map((call) => call.closed));
      expect(how.every((end) => end === "aborted")).toBe(true);
      // A gone client is noticed at the next write: a word here, a heartbeat within a second elsewhere.
      const nextWrite = model === "shoal-mini" ? 50 : 1_000;
      for (const call of vendors.calls()) expect((call.endedAt ?? Infinity) - left).toBeLessThan(nextWrite + 100);

      const trace = await settledTrace(response);
      expect(trace.status).toBe("aborted");
      expect(trace.ledger).toMatchObject({ status: "aborted", usage_source: "estimated" });
      expect(trace.ledger.output_tokens).toBeGreaterThan(0);
    },
  );
});

describe("trouble upstream", () => {
  it("lets another worker answer when one is down, and says why", async () => {
    const [chosen] = await chosenFor("Name a fish.");
    const vendor = vendorNames.find((name) => chosen?.startsWith(`${name}/`))!;
    vendors[vendor].script({ status: 500 });
    const { data, response } = await openai.chat.completions
      .create({ model: "shoal-mini", messages: userSays("Name a fish.") })
      .withResponse();
    expect(data.choices[0]?.message.content).toBeTruthy();
    const trace = await traceOf(response);
    expect(trace.steps[0]).toMatchObject({ worker: chosen, outcome: "failed", error: { code: "upstream_server" } });
    expect(trace.worker).not.toBe(chosen);
    expect(trace.status).toBe("complete");
  });

  it("keeps the status of a failure that nobody can mend", async () => {
    vendors.script({ status: 429, retryAfterSeconds: 7 });
    const response = await ask({ model: "shoal-mini", stream: true, messages: userSays("Anyone?") });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("7");
    expect(await response.json()).toMatchObject({ error: { type: "rate_limit_error", code: "upstream_rate_limited" } });
    expect(vendors.calls()).toHaveLength(3);
  });

  it("never switches workers after the first word", async () => {
    vendors.script({ text: ["half", " of", " it"], chunkEveryMs: 40, breakAfter: { chunks: 2, how: "cut" } });
    const response = await ask({ model: "shoal-mini", stream: true, messages: userSays("Say something long.") });
    const body = await response.text();
    expect(body).toContain('"content":"half"');
    expect(body).toMatch(/data: \{"error":\{"message"/);
    expect(body).not.toContain("[DONE]");
    expect(vendors.calls()).toHaveLength(1);
  });
});

const chosenFor = async (content: string): Promise<readonly string[]> => {
  const plan = await request("/v1/plan", { body: { model: "shoal-mini", messages: userSays(content) } });
  return planSchema.parse(await plan.json()).plan.steps.map((step) => step.worker);
};

describe("bad input", () => {
  const hello = userSays("hi");
  const cases: readonly [string, object, number, string | null, string][] = [
    ["no messages", { model: "shoal-mini" }, 400, "messages", "invalid_value"],
    ["wrong type", { model: "shoal-mini", messages: "hi" }, 400, "messages", "invalid_value"],
    [
      "wrong role",
      { model: "shoal-mini", messages: [{ role: "fish", content: "hi" }] },
      400,
      "messages[0].role",
      "invalid_value",
    ],
    [
      "wrong content",
      { model: "shoal-mini", messages: [{ role: "user", content: 5 }] },
      400,
      "messages[0].content",
      "invalid_value",
    ],
    [
      "unknown parameter",
      { model: "shoal-mini", messages: hello, tempratur: 1 },
      400,
      "tempratur",
      "unknown_parameter",
    ],
    ["wrong range", { model: "shoal-mini", messages: hello, temperature: 3 }, 400, "temperature", "invalid_value"],
    ["several answers", { model: "shoal-mini", messages: hello, n: 2 }, 400, "n", "invalid_value"],
    ["unknown model", { model: "shoal-mega", messages: hello }, 404, "model", "model_not_found"],
    [
      "tool result without its call",
      { model: "shoal-mini", messages: [...hello, { role: "tool", tool_call_id: "x", content: "y" }] },
      400,
      "messages[1].tool_call_id",
      "invalid_value",
    ],
  ];
  it.each(cases)("names the field: %s", async (_, body, status, param, code) => {
    const response = await ask(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { param, code, type: "invalid_request_error" } });
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(vendors.calls()).toEqual([]);
  });

  it("refuses broken JSON and a body of 5 MB", async () => {
    const broken = await ask('{"model":');
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ error: { code: "invalid_json" } });
    const large = await ask({ model: "shoal-mini", messages: userSays("x".repeat(5_000_000)) });
    expect(large.status).toBe(413);
    expect(await large.json()).toMatchObject({ error: { code: "request_too_large" } });
  });

  it.each([
    ["no key", {}, "missing_api_key"],
    ["a malformed key", { authorization: "Bearer nonsense" }, "invalid_api_key"],
    [
      "a made-up key",
      { authorization: `Bearer sk-shoal-us-acme-abcdefgh-${"a".repeat(32)}${"0".repeat(16)}` },
      "invalid_api_key",
    ],
  ])("refuses %s", async (_, headers, code) => {
    const response = await fetch(`${system.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: "shoal-mini", messages: hello }),
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code, type: "authentication_error" } });
  });
});
