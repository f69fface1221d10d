import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { createBill } from "../../../edge/formats/bill.ts";
import { chatCompletions } from "../../../edge/formats/chat-completions.ts";
import type { AnswerHead } from "../../../edge/formats/format.ts";
import { collect, type AnswerEvent } from "../../../shared/events.ts";
import { readSse } from "../../../shared/sse.ts";
import {
  endedBy,
  failure,
  reasoningDelta,
  refusalDelta,
  start,
  stepEnd,
  stepStart,
  textDelta,
  told,
  toolCall,
  toolDelta,
  upstreamError,
  usageOf,
  used,
} from "../../support/events.ts";

const user = { role: "user", content: "hi" };
const body = (rest: object = {}) => ({ model: "shoal-mini", messages: [user], ...rest });
const tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const call = (id: string) => ({ id, type: "function", function: { name: "weather", arguments: "{}" } });
const asks = (...ids: readonly string[]) => ({ role: "assistant", content: null, tool_calls: ids.map(call) });
const result = (id: string) => ({ role: "tool", tool_call_id: id, content: "rain" });

const chatOf = (input: unknown) => {
  const parsed = chatCompletions.parse(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.chat;
};

describe("a body that is wrong", () => {
  const cases: readonly [string, unknown, string | null, RegExp?][] = [
    ["no object", "hi", null],
    ["null", null, null],
    ["without a model", { messages: [user] }, "model", /required/],
    ["without messages", { model: "shoal-mini" }, "messages", /required/],
    ["with no message", body({ messages: [] }), "messages"],
    ["with an unknown parameter", body({ tempersture: 1 }), "tempersture", /unknown/],
    ["with an unknown field in a message", body({ messages: [{ ...user, colour: 1 }] }), "messages[0].colour"],
    ["with an unknown role", body({ messages: [{ role: "fish", content: "" }] }), "messages[0].role"],
    ["with a message without content", body({ messages: [{ role: "user" }] }), "messages[0].content"],
    ["with content of a wrong type", body({ messages: [user, { role: "user", content: 7 }] }), "messages[1].content"],
    [
      "with an unknown content part",
      body({ messages: [{ role: "user", content: [{ type: "video", url: "x" }] }] }),
      "messages[0].content[0].type",
    ],
    [
      "with a part that lacks its text",
      body({ messages: [{ role: "user", content: [{ type: "text" }] }] }),
      "messages[0].content[0].text",
    ],
    [
      "with an image at a file's address",
      body({
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "file:///etc/passwd" } }] }],
      }),
      "messages[0].content[0].image_url.url",
    ],
    [
      "with a file that is no data URL",
      body({
        messages: [{ role: "user", content: [{ type: "file", file: { file_data: "https://example.com/a.pdf" } }] }],
      }),
      "messages[0].content[0].file.file_data",
    ],
    ["with a temperature of 3", body({ temperature: 3 }), "temperature"],
    ["with two answers", body({ n: 2 }), "n"],
    ["with twenty-one likeliest tokens", body({ logprobs: true, top_logprobs: 21 }), "top_logprobs"],
    ["with likeliest tokens alone", body({ top_logprobs: 5 }), "top_logprobs", /logprobs/],
    [
      "with an uploaded file",
      body({ messages: [{ role: "user", content: [{ type: "file", file: { file_id: "f" } }] }] }),
      "messages[0].content[0].file.file_data",
    ],
    ["with an unknown verbosity", body({ verbosity: "mute" }), "verbosity"],
    [
      "with allowed tools that are not offered",
      body({
        tools: [tool],
        tool_choice: {
          type: "allowed_tools",
          allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "time" } }] },
        },
      }),
      "tool_choice",
      /'time'/,
    ],
    ["to be stored", body({ store: true }), "store"],
    ["with no room for an answer", body({ max_tokens: 0 }), "max_tokens"],
    ["with five stop sequences", body({ stop: ["a", "b", "c", "d", "e"] }), "stop"],
    ["with an unknown effort", body({ reasoning_effort: "extreme" }), "reasoning_effort"],
    ["with a tool of an unknown type", body({ tools: [{ type: "custom" }] }), "tools[0].type"],
    [
      "with a tool's name that vendors refuse",
      body({ tools: [{ type: "function", function: { name: "a b" } }] }),
      "tools[0].function.name",
    ],
    ["with a tool choice but no tools", body({ tool_choice: "required" }), "tool_choice"],
    [
      "with a tool choice that is not offered",
      body({ tools: [tool], tool_choice: { type: "function", function: { name: "time" } } }),
      "tool_choice",
      /'time'/,
    ],
    ["with an unknown output", body({ response_format: { type: "xml" } }), "response_format.type"],
    [
      "with a tool result that answers nothing",
      body({ messages: [user, result("call_1")] }),
      "messages[1].tool_call_id",
    ],
    [
      "with a tool result for another call",
      body({ messages: [user, asks("call_1"), result("call_2")] }),
      "messages[2].tool_call_id",
    ],
    [
      "with a tool call that is passed over",
      body({ messages: [user, asks("call_1", "call_2"), result("call_1"), user] }),
      "messages[3].role",
      /'call_2'/,
    ],
    ["with a tool call that is left open", body({ messages: [user, asks("call_1")] }), "messages", /'call_1'/],
  ];
  it.each(cases)("is refused %s, naming the field", (_, input, param, message = /./) => {
    const parsed = chatCompletions.parse(input);
    if (parsed.ok) throw new Error("accepted");
    expect(parsed.error).toMatchObject({ param });
    expect("message" in parsed.error ? parsed.error.message : "unknown").toMatch(message);
  });
});

