import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createBill } from "../../../edge/formats/bill.ts";
import { makeItemId, makeResponseId, turnOfResponse } from "../../../edge/conversation/response-id.ts";
import type { AnswerHead, ClientRequest, KeptTurn } from "../../../edge/formats/format.ts";
import { responses } from "../../../edge/formats/responses.ts";
import { noUsage } from "../../../shared/usage.ts";
import type { Message } from "../../../shared/chat.ts";
import { toWire } from "../../../shared/errors.ts";
import { collect, type AnswerEvent } from "../../../shared/events.ts";
import { readSse } from "../../../shared/sse.ts";
import {
  endedBy,
  failure,
  reasoningDelta,
  refusalDelta,
  start,
  stepStart,
  textDelta,
  told,
  toolCall,
  toolDelta,
  upstreamError,
  usageOf,
  used,
} from "../../support/events.ts";

const body = (rest: object = {}) => ({ model: "shoal-mini", input: "hi", ...rest });
const user = (content: unknown) => ({ role: "user", content });
const call = (id: string, rest: object = {}) => ({
  type: "function_call",
  call_id: id,
  name: "weather",
  arguments: "{}",
  ...rest,
});
const result = (id: string) => ({ type: "function_call_output", call_id: id, output: "rain" });

const read = (input: unknown): ClientRequest => {
  const parsed = responses.parse(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
};
const messagesOf = (input: readonly unknown[]) => read(body({ input })).chat.messages;

describe("a body that is wrong", () => {
  const cases: readonly [string, unknown, string | null][] = [
    ["no object", "hi", null],
    ["without input", { model: "m" }, "input"],
    ["with no item", body({ input: [] }), "input"],
    ["with an unknown parameter", body({ tempersture: 1 }), "tempersture"],
    ["with an unknown role", body({ input: [{ role: "fish", content: "" }] }), "input[0].role"],
    ["with an unknown part", body({ input: [user([{ type: "input_audio" }])] }), "input[0].content[0].type"],
    [
      "with an image that is none",
      body({ input: [user([{ type: "input_image", image_url: "ftp://x" }])] }),
      "input[0].content[0].image_url",
    ],
    [
      "with a file that is not base64",
      body({ input: [user([{ type: "input_file", file_data: "x" }])] }),
      "input[0].content[0].file_data",
    ],
    ["with a call that has no result", body({ input: [call("a"), user("hi")] }), "input"],
    ["with a result that has no call", body({ input: [result("a")] }), "input"],
    [
      "with a format that lacks its schema",
      body({ text: { format: { type: "json_schema", name: "a" } } }),
      "text.format.schema",
    ],
    ["with a tool of another kind", body({ tools: [{ type: "mcp" }] }), "tools[0].type"],
    ["with a choice of a stranger", body({ tool_choice: { type: "function", name: "x" } }), "tool_choice"],
    ["with a required tool and none", body({ tool_choice: "required" }), "tool_choice"],
    [
      "with names that are too long together",
      body({
        tools: [{ type: "namespace", name: "n".repeat(40), tools: [{ type: "function", name: "f".repeat(40) }] }],
      }),
      "tools[0].tools[0].name",
    ],
  ];
  it.each(cases)("%s names the field", (_, input, param) => {
    const parsed = responses.parse(input);
    expect(parsed.ok || toWire(parsed.error)).toMatchObject({ status: 400, param });
  });
});

describe("a body of any kind", () => {
  const full = {
    model: "shoal-mini",
    input: [
      user([
        { type: "input_text", text: "hi" },
        { type: "input_image", image_url: "https://example.com/a.png" },
      ]),
      { type: "reasoning", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: "x" },
      call("a"),
      result("a"),
      { type: "item_reference", id: "msg_1" },
    ],
    tools: [{ type: "function", name: "weather", parameters: { type: "object", properties: { a: { anyOf: [{}] } } } }],
    tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "weather" }] },
    text: { format: { type: "json_schema", name: "a", schema: {} } },
    reasoning: { effort: "low", summary: "auto" },
  };
  /** The body with some value in it replaced, at any depth. */
  const spoil = (value: unknown, path: readonly number[], by: unknown): unknown => {
    if (typeof value !== "object" || value === null || path.length === 0) return by;
    const keys = Object.keys(value);
    const key = keys[(path[0] ?? 0) % Math.max(keys.length, 1)];
    if (key === undefined) return by;
    const inner = spoil(Reflect.get(value, key), path.slice(1), by);
    return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
  };

  it("is read, or refused as the client's fault", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), fc.jsonValue(), (path, by) => {
        const parsed = responses.parse(spoil(full, path, by));
        expect(parsed.ok ? 400 : toWire(parsed.error).status).toBe(400);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("input", () => {
  it("of text alone is what the user says, after the instructions", () => {
    expect(read(body({ instructions: "Be brief." })).chat.messages).toEqual([
      { role: "system", text: "Be brief." },
      { role: "user", content: [{ type: "text", text: "hi" }] },
    ]);
  });

  it("of items makes one message of what the model said in one go", () => {
    const thought = { type: "reasoning", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: "proof" };
    expect(
      messagesOf([
        user("hi"),
        thought,
        { role: "assistant", content: "Let me see." },
        call("a"),
        call("b"),
        result("a"),
        result("b"),
      ]),
    ).toEqual([
      { role: "user", content: [{ type: "text", text: "hi" }] },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "hm", signature: "proof" },
          { type: "text", text: "Let me see." },
          { type: "tool-call", id: "a", name: "weather", arguments: "{}" },
          { type: "tool-call", id: "b", name: "weather", arguments: "{}" },
        ],
      },
      { role: "tool", toolCallId: "a", content: [{ type: "text", text: "rain" }] },
      { role: "tool", toolCallId: "b", content: [{ type: "text", text: "rain" }] },
    ]);
  });

  it("keeps two messages of the model apart", () => {
    expect(
      messagesOf([
        { role: "assistant", content: "one" },
        { role: "assistant", content: "two" },
      ]),
    ).toHaveLength(2);
  });

  it("holds images and files as data", () => {
    const [message] = messagesOf([
      user([
        { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "low" },
        { type: "input_file", file_data: "data:application/pdf;base64,AAAA", filename: "a.pdf" },
      ]),
    ]);
    expect(message).toEqual({
      role: "user",
      content: [
        { type: "image", source: { mediaType: "image/png", base64: "AAAA" }, detail: "low" },
        { type: "file", mediaType: "application/pdf", base64: "AAAA", name: "a.pdf" },
      ],
    });
  });
});

