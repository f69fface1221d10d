import Anthropic, {
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { systemUnderTest } from "../support/system-under-test.ts";

const { vendors, system, openai, anthropic, request } = systemUnderTest();

type Message = Anthropic.Messages.Message;

const user = (content: Anthropic.Messages.MessageParam["content"]): Anthropic.Messages.MessageParam => ({
  role: "user",
  content,
});
const hello = [user("Why do shoals turn together?")];
/** Whatever the fields, for tests also send what the client's types would not let through. */
const ask = (fields: object = {}) =>
  anthropic.messages.create({ model: "shoal-mini", max_tokens: 1000, messages: hello, ...fields });

const tools: Anthropic.Messages.Tool[] = [
  {
    name: "depth",
    description: "Depth of a sea in meters.",
    input_schema: { type: "object", properties: { sea: { type: "string" } }, required: ["sea"] },
  },
];
const twoCalls = [
  { id: "theirs-1", name: "depth", arguments: ['{"sea":', '"north"}'] },
  { id: "theirs-2", name: "depth", arguments: ['{"sea":"baltic"}'] },
];
const callsIn = (message: Message) => message.content.filter((block) => block.type === "tool_use");
const resultsOf = (message: Message): Anthropic.Messages.ToolResultBlockParam[] =>
  callsIn(message).map((call, index) => ({ type: "tool_result", tool_use_id: call.id, content: `${90 + index} m` }));

/** All but what is fresh for every answer. */
const lasting = (message: Message) => ({
  type: message.type,
  role: message.role,
  model: message.model,
  stop: [message.stop_reason, message.stop_sequence, message.stop_details],
  usage: Object.entries(message.usage).filter(([name]) => !/^(cost|orchestration_)/.test(name)),
  content: message.content.map((block) => ({
    ...block,
    ...("id" in block && { id: block.id.slice(0, 11) }),
    ...("signature" in block && { signature: block.signature !== "" }),
  })),
});

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const workers = [
  { vendor: "openai", model: "openai/gpt-6.1-sol", proof: "gAAAAABnzNK-a1b2" },
  { vendor: "anthropic", model: "anthropic/claude-opus-5-5", proof: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h" },
  { vendor: "google", model: "google/gemini-3.6-flash", proof: "CiQBjz1rX6Fq" },
] as const;

describe.each(workers)("Anthropic's client with $model", ({ vendor, model, proof }) => {
  const bodyOf = (call: number) => JSON.stringify(vendors[vendor].calls[call]?.body);

  it("reads an answer with its usage and cost", async () => {
    vendors.script({
      text: ["Because ", "of neighbors."],
      usage: { inputTokens: 100, cachedInputTokens: 40, outputTokens: 9, reasoningTokens: 4 },
    });
    const { data: message, request_id: requestId } = await ask({ model }).withResponse();
    expect(message).toMatchObject({
      type: "message",
      role: "assistant",
      model,
      content: [{ type: "text", text: "Because of neighbors." }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: {
        input_tokens: 60,
        cache_read_input_tokens: 40,
        cache_creation_input_tokens: 0,
        output_tokens: 9,
        output_tokens_details: { thinking_tokens: 4 },
        service_tier: "standard",
        orchestration_input_tokens: 0,
        cost: expect.any(Number),
      },
    });
    expect(message.id).toMatch(/^msg_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(message.id).toBe(`msg_${requestId}`);
    expect(vendors.violations).toEqual([]);
  });

  it("reads the same answer from a stream, word by word", async () => {
    vendors.script({ reasoning: ["Fish ", "see."], text: ["Because ", "of ", "neighbors."], toolCalls: twoCalls });
    const params = { model, tools, thinking: { type: "enabled", budget_tokens: 1024 } } as const;
    const whole = await ask({ ...params, max_tokens: 2000 });
    const deltas: string[] = [];
    const stream = anthropic.messages
      .stream({ ...params, max_tokens: 2000, messages: hello })
      .on("text", (delta) => deltas.push(delta));
    const streamed = await stream.finalMessage();
    expect(deltas).toEqual(["Because ", "of ", "neighbors."]);
    expect(lasting(streamed)).toEqual(lasting(whole));
    expect(whole.content.map(({ type }) => type)).toEqual(["thinking", "text", "tool_use", "tool_use"]);
  });

  it("numbers blocks strictly, one open at a time", async () => {
    vendors.script({ reasoning: ["Fish see."], text: ["Because."], toolCalls: twoCalls });
    const stream = await anthropic.messages.create({
      model,
      stream: true,
      tools,
      max_tokens: 1000,
      thinking: { type: "adaptive" },
      messages: hello,
    });
    const events = await Array.fromAsync(stream);
    expect(events[0]).toMatchObject({ type: "message_start", message: { content: [], stop_reason: null } });
    expect(events.at(-2)).toMatchObject({ type: "message_delta", delta: { stop_reason: "tool_use" } });
    expect(events.at(-1)).toEqual({ type: "message_stop" });
    const blocks = events.slice(1, -2).map((event) => [event.type, "index" in event ? event.index : null]);
    const ofBlock = (index: number) => blocks.filter(([, of]) => of === index);
    expect(blocks).toEqual([0, 1, 2, 3].flatMap(ofBlock));
    for (const index of [0, 1, 2, 3]) {
      const types = ofBlock(index).map(([type]) => type);
      expect(types).toEqual([
        "content_block_start",
        ...types.slice(1, -1).fill("content_block_delta"),
        "content_block_stop",
      ]);
    }
  });

  it("calls tools in parallel over several turns, and each turn goes back to the worker", async () => {
    vendors.script({ toolCalls: twoCalls });
    const first = await ask({ model, tools });
    expect(first.stop_reason).toBe("tool_use");
    expect(callsIn(first).map(({ input }) => input)).toEqual([{ sea: "north" }, { sea: "baltic" }]);

    vendors.script({ toolCalls: twoCalls.slice(0, 1) });
    const [one, two] = resultsOf(first);
    const answers = user([one!, { ...two!, is_error: true, content: [{ type: "text", text: "no such sea" }] }]);
    const turns = [...hello, { role: "assistant" as const, content: first.content }, answers];
    const second = await ask({ model, tools, messages: turns });

    vendors.script({ text: ["95 m on average."] });
    const third = await ask({
      model,
      tools,
      messages: [
        ...turns,
        { role: "assistant", content: second.content },
        user([...resultsOf(second), { type: "text", text: "Go on, please." }]),
      ],
    });
    expect(third.content).toMatchObject([{ type: "text", text: "95 m on average." }]);
    expect(vendors[vendor].calls).toHaveLength(3);
    expect(bodyOf(2)).toContain("Go on, please.");
    expect(vendors.violations).toEqual([]);
  });

  it("hands a thought's proof back to its vendor, unseen by the client", async () => {
    vendors.script({ reasoning: ["Fish ", "see."], text: ["Let me look."], toolCalls: twoCalls });
    const params = { model, tools, max_tokens: 9000, thinking: { type: "enabled", budget_tokens: 5000 } } as const;
    const stream = anthropic.messages.stream({ ...params, messages: hello });
    const first = await stream.finalMessage();
    expect(first.content[0]).toMatchObject({ type: "thinking", thinking: "Fish see." });
    expect(JSON.stringify(first)).not.toContain(proof);

    vendors.script({});
    await ask({
      ...params,
      messages: [...hello, { role: "assistant", content: first.content }, user(resultsOf(first))],
    });
    expect(bodyOf(1)).toContain(proof);
    expect(bodyOf(1)).not.toContain("skip_thought_signature_validator");
    expect(vendors.violations).toEqual([]);
  });

  it("shows thoughts to who asks for thinking", async () => {
    vendors.script({ reasoning: ["Fish ", "see."], text: ["Because."] });
    const message = await ask({ model, thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 2000 });
    const shown = message.content.map((block) => (block.type === "thinking" ? block.thinking : block.type));
    expect(shown).toEqual(["Fish see.", "text"]);
    expect(vendors.violations).toEqual([]);
  });

  it("sends images and documents as data", async () => {
    await ask({
      model,
      messages: [
        user([
          { type: "image", source: { type: "base64", media_type: "image/png", data: png } },
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: png }, title: "a.pdf" },
          { type: "text", text: "What is this?" },
        ]),
      ],
    });
    expect(bodyOf(0).split(png)).toHaveLength(3);
    expect(vendors.violations).toEqual([]);
  });

  it("asks for JSON by a schema", async () => {
    const schema = { type: "object", properties: { depth: { type: "number" } }, required: ["depth"] };
    vendors.script({ text: ['{"depth":', "95}"] });
    const message = await ask({ model, output_config: { format: { type: "json_schema", schema } } });
    expect(message.content).toMatchObject([{ text: '{"depth":95}' }]);
    expect(bodyOf(0)).toContain(JSON.stringify(schema.properties));
    expect(vendors.violations).toEqual([]);
  });

  it("ends the vendor's call when it leaves", async () => {
    vendors.script({ text: Array.from({ length: 100 }, (_, index) => `word${index} `), chunkEveryMs: 30 });
    const stream = anthropic.messages.stream({ model, max_tokens: 1000, messages: hello });
    const done = stream.done().catch((error: unknown) => error);
    stream.once("text", () => stream.abort());
    expect(await done).toBeInstanceOf(APIUserAbortError);
    expect(await vendors[vendor].calls[0]?.closed).toBe("aborted");
  });
});

describe("Anthropic's client with Shoal", () => {
  it("finds words in the first block unless it asks for thoughts", async () => {
    vendors.script({ reasoning: ["hm"], text: ["Because."] });
    expect((await ask()).content).toMatchObject([{ type: "text", text: "Because." }]);
  });

  it("gets thoughts without words where it asks for that", async () => {
    vendors.script({ reasoning: ["hm"], text: ["Because."] });
    const { content } = await ask({
      model: "anthropic/claude-opus-5-5",
      thinking: { type: "adaptive", display: "omitted" },
    });
    expect(content).toMatchObject([{ type: "thinking", thinking: "", signature: expect.stringMatching(/./) }, {}]);
  });

  it("learns which sequence stopped the answer where the vendor says so", async () => {
    vendors.script({ text: ["one "], stopSequence: "two" });
    const stopped = await ask({ model: "anthropic/claude-opus-5-5", stop_sequences: ["two", "three"] });
    expect(stopped).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "two" });
    expect(await ask({ model: "google/gemini-3.6-flash", stop_sequences: ["two"] })).toMatchObject({
      stop_reason: "end_turn",
    });
  });

  it.each([
    ["length", "max_tokens"],
    ["content_filter", "refusal"],
  ] as const)("learns of %s", async (end, reason) => {
    vendors.script({ text: ["half"], end });
    expect(await ask()).toMatchObject({ stop_reason: reason });
  });

  it("has its cache marks carried to the vendor that takes them, and to no other", async () => {
    const marked = { type: "ephemeral" } as const;
    const params = {
      system: [{ type: "text", text: "Be brief.", cache_control: { ...marked, ttl: "1h" } }],
      tools: [{ ...tools[0]!, cache_control: marked }],
      messages: [user([{ type: "text", text: "Why?", cache_control: marked }])],
    };
    for (const { model } of workers) await ask({ ...params, model });
    expect(vendors.anthropic.calls[0]?.body).toMatchObject({
      system: [{ text: "Be brief.", cache_control: marked }],
      tools: [{ cache_control: marked }],
      messages: [{ content: [{ cache_control: marked }] }],
    });
    expect(JSON.stringify([vendors.openai.calls, vendors.google.calls])).not.toContain("ephemeral");
    expect(vendors.violations).toEqual([]);
  });

  it("has top_k honored by a worker that takes it, and refused by name where none does", async () => {
    await ask({ model: "anthropic/claude-opus-4-6", top_k: 5 });
    expect(vendors.anthropic.calls[0]?.body).toMatchObject({ top_k: 5 });
    await expect(ask({ model: "openai/gpt-6.1-sol", top_k: 5 })).rejects.toThrow("'top_k'");
    expect(vendors.violations).toEqual([]);
  });

  it("goes on in another format where it began, with what the vendor signed", async () => {
    vendors.google.script({ toolCalls: twoCalls.slice(0, 1) });
    const model = "google/gemini-3.6-flash";
    const [call] = callsIn(await ask({ model, tools }));
    const { id, name, input } = call!;
    vendors.google.script({});
    await openai.chat.completions.create({
      model,
      messages: [
        { role: "user", content: "How deep?" },
        {
          role: "assistant",
          tool_calls: [{ id, type: "function", function: { name, arguments: JSON.stringify(input) } }],
        },
        { role: "tool", tool_call_id: id, content: "95 m" },
      ],
    });
    expect(JSON.stringify(vendors.google.calls[1]?.body)).toContain('"thoughtSignature":"CiQBjz1rX6Fq"');
    expect(vendors.violations).toEqual([]);
  });

  it("serves an agent's ordinary request", async () => {
    vendors.script({ toolCalls: twoCalls.slice(0, 1) });
    const response = await request("/v1/messages?beta=true", {
      headers: {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,no-such-beta-2026-01-01",
      },
      body: {
        model: "shoal-ultra",
        max_tokens: 32_000,
        stream: true,
        temperature: 1,
        system: [
          { type: "text", text: "You are an agent.", cache_control: { type: "ephemeral" } },
          { type: "text", text: "Environment: linux.", cache_control: { type: "ephemeral" } },
        ],
        tools: [
          {
            ...tools[0],
            input_schema: { $schema: "http://json-schema.org/draft-07/schema#", ...tools[0]!.input_schema },
          },
        ],
        metadata: { user_id: `user_${"a".repeat(64)}_account__session_${crypto.randomUUID()}` },
        thinking: { type: "enabled", budget_tokens: 31_999 },
        context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
        messages: [
          user([
            { type: "text", text: "<system-reminder>be kind</system-reminder>" },
            { type: "text", text: "How deep is the North Sea?", cache_control: { type: "ephemeral" } },
          ]),
        ],
      },
    });
    const body = await response.text();
    // A team's stream opens at once: a heartbeat may come first.
    expect(body).toMatch(/^(event: ping\ndata: \{"type":\s?"ping"\}\n\n)*event: message_start\n/);
    expect(body).toContain('"stop_reason":"tool_use"');
    expect(response.headers.get("x-shoal-plan")).toMatch(/^team plan=\S+,act=/);
    expect(vendors.calls()).toHaveLength(2);
    expect(vendors.violations).toEqual([]);
  });

  it("counts what a team worked apart from the answer, whole and streamed", async () => {
    const params = {
      model: "shoal-ultra",
      max_tokens: 1000,
      messages: [user("Write a short essay on schooling fish.")],
    };
    const whole = await ask(params);
    expect(vendors.calls().length).toBeGreaterThanOrEqual(3);
    const inner = 20 * (vendors.calls().length - 1);
    expect(whole.usage).toMatchObject({ input_tokens: 20, orchestration_input_tokens: inner });
    const stream = await anthropic.messages.create({ ...params, stream: true });
    const events = await Array.fromAsync(stream);
    expect(events.at(-2)).toMatchObject({ usage: { input_tokens: 20, orchestration_input_tokens: inner } });
  });

  it("keeps a conversation with its worker, though cache marks move", async () => {
    const mark = { cache_control: { type: "ephemeral" } };
    const remember = { type: "text", text: "Remember the number 7." };
    const first = await ask({ messages: [{ role: "user", content: [{ ...remember, ...mark }] }] });
    const turns = [
      { role: "user", content: [remember] },
      { role: "assistant", content: first.content },
      { role: "user", content: [{ type: "text", text: "Which number?", ...mark }] },
    ];
    const { response } = await ask({ messages: turns }).withResponse();
    expect(response.headers.get("x-shoal-plan")).toContain("source=affinity");
  });

  it("counts tokens without asking a vendor", async () => {
    const { input_tokens: few } = await anthropic.messages.countTokens({ model: "shoal-mini", messages: hello });
    const { input_tokens: more } = await anthropic.messages.countTokens({
      model: "shoal-mini",
      messages: hello,
      tools,
    });
    expect(few).toBeGreaterThan(5);
    expect(few).toBeLessThan(20);
    expect(more).toBeGreaterThan(few + 20);
    expect(vendors.calls()).toEqual([]);
  });

  it("lists the models in pages", async () => {
    const models = await Array.fromAsync(anthropic.models.list({ limit: 3 }));
    const ids = models.map(({ id }) => id);
    expect(ids).toContain("shoal-ultra");
    expect(ids).toContain("anthropic/claude-opus-5-5");
    expect(new Set(ids).size).toBe(ids.length);
    expect(models.every(({ type }) => type === "model")).toBe(true);
    const all = await anthropic.models.list();
    expect(all.data.map(({ id }) => id)).toEqual(ids);
    expect(all.has_more).toBe(false);
  });
});

