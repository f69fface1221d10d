import Anthropic from "@anthropic-ai/sdk";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBill } from "../../../edge/formats/bill.ts";
import type { AnswerHead } from "../../../edge/formats/format.ts";
import { messages } from "../../../edge/formats/messages.ts";
import { toWire } from "../../../shared/errors.ts";
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

const body = (rest: object = {}) => ({
  model: "shoal-mini",
  max_tokens: 64_000,
  messages: [{ role: "user", content: "How many fish?" }],
  ...rest,
});
const chatOf = (rest: object = {}) => {
  const parsed = messages.parse(body(rest));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.chat;
};
const errorOf = (rest: object) => {
  const parsed = messages.parse(body(rest));
  return parsed.ok ? null : toWire(parsed.error).message;
};
const tool = { name: "depth", input_schema: { type: "object", properties: { sea: { type: "string" } } } };

const strictOf = (schema: object): boolean => {
  const { output } = chatOf({ output_config: { format: { type: "json_schema", schema } } });
  return output.type === "json_schema" && output.strict === true;
};
const said = (...content: object[]) => ({ role: "assistant", content });

describe("a request", () => {
  it("reads a plain question", () => {
    expect(chatOf({ system: "Be brief." })).toEqual({
      model: "shoal-mini",
      messages: [
        { role: "system", text: "Be brief." },
        { role: "user", content: [{ type: "text", text: "How many fish?" }] },
      ],
      tools: [],
      toolChoice: "auto",
      output: { type: "text" },
      sampling: {},
      maxOutputTokens: 64_000,
      stop: [],
      metadata: {},
    });
  });

  it("reads every block that it takes", () => {
    const mark = { cache_control: { type: "ephemeral" } };
    const { messages: read } = chatOf({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Look", ...mark },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
            { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
            { type: "document", source: { type: "text", media_type: "text/plain", data: "fish ü" }, title: "a.txt" },
            {
              type: "document",
              source: { type: "content", content: [{ type: "text", text: "fish" }] },
              context: "About fish.",
            },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "s1" },
            { type: "redacted_thinking", data: "s2" },
            { type: "text", text: "I look.", citations: null },
            { type: "tool_use", id: "t1", name: "depth", input: { sea: "north" }, caller: { type: "direct" } },
            { type: "tool_use", id: "t2", name: "depth", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "t1", content: "95 m" },
            {
              type: "tool_result",
              tool_use_id: "t2",
              is_error: true,
              content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } }],
              ...mark,
            },
            { type: "text", text: "And now?" },
          ],
        },
      ],
    });
    expect(read).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Look", cacheHere: true },
          { type: "image", source: { mediaType: "image/png", base64: "aGk=" } },
          { type: "image", source: { url: "https://example.com/a.png" } },
          { type: "file", mediaType: "text/plain", base64: "ZmlzaCDDvA==", name: "a.txt" },
          { type: "text", text: "About fish." },
          { type: "file", mediaType: "text/plain", base64: "ZmlzaA==" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "hm", signature: "s1" },
          { type: "reasoning", text: "", signature: "s2" },
          { type: "text", text: "I look." },
          { type: "tool-call", id: "t1", name: "depth", arguments: '{"sea":"north"}' },
          { type: "tool-call", id: "t2", name: "depth", arguments: "{}" },
        ],
      },
      { role: "tool", toolCallId: "t1", content: [{ type: "text", text: "95 m" }] },
      {
        role: "tool",
        toolCallId: "t2",
        isError: true,
        cacheHere: true,
        content: [{ type: "image", source: { mediaType: "image/png", base64: "aGk=" } }],
      },
      { role: "user", content: [{ type: "text", text: "And now?" }] },
    ]);
  });

  it.each([
    [{ type: "auto" }, "auto", undefined],
    [{ type: "any", disable_parallel_tool_use: true }, "required", false],
    [{ type: "tool", name: "depth", disable_parallel_tool_use: false }, { name: "depth" }, true],
    [{ type: "none" }, "none", undefined],
  ])("reads the tool choice %j", (choice, expected, parallel) => {
    const chat = chatOf({ tools: [tool], tool_choice: choice });
    expect(chat.toolChoice).toEqual(expected);
    expect(chat.parallelToolCalls).toBe(parallel);
  });

  it("hands a tool's examples on in its schema", () => {
    const [read] = chatOf({
      tools: [{ ...tool, description: "d", strict: true, input_examples: [{ sea: "north" }] }],
    }).tools;
    expect(read).toEqual({
      name: "depth",
      description: "d",
      strict: true,
      parameters: { ...tool.input_schema, examples: [{ sea: "north" }] },
    });
  });

  it.each([
    [{}, undefined],
    [{ thinking: { type: "disabled" } }, "none"],
    [{ thinking: { type: "adaptive" } }, "high"],
    [{ thinking: { type: "enabled", budget_tokens: 1024 } }, "low"],
    [{ thinking: { type: "enabled", budget_tokens: 4095 } }, "low"],
    [{ thinking: { type: "enabled", budget_tokens: 4096 } }, "medium"],
    [{ thinking: { type: "enabled", budget_tokens: 16_384 } }, "high"],
    [{ thinking: { type: "enabled", budget_tokens: 60_000 } }, "high"],
    [{ output_config: { effort: "xhigh" } }, "xhigh"],
    [{ thinking: { type: "adaptive" }, output_config: { effort: "low" } }, "low"],
  ])("takes %j for the effort %s", (rest, effort) => {
    expect(chatOf(rest).reasoningEffort).toBe(effort);
  });

  it("asks for strict mode where the schema allows it", () => {
    const closed = {
      type: "object",
      properties: { a: { type: "number" } },
      required: ["a"],
      additionalProperties: false,
    };
    expect(strictOf(closed)).toBe(true);
    expect(strictOf({ ...closed, required: [] })).toBe(false);
    expect(strictOf({ ...closed, additionalProperties: true })).toBe(false);
    expect(strictOf({ ...closed, properties: { a: { type: "object", properties: {} } } })).toBe(false);
  });

  it("reads settings", () => {
    const chat = chatOf({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 3,
      stop_sequences: ["a", "b"],
      metadata: { user_id: "u1" },
      service_tier: "standard_only",
      output_format: { type: "json_schema", schema: { type: "object" } },
      cache_control: { type: "ephemeral", ttl: "5m" },
    });
    expect(chat).toMatchObject({
      sampling: { temperature: 0.5, topP: 0.9, topK: 3 },
      stop: ["a", "b"],
      user: "u1",
      output: { type: "json_schema", schema: { type: "object" } },
      cacheHere: true,
    });
  });

  const use = { type: "tool_use", id: "t1", name: "depth", input: {} };
  const result = { type: "tool_result", tool_use_id: "t1", content: "1" };
  const text = { type: "text", text: "a" };
  const question = { role: "user", content: "a" };
  const answered = (...content: object[]) => ({ messages: [question, said(use), { role: "user", content }] });

  it.each<[string, object, string]>([
    ["no messages", { messages: undefined }, "'messages' is required"],
    ["no cap", { max_tokens: undefined }, "'max_tokens' is required"],
    ["a wrong type of content", { messages: [{ role: "user", content: 5 }] }, "'messages[0].content'"],
    ["an empty text", { messages: [{ role: "user", content: "" }] }, "'messages[0].content'"],
    ["a wrong role", { messages: [{ role: "fish", content: "a" }] }, "'messages[0].role'"],
    [
      "a block by its name",
      { messages: [{ role: "user", content: [text, { type: "search_result" }] }] },
      `'messages[0].content[1].type': user blocks of type "search_result" are not supported`,
    ],
    [
      "a document's address",
      { messages: [{ role: "user", content: [{ type: "document", source: { type: "url", url: "https://a.b" } }] }] },
      `'messages[0].content[0].source.type': document sources (send the data) of type "url" are not supported`,
    ],
    [
      "an address of a file on our side",
      {
        messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url: "file:///etc/passwd" } }] }],
      },
      "'messages[0].content[0].source.url': must be an http(s) URL",
    ],
    [
      "a server tool by its name",
      { tools: [tool, { type: "bash_20250124", name: "bash" }] },
      `'tools[1].type': tools of type "bash_20250124" are not supported`,
    ],
    ["an MCP server", { mcp_servers: [{ type: "url" }] }, "MCP servers are not supported"],
    ["a container", { container: "c" }, "'container': containers are not supported"],
    [
      "an edit of the context",
      { context_management: { edits: [{ type: "compact_20260112" }] } },
      "edits are not supported",
    ],
    ["an unknown field", { messages: [{ ...question, name: "x" }] }, "unknown parameter: 'messages[0].name'"],
    ["an answer first", { messages: [said(text), question] }, "'messages[0].role'"],
    ["an answer last", { messages: [question, said(text)] }, "'messages[1].role'"],
    ["a call without a result", answered(text), "'messages[2]': the tool_use 't1' has no tool_result"],
    ["a result without a call", answered(result, { ...result, tool_use_id: "t9" }), "content[1].tool_use_id'"],
    ["a result after other blocks", answered(text, result), "'messages[2].content[1]': tool_result blocks come before"],
    ["a choice without tools", { tool_choice: { type: "any" } }, "'tool_choice': needs tools"],
    ["a choice of no tool", { tools: [tool], tool_choice: { type: "tool", name: "x" } }, "'tool_choice.name'"],
    [
      "a budget above the cap",
      { max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 2000 } },
      "'thinking.budget_tokens': must be less than max_tokens",
    ],
    [
      "effort without thinking",
      { thinking: { type: "disabled" }, output_config: { effort: "low" } },
      "'output_config.effort'",
    ],
    [
      "too many cache marks",
      {
        messages: [
          {
            role: "user",
            content: Array.from({ length: 5 }, () => ({ ...text, cache_control: { type: "ephemeral" } })),
          },
        ],
      },
      "'cache_control': at most 4",
    ],
  ])("refuses %s", (_, rest, words) => {
    expect(errorOf(rest)).toContain(words);
  });

  it("is read or refused, whatever stands in whichever field", () => {
    const rich = body({
      system: [text],
      tools: [tool],
      tool_choice: { type: "tool", name: "depth" },
      thinking: { type: "enabled", budget_tokens: 2000 },
      output_config: { format: { type: "json_schema", schema: {} } },
      ...answered(result, text, { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } }),
    });
    fc.assert(
      fc.property(fc.nat(200), fc.jsonValue({ maxDepth: 3 }), (place, value) => {
        let left = place;
        const wrong: unknown = JSON.parse(JSON.stringify(rich), (_, old: unknown) => (left-- === 0 ? value : old));
        const parsed = messages.parse(wrong);
        expect(parsed.ok ? 200 : toWire(parsed.error).status).toBeLessThanOrEqual(400);
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes results that come in several messages of one turn", () => {
    const both = [use, { ...use, id: "t2" }];
    const first = { role: "user", content: [result] };
    const second = { role: "user", content: [{ ...result, tool_use_id: "t2" }] };
    expect(errorOf({ messages: [question, said(...both), first, second] })).toBeNull();
  });
});