describe("tools", () => {
  const parameters = { type: "object", properties: { city: { type: "string" }, unit: { enum: ["c", "f"] } } };
  const tool = { type: "function", name: "weather", parameters };
  const closed = { ...parameters, required: ["city", "unit"], additionalProperties: false };

  it("are strict unless told otherwise", () => {
    expect(read(body({ tools: [tool] })).chat.tools).toEqual([{ name: "weather", parameters: closed, strict: true }]);
    expect(read(body({ tools: [{ ...tool, strict: false }] })).chat.tools).toEqual([
      { name: "weather", parameters, strict: false },
    ]);
  });

  it("whose schema strict mode cannot take are not made strict", () => {
    const open = { ...parameters, additionalProperties: { type: "string" } };
    expect(read(body({ tools: [{ ...tool, parameters: open }] })).chat.tools).toEqual([
      { name: "weather", parameters: open, strict: false },
    ]);
  });

  it("of a namespace carry its name to the model and back", () => {
    const tools = [{ type: "namespace", name: "sky", description: "Of the sky.", tools: [tool] }];
    const { chat, echo } = read(body({ tools, input: [call("a", { namespace: "sky" }), result("a")] }));
    expect(chat.tools[0]).toMatchObject({ name: "sky__weather", description: "Of the sky." });
    expect(chat.messages[0]).toMatchObject({ content: [{ name: "sky__weather" }] });
    const answered = json([toolCall(0, "sky__weather"), toolDelta(0, "{}"), endedBy("a", "w", "tool_calls")], {
      echo: echo!,
    });
    expect(answered.output).toMatchObject([{ name: "weather", namespace: "sky" }]);
  });

  it.each([
    ["none", "none"],
    [{ type: "function", name: "weather" }, { name: "weather" }],
    [{ type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "weather" }] }, "required"],
  ])("are chosen by %j", (choice, expected) => {
    expect(read(body({ tools: [tool], tool_choice: choice })).chat.toolChoice).toEqual(expected);
  });
});