describe("a body", () => {
  it("of the least becomes the plainest request", () => {
    expect(chatCompletions.parse(body())).toEqual({
      ok: true,
      value: {
        chat: {
          model: "shoal-mini",
          messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
          tools: [],
          toolChoice: "auto",
          output: { type: "text" },
          sampling: {},
          stop: [],
          metadata: {},
        },
        stream: false,
        includeUsage: false,
      },
    });
  });

  it("with null for everything optional is the same", () => {
    const empty = Object.fromEntries(
      [
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "user",
        "metadata",
        "store",
        "logprobs",
      ].map((name) => [name, null]),
    );
    expect(chatCompletions.parse(body(empty))).toEqual(chatCompletions.parse(body()));
  });

  it("reads what is wanted of an answer's tokens and length", () => {
    expect(chatOf(body({ logprobs: true, top_logprobs: 3, verbosity: "low" }))).toMatchObject({
      logprobs: { top: 3 },
      verbosity: "low",
    });
    expect(chatOf(body({ logprobs: true }))).toMatchObject({ logprobs: { top: 0 } });
  });

  it("keeps only the tools that it allows", () => {
    const other = { type: "function", function: { name: "time" } };
    const choice = { type: "allowed_tools", allowed_tools: { mode: "required", tools: [other] } };
    expect(chatOf(body({ tools: [tool, other], tool_choice: choice }))).toMatchObject({
      tools: [{ name: "time" }],
      toolChoice: "required",
    });
  });

  it("may write out the defaults of parameters that nobody here takes", () => {
    const defaults = {
      logit_bias: {},
      logprobs: false,
      top_logprobs: 0,
      modalities: ["text"],
      service_tier: "auto",
      verbosity: "medium",
      functions: [],
      function_call: "none",
      audio: null,
      prediction: null,
      prompt_cache_key: "conversation-7",
    };
    expect(chatCompletions.parse(body(defaults))).toEqual(chatCompletions.parse(body()));
  });

  it.each(
    Object.entries({
      logit_bias: { 50256: -100 },
      moderation: { model: "any" },
      prompt_cache_options: { mode: "explicit" },
      modalities: ["audio"],
      service_tier: "flex",
      functions: [{ name: "weather" }],
      function_call: "auto",
      audio: { voice: "alloy" },
      prediction: { type: "content", content: "" },
      web_search_options: {},
    }),
  )("is refused when it asks for anything by %s", (param, value) => {
    const parsed = chatCompletions.parse(body({ [param]: value }));
    expect(parsed).toMatchObject({ ok: false, error: { param: expect.stringContaining(param) } });
  });

  it("keeps zero, false and empty apart from absent", () => {
    const chat = chatOf(
      body({ temperature: 0, top_p: 0, seed: 0, presence_penalty: 0, parallel_tool_calls: false, stop: "" }),
    );
    expect(chat.sampling).toEqual({ temperature: 0, topP: 0, seed: 0, presencePenalty: 0 });
    expect(chat).toMatchObject({ parallelToolCalls: false, stop: [""] });
  });

  it("bounds the output by the newer of both names", () => {
    expect(chatOf(body({ max_tokens: 10 })).maxOutputTokens).toBe(10);
    expect(chatOf(body({ max_tokens: 10, max_completion_tokens: 20 })).maxOutputTokens).toBe(20);
  });

  it("carries every kind of turn", () => {
    const chat = chatOf(
      body({
        messages: [
          {
            role: "developer",
            content: [
              { type: "text", text: "be" },
              { type: "text", text: "brief" },
            ],
          },
          {
            role: "user",
            name: "ann",
            content: [
              { type: "text", text: "look" },
              { type: "image_url", image_url: { url: "data:image/png;base64,aW1n", detail: "low" } },
              { type: "image_url", image_url: { url: "https://example.com/a.png" } },
              { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,cGRm" } },
            ],
          },
          { ...asks("call_1", "call_2"), reasoning_content: "hm", annotations: [], refusal: null },
          result("call_1"),
          result("call_2"),
        ],
        tools: [tool],
        tool_choice: { type: "function", function: { name: "weather" } },
      }),
    );
    expect(chat.messages).toEqual([
      { role: "system", text: "be\nbrief" },
      {
        role: "user",
        name: "ann",
        content: [
          { type: "text", text: "look" },
          { type: "image", source: { mediaType: "image/png", base64: "aW1n" }, detail: "low" },
          { type: "image", source: { url: "https://example.com/a.png" } },
          { type: "file", mediaType: "application/pdf", base64: "cGRm", name: "a.pdf" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "tool-call", id: "call_1", name: "weather", arguments: "{}" },
          { type: "tool-call", id: "call_2", name: "weather", arguments: "{}" },
        ],
      },
      { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "rain" }] },
      { role: "tool", toolCallId: "call_2", content: [{ type: "text", text: "rain" }] },
    ]);
    expect(chat).toMatchObject({
      tools: [{ name: "weather", parameters: { type: "object" } }],
      toolChoice: { name: "weather" },
    });
  });

  it("carries a schema for the output", () => {
    const format = { type: "json_schema", json_schema: { name: "fish", schema: { type: "object" }, strict: true } };
    expect(chatOf(body({ response_format: format })).output).toEqual({
      type: "json_schema",
      name: "fish",
      schema: { type: "object" },
      strict: true,
    });
  });
});