const head: AnswerHead = {
  id: "msg_1",
  created: 1_700_000_000,
  model: "shoal-mini",
  includeUsage: true,
  echo: { fields: {}, summaries: true, proofs: true, inputTokens: 7 },
  now: () => 1_700_000_001,
};
const hidden: Partial<AnswerHead> = { echo: { fields: {}, summaries: false, proofs: false } };
const omitted: Partial<AnswerHead> = { echo: { fields: {}, summaries: false, proofs: true } };

const bill = used(
  "answer",
  "w/b",
  usageOf(10, 5, { cachedInputTokens: 4, cacheWriteTokens: 1, reasoningTokens: 2 }),
  20,
);
const inner = [stepStart("draft", "w/a"), used("draft", "w/a", usageOf(100, 40), 180), stepEnd("draft", "w/a", "done")];
const signed = (signature: string): AnswerEvent => ({ type: "reasoning-signature", signature });
const end = endedBy("answer", "w/b");

const jsonOf = (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}) => {
  const bills = createBill();
  for (const event of events) bills.read(event);
  return messages.json({ ...head, ...rest }, collect(events), bills.total());
};
const wireOf = (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}): string => {
  const stream = messages.stream({ ...head, ...rest });
  return events.map((event) => stream.push([event])).join("");
};
/** What the official client makes of the stream. */
const messageOf = async (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}) => {
  const wire = wireOf(events, rest);
  const client = new Anthropic({
    apiKey: "none",
    maxRetries: 0,
    fetch: async () => new Response(wire, { headers: { "content-type": "text/event-stream" } }),
  });
  const stream = client.messages.stream({ model: "m", max_tokens: 1, messages: [{ role: "user", content: "a" }] });
  return stream.finalMessage();
};
const contentOf = async (events: readonly AnswerEvent[], rest: Partial<AnswerHead> = {}) =>
  (await messageOf(events, rest)).content;