const requestId = "01M82JRQZ0Z88BW43WTFRGH17F";
const head: AnswerHead = {
  id: makeResponseId(requestId, "w/b"),
  created: 1_700_000_000,
  model: "shoal-mini",
  includeUsage: true,
  echo: { summaries: true, proofs: true, fields: {} },
  now: () => 1_700_000_009,
};

const resource = z.looseObject({
  status: z.string(),
  output: z.array(z.looseObject({ id: z.string(), type: z.string() })),
});
const eventSchema = z.looseObject({
  type: z.string(),
  sequence_number: z.number(),
  output_index: z.number().optional(),
  item: z.unknown().optional(),
  response: resource.optional(),
});

const stream = (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}) => {
  const writer = responses.stream({ ...head, ...rest });
  const text = events.map((event) => writer.push([event])).join("");
  return readSse(text).map(({ event, data }) => {
    const parsed = eventSchema.parse(JSON.parse(data));
    expect(parsed.type).toBe(event);
    return parsed;
  });
};

const json = (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}) => {
  const bill = createBill();
  for (const event of events) bill.read(event);
  return resource.parse(responses.json({ ...head, ...rest }, collect(events), bill.total()));
};

const signature = (text: string): AnswerEvent => ({ type: "reasoning-signature", signature: text });
const words = fc.string({ minLength: 1, maxLength: 5 });
const counted = (make: (text: string) => AnswerEvent) => fc.array(words.map(make), { minLength: 1, maxLength: 3 });

/** Calls whose arguments come in turns. */
const calls = fc.array(fc.array(words, { maxLength: 3 }), { minLength: 1, maxLength: 3 });

type Piece = readonly AnswerEvent[] | { readonly calls: readonly (readonly string[])[] };
const piece: fc.Arbitrary<Piece> = fc.oneof(
  counted(textDelta),
  counted(refusalDelta),
  counted(reasoningDelta),
  words.map((text) => [signature(text)]),
  counted(told),
  calls.map((list) => ({ calls: list })),
);