const head: AnswerHead = {
  id: "chatcmpl-1",
  created: 1_700_000_000,
  model: "shoal-mini",
  includeUsage: true,
  now: () => 1_700_000_001,
};
const inner = [stepStart("draft", "w/a"), used("draft", "w/a", usageOf(100, 40), 180), stepEnd("draft", "w/a", "done")];
const said = [
  start,
  textDelta("Three "),
  textDelta("fish"),
  used("answer", "w/b", usageOf(10, 5, { cachedInputTokens: 4, reasoningTokens: 2 }), 20),
];
const answer = [...inner, ...said, endedBy("answer", "w/b")];
const toolAnswer = [
  start,
  toolCall(0, "weather", "call_a"),
  toolDelta(0, '{"city"'),
  toolDelta(0, ':"Bern"}'),
  toolCall(1, "time", "call_b"),
  used("answer", "w/b", usageOf(10, 5), 20),
  endedBy("answer", "w/b", "tool_calls"),
];

const plan = { source: "conductor", fallback: null, reason: "", kind: "workflow", workers: ["w/a", "w/b"] } as const;
const draft = {
  step: "draft",
  worker: "w/a",
  role: "answer",
  outcome: "done",
  input_tokens: 100,
  output_tokens: 40,
  cost: 0.00018,
};