const reasonOf = (...events: AnswerEvent[]) => jsonOf([start, textDelta("a"), bill, ...events]);

describe("an answer", () => {
  it("says what it cost, inner steps apart", () => {
    expect(jsonOf([...inner, start, textDelta("Three"), bill, end])).toEqual({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "shoal-mini",
      container: null,
      content: [{ type: "text", text: "Three", citations: null }],
      stop_reason: "end_turn",
      stop_sequence: null,
      stop_details: null,
      usage: {
        input_tokens: 5,
        cache_read_input_tokens: 4,
        cache_creation_input_tokens: 1,
        cache_creation: null,
        output_tokens: 5,
        output_tokens_details: { thinking_tokens: 2 },
        server_tool_use: null,
        service_tier: "standard",
        inference_geo: null,
        speed: null,
        orchestration_input_tokens: 100,
        orchestration_input_cached_tokens: 0,
        orchestration_output_tokens: 40,
        cost: 0.0002,
      },
    });
  });

  it("is on the wire as Anthropic writes it", () => {
    const events = readSse(wireOf([...inner, start, textDelta("Three "), textDelta("fish"), bill, end]));
    expect(events.map(({ event }) => event)).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    const data = events.map((event): unknown => JSON.parse(event.data));
    expect(data[0]).toMatchObject({ message: { usage: { input_tokens: 7, output_tokens: 0 }, stop_reason: null } });
    expect(data[5]).toMatchObject({
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { input_tokens: 5, output_tokens: 5, orchestration_output_tokens: 40, cost: 0.0002 },
    });
  });

  it("says why it stopped", () => {
    expect(reasonOf(endedBy("answer", "w/b", "length"))).toMatchObject({ stop_reason: "max_tokens" });
    expect(reasonOf(endedBy("answer", "w/b", "tool_calls"))).toMatchObject({ stop_reason: "tool_use" });
    expect(reasonOf({ type: "end", reason: "stop", step: "answer", worker: "w/b", stopSequence: "x" })).toMatchObject({
      stop_reason: "stop_sequence",
      stop_sequence: "x",
    });
    expect(reasonOf(refusalDelta("I may not."), end)).toMatchObject({
      stop_reason: "refusal",
      stop_details: { type: "refusal", explanation: "I may not." },
    });
  });

  it("gives a refusal as text when it has no other words", async () => {
    const events = [start, refusalDelta("I may "), refusalDelta("not."), bill, end];
    const message = await messageOf(events);
    expect(message.content).toEqual([{ type: "text", text: "I may not.", citations: null }]);
    expect(jsonOf(events)).toMatchObject({ content: message.content, stop_details: message.stop_details });
  });

  const thinking = [
    start,
    reasoningDelta("h"),
    reasoningDelta("m"),
    signed("s1"),
    signed("s2"),
    textDelta("a"),
    bill,
    end,
  ];

  it.each<[string, Partial<AnswerHead>, object[]]>([
    [
      "with their words",
      {},
      [
        { type: "thinking", thinking: "hm", signature: "s1" },
        { type: "redacted_thinking", data: "s2" },
      ],
    ],
    [
      "without them",
      omitted,
      [
        { type: "thinking", thinking: "", signature: "s1" },
        { type: "redacted_thinking", data: "s2" },
      ],
    ],
    ["not at all", hidden, []],
  ])("shows thoughts %s", async (_, rest, expected) => {
    const content = [...expected, { type: "text", text: "a", citations: null }];
    expect(await contentOf(thinking, rest)).toEqual(content);
    expect(jsonOf(thinking, rest)).toMatchObject({ content });
  });

  it.each<[string, Partial<AnswerHead>, object[]]>([
    ["before them", {}, [{ type: "thinking", thinking: "hm", signature: "s1" }]],
    ["where their words are not", omitted, [{ type: "thinking", thinking: "", signature: "s1" }]],
    ["where they are not", hidden, []],
  ])("shows what was told of a team in a signed block of its own, %s", async (_, rest, thoughts) => {
    const team = [told("w/a is answering.\n"), told("w/a is done.\n")];
    const events = [...team, start, reasoningDelta("hm"), signed("s1"), textDelta("a"), bill, end];
    const content = [
      { type: "thinking", thinking: "w/a is answering.\nw/a is done.\n", signature: "ours" },
      ...thoughts,
      { type: "text", text: "a", citations: null },
    ];
    expect(await contentOf(events, rest)).toEqual(content);
    expect(jsonOf(events, rest)).toMatchObject({ content });
  });

  it("signs what was told of a team as the last of its block", () => {
    const wire = readSse(wireOf([told("w/a is answering.\n"), textDelta("a"), bill, end]));
    expect(wire.slice(1, 5).map(({ data }): unknown => JSON.parse(data))).toMatchObject([
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { delta: { type: "thinking_delta", thinking: "w/a is answering.\n" } },
      { delta: { type: "signature_delta", signature: "ours" } },
      { type: "content_block_stop", index: 0 },
    ]);
  });

  it("writes tool calls block by block, those without arguments too", async () => {
    const events = [
      start,
      textDelta("I look."),
      toolCall(0, "depth"),
      toolDelta(0, '{"sea":'),
      toolDelta(0, '"north"}'),
      toolCall(1, "list"),
      bill,
      endedBy("answer", "w/b", "tool_calls"),
    ];
    const content = [
      { type: "text", text: "I look.", citations: null },
      { type: "tool_use", id: "call_0", name: "depth", input: { sea: "north" }, caller: { type: "direct" } },
      { type: "tool_use", id: "call_1", name: "list", input: {}, caller: { type: "direct" } },
    ];
    expect(await contentOf(events)).toEqual(content);
    expect(jsonOf(events)).toMatchObject({ content });
  });

  it("puts calls that a vendor writes in turns one after the other", async () => {
    const inputs = fc.array(fc.dictionary(fc.constantFrom("a", "b"), fc.string({ maxLength: 4 })), {
      minLength: 2,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(inputs, fc.infiniteStream(fc.nat(100)), async (calls, draws) => {
        const left = calls.map((input, index): AnswerEvent[] => [
          toolCall(index, "depth"),
          ...JSON.stringify(input)
            .split("")
            .map((piece) => toolDelta(index, piece)),
        ]);
        const events: AnswerEvent[] = [];
        while (left.some((queue) => queue.length > 0)) {
          const open = left.filter((queue) => queue.length > 0);
          events.push(...(open[(draws.next().value ?? 0) % open.length]?.splice(0, 1) ?? []));
        }
        const content = await contentOf([start, ...events, bill, endedBy("answer", "w/b", "tool_calls")]);
        const read = content.flatMap((block) => (block.type === "tool_use" ? [[block.id, block.input]] : []));
        expect(read.length).toBe(calls.length);
        expect(Object.fromEntries(read)).toEqual(
          Object.fromEntries(calls.map((input, index) => [`call_${index}`, { ...input }])),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("keeps arguments that a worker garbled readable", () => {
    const events = [start, toolCall(0, "depth"), toolDelta(0, '{"sea": nort'), bill, end];
    expect(jsonOf(events)).toMatchObject({ content: [{ input: { arguments: '{"sea": nort' } }] });
  });

  it("tells a failure as an event, and nothing after it", () => {
    const [, , , last] = readSse(wireOf([start, textDelta("a"), failure(upstreamError("overloaded"))]));
    expect(last?.event).toBe("error");
    expect(JSON.parse(last?.data ?? "")).toEqual({
      type: "error",
      error: { type: "overloaded_error", message: "north: not today" },
    });
  });
});

describe("an error", () => {
  it.each([
    [{ kind: "missing_key" }, 401, "authentication_error"],
    [{ kind: "forbidden", message: "no" }, 403, "permission_error"],
    [{ kind: "unknown_model", model: "claude-opus-5", nearest: [] }, 404, "not_found_error"],
    [{ kind: "retired_model", model: "a/b", on: "2026-11-01", successor: "a/c" }, 410, "not_found_error"],
    [{ kind: "body_too_large", limitBytes: 5 }, 413, "request_too_large"],
    [{ kind: "insufficient_budget", limit: "month", retryAfterSeconds: null }, 402, "billing_error"],
    [{ kind: "rate_limited", limit: "minute", retryAfterSeconds: 1 }, 429, "rate_limit_error"],
    [upstreamError("timeout"), 504, "timeout_error"],
    [upstreamError("overloaded"), 529, "overloaded_error"],
    [{ kind: "internal" }, 500, "api_error"],
  ] as const)("has Anthropic's type: %j", (error, status, type) => {
    const wire = toWire(error);
    expect(messages.status?.(wire)).toBe(status);
    expect(messages.error(wire)).toMatchObject({ type: "error", error: { type } });
  });

  it("names a parameter as its client knows it", () => {
    const error = {
      kind: "unsupported_parameter",
      param: "reasoning_effort",
      message: "nobody takes 'reasoning_effort'",
    };
    expect(messages.error(toWire({ ...error, kind: "unsupported_parameter" }))).toMatchObject({
      error: { message: "nobody takes 'thinking'" },
    });
  });
});