const spread = (pieces: readonly Piece[]): readonly AnswerEvent[] => {
  let next = 0;
  return pieces.flatMap((events): readonly AnswerEvent[] => {
    if (!("calls" in events)) return events;
    const first = next;
    next += events.calls.length;
    const rounds = Math.max(...events.calls.map((texts) => texts.length));
    return [
      ...events.calls.map((_, index) => toolCall(first + index, "f")),
      ...Array.from({ length: rounds }, (_, round) =>
        events.calls.flatMap((texts, index) => {
          const text = texts[round];
          return text === undefined ? [] : [toolDelta(first + index, text.replaceAll(/[\d"]/g, "x"))];
        }),
      ).flat(),
    ];
  });
};

const weigh = (token: string): AnswerEvent => ({
  type: "text-delta",
  text: token,
  logprobs: [{ token, logprob: -0.5, bytes: [65], top: [{ token: "B", logprob: -1, bytes: null }] }],
});

describe("an answer", () => {
  it("is the same streamed and whole, item by item", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.boolean(), (pieces, shows) => {
        const events = [start, ...spread(pieces), used("a", "w/b", usageOf(3, 2), 1), endedBy("a", "w/b")];
        const rest = { echo: { summaries: shows, proofs: shows, fields: {} } };
        const streamed = stream(events, rest);
        expect(streamed.map((event) => event.sequence_number)).toEqual(streamed.map((_, index) => index));
        const done = streamed.filter(({ type }) => type === "response.output_item.done");
        const whole = json(events, rest);
        expect(done.toSorted((a, b) => a.output_index! - b.output_index!).map(({ item }) => item)).toEqual(
          whole.output,
        );
        expect(streamed.at(-1)?.response).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it("gives each call its end before the next begins where the vendor does", () => {
    const events = [
      start,
      toolCall(0, "f"),
      toolDelta(0, "{}"),
      toolCall(1, "g"),
      toolDelta(1, "{}"),
      endedBy("a", "w"),
    ];
    expect(stream(events).map(({ type, output_index }) => `${type} ${output_index ?? ""}`.trim())).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added 0",
      "response.function_call_arguments.delta 0",
      "response.function_call_arguments.done 0",
      "response.output_item.done 0",
      "response.output_item.added 1",
      "response.function_call_arguments.delta 1",
      "response.function_call_arguments.done 1",
      "response.output_item.done 1",
      "response.completed",
    ]);
  });

  it("shows thoughts and proofs only to those who ask", () => {
    const events = [reasoningDelta("hm"), signature("proof"), endedBy("a", "w/b")];
    expect(json(events).output).toMatchObject([{ summary: [{ text: "hm" }], encrypted_content: "proof" }]);
    const { echo: _, ...silent } = head;
    const hidden = collect(events);
    expect(resource.parse(responses.json(silent, hidden, createBill().total())).output).toEqual([
      { type: "reasoning", id: makeItemId("rs", { turn: requestId, input: false, index: 0 }), summary: [] },
    ]);
  });

  it("shows what was told of a team, in an item of its own, though thoughts are hidden", () => {
    const events = [
      told("w/a is answering.\n"),
      told("w/a is done.\n"),
      start,
      reasoningDelta("hm"),
      textDelta("Three"),
    ];
    const echo = { summaries: false, proofs: false, fields: {} };
    const streamed = stream([...events, endedBy("a", "w/b")], { echo });
    expect(streamed.slice(2, 9)).toMatchObject([
      { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", summary: [] } },
      { type: "response.reasoning_summary_part.added", output_index: 0, summary_index: 0 },
      { type: "response.reasoning_summary_text.delta", delta: "w/a is answering.\n" },
      { type: "response.reasoning_summary_text.delta", delta: "w/a is done.\n" },
      { type: "response.reasoning_summary_text.done", text: "w/a is answering.\nw/a is done.\n" },
      { type: "response.reasoning_summary_part.done" },
      { type: "response.output_item.done", output_index: 0 },
    ]);
    const [team, thought, message] = streamed.at(-1)?.response?.output ?? [];
    expect(team).not.toHaveProperty("encrypted_content");
    expect(team).toMatchObject({ summary: [{ text: "w/a is answering.\nw/a is done.\n" }] });
    expect(thought).toMatchObject({ type: "reasoning", summary: [] });
    expect(message).toMatchObject({ type: "message" });
    expect(json(events).output[0]).toMatchObject({ summary: team?.["summary"], encrypted_content: "ours" });
  });

  it.each([
    ["length", "max_output_tokens"],
    ["content_filter", "content_filter"],
  ] as const)("that ended by %s is incomplete", (reason, cause) => {
    const events = [start, textDelta("half"), endedBy("a", "w/b", reason)];
    expect(json(events)).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: cause },
      completed_at: null,
    });
    expect(stream(events).at(-1)).toMatchObject({ type: "response.incomplete" });
  });

  it("that failed says so in both ways that clients look for", () => {
    const events = stream([start, textDelta("half"), failure(upstreamError("rate_limited"))]);
    expect(events.slice(-2)).toMatchObject([
      { type: "error", code: "upstream_rate_limited", error: { code: "upstream_rate_limited" } },
      { type: "response.failed", response: { status: "failed", error: { code: "rate_limit_exceeded" } } },
    ]);
  });

  it("gives what its tokens weigh, piece by piece and whole", () => {
    const events = [start, weigh("A"), weigh("A"), endedBy("a", "w/b")];
    const token = { token: "A", logprob: -0.5, bytes: [65], top_logprobs: [{ token: "B", logprob: -1, bytes: [] }] };
    expect(stream(events).filter(({ type }) => type === "response.output_text.delta")).toMatchObject([
      { logprobs: [token] },
      { logprobs: [token] },
    ]);
    expect(json(events).output).toMatchObject([{ content: [{ text: "AA", logprobs: [token, token] }] }]);
    expect(stream(events).at(-1)?.response).toEqual(json(events));
    const asked = read(body({ include: ["message.output_text.logprobs"], top_logprobs: 1 }));
    expect(asked.chat.logprobs).toEqual({ top: 1 });
  });

  it("says nothing of inner steps but their tokens", () => {
    const inner = [stepStart("draft", "w/a"), used("draft", "w/a", usageOf(100, 40), 180)];
    expect(stream(inner)).toEqual([]);
    expect(json([...inner, textDelta("hi"), used("a", "w/b", usageOf(10, 5), 20), endedBy("a", "w/b")])).toMatchObject({
      usage: {
        input_tokens: 10,
        output_tokens: 5,
        total_tokens: 155,
        input_tokens_details: { orchestration_input_tokens: 100 },
        output_tokens_details: { orchestration_output_tokens: 40 },
        cost: 0.0002,
      },
    });
  });

  it("names this format's own parameters in errors", () => {
    const error = toWire({
      kind: "unsupported_parameter",
      param: "reasoning_effort",
      message: "no 'reasoning_effort'",
    });
    expect(responses.error(error)).toMatchObject({
      error: { param: "reasoning.effort", message: "no 'reasoning.effort'" },
    });
  });
});

const kept = (id: string, previous: string | null, asked: string, said: string): KeptTurn => ({
  id,
  previous,
  messages: [{ role: "user", content: [{ type: "text", text: asked }] }] satisfies readonly Message[],
  answer: { content: [{ type: "text", text: said }], end: "stop", error: null, model: null },
  bill: { usage: { answer: noUsage, orchestration: noUsage }, cost: 0 },
  head,
  endedAt: 0,
});

describe("a request that continues", () => {
  it("names a kept item once, and so grows by no more than what is kept", () => {
    const turn = "01KAPZ4VQ3S7C8X9Y0Z1A2B3C4";
    const item = { type: "item_reference", id: makeItemId("msg", { turn, input: true, index: 0 }) };
    const others = [kept(turn, null, "a", "b")];
    expect(read(body({ input: [item, user("hi")] })).recall?.join({ after: [], others })).toMatchObject({ ok: true });
    const joined = read(body({ input: [item, user("hi"), item] })).recall?.join({ after: [], others });
    expect(joined?.ok === false && toWire(joined.error)).toMatchObject({ status: 400, param: "input[2].id" });
  });

  it("has the history between its instructions and its input", () => {
    const { recall } = read(body({ previous_response_id: head.id, instructions: "Be brief.", input: "And?" }));
    expect(recall?.after).toEqual({ turn: turnOfResponse(head.id), id: head.id });
    const joined = recall?.join({ after: [kept("1", null, "a", "b"), kept("2", "1", "c", "d")], others: [] });
    if (!joined?.ok) throw new Error("not joined");
    const texts = joined.value.chat.messages.map((message) =>
      message.role === "system"
        ? message.text
        : message.content.map((part) => ("text" in part ? part.text : "")).join(""),
    );
    expect(texts).toEqual(["Be brief.", "a", "b", "c", "d", "And?"]);
    expect(joined.value.keep).toEqual({
      previous: "2",
      messages: [{ role: "user", content: [{ type: "text", text: "And?" }] }],
    });
  });

  it("fails when what it continues is gone", () => {
    const joined = read(body({ previous_response_id: head.id })).recall?.join({ after: null, others: [] });
    expect(joined).toEqual({ ok: false, error: { kind: "unknown_response", id: head.id } });
  });

  it("keeps nothing unless it may", () => {
    expect(read(body()).keep).toBeDefined();
    expect(read(body({ store: false })).keep).toBeUndefined();
  });

  it("names a thought without proof where it is kept, and does with its summary where it is not", () => {
    const id = makeItemId("rs", { turn: requestId, input: false, index: 0 });
    const thought = { type: "reasoning", id, summary: [{ type: "summary_text", text: "hm" }] };
    const { recall } = read(body({ input: [user("hi"), thought, user("and?")] }));
    expect(recall?.others).toEqual([requestId]);
    const joined = recall?.join({ after: [], others: [] });
    expect(joined).toMatchObject({ ok: true, value: { chat: { messages: [{}, { content: [{ text: "hm" }] }, {}] } } });
  });
});