const write = (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}): string => {
  const stream = chatCompletions.stream({ ...head, ...rest });
  return events.map((event) => stream.push([event])).join("");
};
const json = (events: readonly AnswerEvent[]) => {
  const bill = createBill();
  for (const event of events) bill.read(event);
  return chatCompletions.json(head, collect(events), bill.total());
};

/** The official client, answered with this. */
const clientOf = (response: () => Response) =>
  new OpenAI({ apiKey: "none", baseURL: "https://shoal.example.com/v1", maxRetries: 0, fetch: async () => response() });
const request = { model: "shoal-mini", messages: [{ role: "user" as const, content: "hi" }] };

const readStream = async (text: string) => {
  const client = clientOf(() => new Response(text, { headers: { "content-type": "text/event-stream" } }));
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  const stream = await client.chat.completions.create({ ...request, stream: true });
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

describe("a stream", () => {
  it("names the role first, then gives deltas, the reason, the usage and the end", async () => {
    const chunks = await readStream(write(answer));
    expect(
      chunks.map(({ choices: [choice] }) => choice && [choice.delta.content ?? null, choice.finish_reason]),
    ).toEqual([["", null], ["Three ", null], ["fish", null], [null, "stop"], undefined]);
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
    expect(readSse(write(answer)).at(-1)).toEqual({ data: "[DONE]" });
  });

  it("says the same of itself in every chunk", async () => {
    for (const chunk of await readStream(write(answer))) {
      expect(chunk).toMatchObject({
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        created: 1_700_000_000,
        model: "shoal-mini",
      });
    }
  });

  it("has null for usage before the chunk that has it, which has no choice", async () => {
    const chunks = await readStream(write(answer));
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null, null, null]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } });
  });

  it("says nothing of usage unless asked", async () => {
    const chunks = await readStream(write(answer, { includeUsage: false }));
    expect(chunks.some((chunk) => "usage" in chunk)).toBe(false);
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
  });

  it("is put together by the official client", async () => {
    const client = clientOf(
      () => new Response(write(toolAnswer), { headers: { "content-type": "text/event-stream" } }),
    );
    const final = await client.chat.completions.stream({ ...request }).finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        tool_calls: [
          { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } },
          { id: "call_b", type: "function", function: { name: "time", arguments: "" } },
        ],
      },
    });
  });

  it("names the role even when the answer is empty", async () => {
    const chunks = await readStream(write([endedBy("answer", "w/b")]));
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
  });

  it("names the role once, though another worker began before", async () => {
    const chunks = await readStream(write([start, stepEnd("answer", "w/a", "failed"), ...answer]));
    expect(chunks.filter(({ choices }) => choices[0]?.delta.role)).toHaveLength(1);
  });

  it("gives tokens' log probabilities beside their text", () => {
    const token = { token: "Three", logprob: -0.1, bytes: [84], top: [{ token: "Four", logprob: -2, bytes: null }] };
    const [, chunk] = readSse(write([start, { type: "text-delta", text: "Three", logprobs: [token] }]));
    const { top, ...rest } = token;
    expect(JSON.parse(chunk?.data ?? "").choices[0]).toMatchObject({
      delta: { content: "Three" },
      logprobs: { content: [{ ...rest, top_logprobs: top }], refusal: null },
    });
  });

  it("gives thoughts and refusals in fields of their own", () => {
    const deltas = readSse(write([start, reasoningDelta("hm"), refusalDelta("no")]))
      .map(({ data }): { choices: [{ delta: object }] } => JSON.parse(data))
      .map(({ choices }) => choices[0].delta);
    expect(deltas.slice(1)).toEqual([{ reasoning_content: "hm" }, { refusal: "no" }]);
  });

  it("ends with the error when there is one, for the official client to throw", async () => {
    const text = write([start, textDelta("Three "), failure(upstreamError("network"))]);
    const messages = readSse(text);
    expect(JSON.parse(messages.at(-1)?.data ?? "")).toEqual({
      error: { message: "north: not today", type: "server_error", param: null, code: "upstream_network" },
    });
    expect(text).not.toContain("[DONE]");
    await expect(readStream(text)).rejects.toThrow("north: not today");
  });

  it("says nothing of inner steps", () => {
    expect(write(inner)).toBe("");
  });

  it("gives what is told of a team as a thought, as a whole answer does", () => {
    const events = [told("w/a is answering.\n"), start, reasoningDelta("hm"), textDelta("Three")];
    const deltas = readSse(write(events)).map(({ data }) => JSON.parse(data).choices[0].delta);
    expect(deltas.slice(1)).toEqual([
      { reasoning_content: "w/a is answering.\n" },
      { reasoning_content: "hm" },
      { content: "Three" },
    ]);
    expect(json(events)).toMatchObject({
      choices: [{ message: { content: "Three", reasoning_content: "w/a is answering.\nhm" } }],
    });
  });

  it.each([true, false])("ends with the plan and its steps when asked, with usage: %s", (includeUsage) => {
    const chunks = readSse(write(answer, { plan, includeUsage })).map(({ data }) => data);
    const [last, done] = chunks.slice(-2);
    expect(done).toBe("[DONE]");
    expect(JSON.parse(last ?? "")).toMatchObject({ choices: [], shoal: { plan, steps: [draft] } });
    expect("usage" in JSON.parse(last ?? "")).toBe(includeUsage);
  });
});