describe("an error", () => {
  it.each([
    ["another vendor's model name", { model: "claude-opus-5" }, NotFoundError, "anthropic/claude-opus-5"],
    ["a missing field", { messages: undefined }, BadRequestError, "'messages' is required"],
    [
      "a server tool",
      { tools: [{ type: "web_search_20260318", name: "web_search" }] },
      BadRequestError,
      "web_search_20260318",
    ],
    [
      "a block that is not taken",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "container_upload", file_id: "f" },
            ],
          },
        ],
      },
      BadRequestError,
      "messages[0].content[1].type",
    ],
    [
      "a budget above the cap",
      { thinking: { type: "enabled", budget_tokens: 2000 } },
      BadRequestError,
      "thinking.budget_tokens",
    ],
    ["an unknown parameter", { tempratur: 1 }, BadRequestError, "tempratur"],
    [
      "what no worker takes, in its own words",
      { model: "openai/gpt-6.1-sol", stop_sequences: ["x"] },
      BadRequestError,
      "'stop_sequences'",
    ],
    [
      "a prefilled answer",
      { messages: [...hello, { role: "assistant", content: "Because" }] },
      BadRequestError,
      "messages[1].role",
    ],
  ])("says what is wrong: %s", async (_, params, type, words) => {
    const error = await caught(ask(params));
    expect(error).toBeInstanceOf(type);
    expect(String(error)).toContain(words);
    expect(error).toMatchObject({
      requestID: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      error: { type: "error", error: { message: expect.any(String) } },
    });
    expect(vendors.calls()).toEqual([]);
  });

  it.each([
    [429, RateLimitError, 429, "rate_limit_error"],
    [529, InternalServerError, 529, "overloaded_error"],
    [500, InternalServerError, 502, "api_error"],
  ])("keeps the kind of a vendor's %i", async (status, type, seen, name) => {
    vendors.script({ status });
    const error = await caught(ask({ model: "openai/gpt-6.1-sol" }));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status: seen, type: name });
  });

  it("comes as an event once the answer has begun", async () => {
    vendors.script({ text: ["half", " of", " it"], breakAfter: { chunks: 2, how: "cut" } });
    const error = await caught(
      anthropic.messages.stream({ model: "shoal-mini", max_tokens: 9, messages: hello }).done(),
    );
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ error: { type: "error", error: { type: "api_error" } } });
  });

  it.each([
    ["GET", "/v1/messages", 405, "invalid_request_error"],
    ["POST", "/v1/messages/batches", 404, "not_found_error"],
    ["POST", "/v1/messages", 401, "authentication_error"],
    ["POST", "/v1/messages/count_tokens", 401, "authentication_error"],
  ])("has Anthropic's form at %s %s", async (method, path, status, type) => {
    const response = await fetch(`${system.url}${path}`, { method, ...(method === "POST" && { body: "{}" }) });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ type: "error", error: { type, message: expect.any(String) } });
    expect(response.headers.get("request-id")).toBeTruthy();
  });

  it("refuses a wrong key by either header", async () => {
    const wrong = [new Anthropic({ baseURL: system.url, apiKey: "no", authToken: null, maxRetries: 0 })];
    wrong.push(new Anthropic({ baseURL: system.url, apiKey: null, authToken: "no", maxRetries: 0 }));
    for (const each of wrong) {
      const error = await caught(each.messages.create({ model: "shoal-mini", max_tokens: 9, messages: hello }));
      expect(error).toBeInstanceOf(AuthenticationError);
    }
    const bearer = new Anthropic({ baseURL: system.url, apiKey: null, authToken: system.key, maxRetries: 0 });
    const answer = await bearer.messages.create({ model: "shoal-mini", max_tokens: 9, messages: hello });
    expect(answer.type).toBe("message");
  });
});