describe("a whole answer", () => {
  it("is read by the official client", async () => {
    const client = clientOf(() => Response.json(json(answer)));
    const completion = await client.chat.completions.create(request);
    expect(completion).toMatchObject({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "shoal-mini",
      choices: [
        {
          index: 0,
          finish_reason: "stop",
          logprobs: null,
          message: { role: "assistant", content: "Three fish", refusal: null },
        },
      ],
    });
  });

  it("reports the answer's tokens, and apart from them those of inner steps", () => {
    expect(json(answer)).toHaveProperty("usage", {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 155,
      prompt_tokens_details: {
        cached_tokens: 4,
        audio_tokens: 0,
        orchestration_input_tokens: 100,
        orchestration_input_cached_tokens: 0,
      },
      completion_tokens_details: {
        reasoning_tokens: 2,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
        orchestration_output_tokens: 40,
      },
      cost: 0.0002,
    });
  });

  it("has no cost when a price is unknown", () => {
    expect(json([used("answer", "w/b", usageOf(1, 1), null), endedBy("answer", "w/b")])).toHaveProperty(
      "usage.cost",
      null,
    );
  });

  it("of tool calls alone has no content", () => {
    expect(json(toolAnswer)).toMatchObject({
      choices: [
        { finish_reason: "tool_calls", message: { content: null, tool_calls: [{ id: "call_a" }, { id: "call_b" }] } },
      ],
    });
  });

  it("that is refused has no content", () => {
    expect(json([refusalDelta("I will not"), endedBy("answer", "w/b")])).toMatchObject({
      choices: [{ message: { content: null, refusal: "I will not" } }],
    });
  });

  it("that is empty has empty content", () => {
    expect(json([endedBy("answer", "w/b", "length")])).toMatchObject({
      choices: [{ finish_reason: "length", message: { content: "" } }],
    });
  });
});
