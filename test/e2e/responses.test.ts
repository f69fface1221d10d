import { Agent, OpenAIResponsesModel, run, setTracingDisabled, tool } from "@openai/agents";
import { zodTextFormat } from "openai/helpers/zod";
import type { Response, ResponseInputItem, ResponseStreamEvent } from "openai/resources/responses/responses";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { eventProblems, itemListProblems, responseProblems } from "../support/openai-answers.ts";
import { systemUnderTest } from "../support/system-under-test.ts";
import type { VendorCall } from "../support/vendors.ts";

const { vendors, openai, request, readTrace } = systemUnderTest();
beforeAll(() => setTracingDisabled(true));

/** One worker of each vendor's protocol. */
const workers = ["openai/gpt-6-luna", "anthropic/claude-opus-5", "google/gemini-3.6-flash"] as const;

const ask = (body: object) => request("/v1/responses", { body });

const typed = z.looseObject({ type: z.string() });

const depth = {
  type: "function" as const,
  name: "depth",
  description: "Depth of a sea",
  strict: true,
  parameters: {
    type: "object",
    properties: { sea: { type: "string" } },
    required: ["sea"],
    additionalProperties: false,
  },
};

/** Calls a tool until its result is in the conversation, thinking each time. */
const asksForDepth = (call: VendorCall) =>
  JSON.stringify(call.body).includes("95 m")
    ? { reasoning: ["Now ", "I know."], text: ["95 m on average."] }
    : {
        reasoning: ["I must ", "look."],
        text: [],
        toolCalls: [{ id: "vendor-1", name: "depth", arguments: ['{"sea":', '"north"}'] }],
      };

const callOf = (response: Response) => {
  const call = response.output.find((item) => item.type === "function_call");
  if (!call) throw new Error(`no call in ${JSON.stringify(response.output)}`);
  return call;
};

/** A response's items as clients send them back. */
const itemsOf = (response: Response) =>
  response.output.filter(
    (item) => item.type === "reasoning" || item.type === "message" || item.type === "function_call",
  );

const resultOf = (response: Response): ResponseInputItem => ({
  type: "function_call_output",
  call_id: callOf(response).call_id,
  output: "95 m",
});

/** What came back of a thought's proof, in the vendor's own field. */
const thoughtsSentTo = (call: VendorCall | undefined): readonly string[] =>
  JSON.stringify(call?.body).match(/gAAAAABnzNK-a1b2|EqQBCgIYAhIM1gbcDa9GJwZA2b3h|CiQBjz1rX6Fq/g) ?? [];

describe("a whole response", () => {
  it.each(["shoal-mini", "shoal-ultra", ...workers])("of %s is as OpenAI specifies it", async (model) => {
    vendors.script({ text: ["Because ", "of neighbors."] });
    const response = await openai.responses.create({
      model,
      instructions: "Be brief.",
      input: "Why do shoals turn together?",
      metadata: { ticket: "7" },
    });
    expect(responseProblems(response)).toEqual([]);
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      model,
      instructions: "Be brief.",
      metadata: { ticket: "7" },
      output_text: "Because of neighbors.",
      usage: { output_tokens: 2 },
    });
    expect(response.id).toMatch(/^resp_[0-9a-z]{6}[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(vendors.violations).toEqual([]);
  });

  it("that was cut says why", async () => {
    vendors.script({ text: ["Because "], end: "length" });
    const response = await openai.responses.create({ model: workers[0], input: "Why?", max_output_tokens: 16 });
    expect(response).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      completed_at: null,
      output: [{ type: "message", status: "incomplete" }],
    });
    expect(responseProblems(response)).toEqual([]);
  });

  it("has the structure that was asked for", async () => {
    vendors.script({ text: ['{"sea":"north",', '"depth":95}'] });
    const response = await openai.responses.parse({
      model: "shoal-mini",
      input: "How deep is the North Sea?",
      text: { format: zodTextFormat(z.object({ sea: z.string(), depth: z.number() }), "depth") },
    });
    expect(response.output_parsed).toEqual({ sea: "north", depth: 95 });
    expect(vendors.violations).toEqual([]);
  });

  it("costs what the trace says", async () => {
    const { data, response } = await openai.responses
      .create({ model: "shoal-mini", input: "Price this." })
      .withResponse();
    expect(await readTrace(response)).toMatchObject({ cost_usd: Reflect.get(data.usage ?? {}, "cost") });
  });
});

const read = async (body: object): Promise<readonly ResponseStreamEvent[]> =>
  Array.fromAsync(await openai.responses.create({ model: "shoal-mini", input: "Count.", ...body, stream: true }));

describe("a stream", () => {
  it.each(workers)("of %s has every event in its place", async (model) => {
    vendors.script({ reasoning: ["hm", "m"], text: ["one", " two"] });
    const events = await read({ model, reasoning: { effort: "high", summary: "auto" } });
    expect(events.map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.reasoning_summary_part.added",
      "response.reasoning_summary_text.delta",
      "response.reasoning_summary_text.delta",
      "response.reasoning_summary_text.done",
      "response.reasoning_summary_part.done",
      "response.output_item.done",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.flatMap((event) => eventProblems(event))).toEqual([]);
    expect(vendors.violations).toEqual([]);
  });

  it("is put together by the official openai, tool calls too", async () => {
    vendors.script(asksForDepth);
    const stream = openai.responses.stream({ model: "shoal-mini", input: "How deep is it?", tools: [depth] });
    const events: ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    const response = await stream.finalResponse();
    expect(callOf(response)).toMatchObject({ name: "depth", arguments: '{"sea":"north"}', status: "completed" });
    expect(callOf(response).call_id).toMatch(/^call_\w{1,35}$/);
    expect(responseProblems(response)).toEqual([]);
  });

  it("ends with the failure when there is one, for the official openai to throw", async () => {
    vendors.script({ text: ["half", " of", " it"], chunkEveryMs: 40, breakAfter: { chunks: 2, how: "cut" } });
    const answer = await ask({ model: "shoal-mini", stream: true, input: "Say something long." });
    const text = await answer.text();
    const types = [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
    expect(types.slice(-2)).toEqual(["error", "response.failed"]);
    for (const [, data] of text.matchAll(/^data: (.*)$/gm))
      expect(eventProblems(typed.parse(JSON.parse(data ?? "")))).toEqual([]);
    await expect(read({ input: "Say something long." })).rejects.toThrow(/connection/);
  });

  it("that its reader leaves ends upstream", async () => {
    vendors.script({ text: Array.from({ length: 200 }, () => "word "), chunkEveryMs: 50 });
    const stream = await openai.responses.create({ model: "shoal-mini", input: "Tell me a long story.", stream: true });
    for await (const event of stream) if (event.type === "response.output_text.delta") break;
    expect(await Promise.all(vendors.calls().map((call) => call.closed))).toEqual(["aborted"]);
  });
});

describe("a conversation with tools", () => {
  const reasoning = { effort: "high" as const, summary: "auto" as const };

  it.each(workers)("goes on by previous_response_id at %s, thoughts included", async (model) => {
    vendors.script(asksForDepth);
    const first = await openai.responses.create({ model, input: "How deep is it?", tools: [depth], reasoning });
    const second = await openai.responses.create({
      model,
      previous_response_id: first.id,
      input: [resultOf(first)],
      tools: [depth],
      reasoning,
    });
    expect(second.output_text).toBe("95 m on average.");
    expect(second.previous_response_id).toBe(first.id);
    expect(vendors.calls()).toHaveLength(2);
    expect(thoughtsSentTo(vendors.calls()[1])).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });

  it.each(workers)("goes on without anything stored at %s, thoughts encrypted", async (model) => {
    vendors.script(asksForDepth);
    const asked = {
      model,
      tools: [depth],
      reasoning,
      store: false,
      include: ["reasoning.encrypted_content" as const],
    };
    const first = await openai.responses.create({ ...asked, input: "How deep is it?" });
    expect(first).toMatchObject({ store: false });
    const thought = first.output.find((item) => item.type === "reasoning");
    expect(thought?.summary).toEqual([{ type: "summary_text", text: "I must look." }]);
    const second = await openai.responses.create({
      ...asked,
      input: [{ role: "user", content: "How deep is it?" }, ...itemsOf(first), resultOf(first)],
    });
    expect(second.output_text).toBe("95 m on average.");
    expect(thoughtsSentTo(vendors.calls()[1])).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });

  it("stays with its worker", async () => {
    vendors.script(asksForDepth);
    const first = await openai.responses.create({ model: "shoal-mini", input: "How deep is it?", tools: [depth] });
    const asked = { model: "shoal-mini", tools: [depth], previous_response_id: first.id };
    const second = await openai.responses.create({ ...asked, input: [resultOf(first)] }).withResponse();
    expect(second.response.headers.get("x-shoal-plan")).toContain("source=tool_owner");
    const third = await openai.responses
      .create({ ...asked, previous_response_id: second.data.id, instructions: "Be brief.", input: "And the Baltic?" })
      .withResponse();
    expect(third.response.headers.get("x-shoal-plan")).toContain("source=affinity");
    expect(new Set(vendors.calls().map((call) => call.model)).size).toBe(1);
  });

  it("refuses an encrypted thought that was changed, naming it", async () => {
    vendors.script(asksForDepth);
    const first = await openai.responses.create({
      model: workers[1],
      input: "How deep is it?",
      tools: [depth],
      reasoning,
      include: ["reasoning.encrypted_content"],
    });
    const changed = first.output.map((item) =>
      item.type === "reasoning"
        ? { ...item, encrypted_content: `${item.encrypted_content?.slice(0, -8)}AAAAAAAA` }
        : item,
    );
    const answer = await ask({ model: workers[1], tools: [depth], input: [...changed, resultOf(first)] });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: "input[0].encrypted_content" } });
    expect(vendors.calls()).toHaveLength(1);
  });

  it("takes stored items by reference", async () => {
    vendors.script(asksForDepth);
    const first = await openai.responses.create({ model: workers[1], input: "How deep?", tools: [depth], reasoning });
    const second = await openai.responses.create({
      model: workers[1],
      tools: [depth],
      input: [
        { role: "user", content: "How deep?" },
        ...first.output.map((item) => ({ type: "item_reference" as const, id: item.id ?? "" })),
        resultOf(first),
      ],
    });
    expect(second.output_text).toBe("95 m on average.");
    expect(thoughtsSentTo(vendors.calls()[1])).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });

  it("offers only the tools that are allowed", async () => {
    vendors.script({ text: ["ok"] });
    await openai.responses.create({
      model: workers[1],
      input: "How deep?",
      tools: [depth, { ...depth, name: "width" }],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "width" }] },
    });
    expect(JSON.stringify(vendors.calls()[0]?.body)).not.toContain('"depth"');
    expect(vendors.violations).toEqual([]);
  });
});

describe("a stored response", () => {
  it("is read as it was answered, and lists what was asked", async () => {
    vendors.script({ reasoning: ["hm"], text: ["Three."] });
    const made = await openai.responses.create({
      model: workers[1],
      reasoning: { effort: "high", summary: "auto" },
      input: [
        { role: "user", content: [{ type: "input_text", text: "How many?" }] },
        { role: "assistant", content: "Two." },
        { role: "user", content: "Sure?" },
      ],
    });
    expect(await openai.responses.retrieve(made.id)).toEqual(made);
    const items = await request(`/v1/responses/${made.id}/input_items?order=asc`);
    const list: unknown = await items.json();
    expect(itemListProblems(list)).toEqual([]);
    expect(list).toMatchObject({
      data: [
        { role: "user", content: [{ type: "input_text", text: "How many?" }] },
        { role: "assistant", content: [{ type: "output_text", text: "Two." }] },
        { role: "user", content: [{ type: "input_text", text: "Sure?" }] },
      ],
      has_more: false,
    });
    const paged = await Array.fromAsync(openai.responses.inputItems.list(made.id, { limit: 1, order: "asc" }));
    expect(paged).toHaveLength(3);
  });

  it("is gone once deleted, and cannot be continued", async () => {
    const first = await openai.responses.create({ model: "shoal-mini", input: "One." });
    const second = await openai.responses.create({
      model: "shoal-mini",
      input: "Two.",
      previous_response_id: first.id,
    });
    await openai.responses.delete(first.id);
    await expect(openai.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
    for (const id of [first.id, second.id]) {
      await expect(
        openai.responses.create({ model: "shoal-mini", input: "Three.", previous_response_id: id }),
      ).rejects.toMatchObject({ status: 400, code: "previous_response_not_found", param: "previous_response_id" });
    }
  });

  it("is none when it was not to be stored", async () => {
    const made = await openai.responses.create({ model: "shoal-mini", input: "One.", store: false });
    await expect(openai.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
  });
});

describe("what is not honored is refused by name", () => {
  const cases: readonly [string, object][] = [
    ["background", { background: true }],
    ["conversation", { conversation: "conv_1" }],
    ["include[0]", { include: ["file_search_call.results"] }],
    ["input[0].type", { input: [{ type: "computer_call" }] }],
    ["input[0].content[0].image_url", { input: [{ role: "user", content: [{ type: "input_image", file_id: "f" }] }] }],
    ["input", { input: [{ type: "function_call_output", call_id: "call_1", output: "x" }] }],
    ["input[0].id", { input: [{ type: "item_reference", id: "msg_1" }] }],
    ["max_tool_calls", { max_tool_calls: 3 }],
    ["previous_response_id", { previous_response_id: "resp_1" }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["tools[0].type", { tools: [{ type: "web_search" }] }],
    ["tool_choice", { tool_choice: { type: "function", name: "depth" } }],
    ["truncation", { truncation: "auto" }],
    ["reasoning.effort", { model: "google/gemini-3.6-flash", reasoning: { effort: "max" } }],
  ];
  it.each(cases)("%s", async (param, body) => {
    const answer = await ask({ model: "shoal-mini", input: "hi", ...body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param, type: "invalid_request_error" } });
    expect(vendors.calls()).toEqual([]);
  });
});

const said = (role: string, text: string) => ({ type: "message", role, content: [{ type: "input_text", text }] });

describe("a coding agent's way of asking", () => {
  const tools = [
    {
      type: "function",
      name: "exec",
      strict: false,
      parameters: { type: "object", properties: { cmd: { type: "string" } } },
    },
    { type: "namespace", name: "sea", description: "Of the sea.", tools: [{ ...depth, strict: false }] },
  ];
  const turn = (input: readonly unknown[]) => ({
    model: "anthropic/claude-opus-5",
    input,
    tools,
    tool_choice: "auto",
    parallel_tool_calls: true,
    reasoning: { effort: "high", summary: "auto" },
    store: false,
    stream: true,
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: "thread-1",
    client_metadata: { session_id: "session-1" },
  });
  const doneItem = z.looseObject({ type: z.string(), call_id: z.string().optional() });
  const itemsDone = async (input: readonly unknown[]) => {
    const text = await (await ask(turn(input))).text();
    return [...text.matchAll(/^event: response.output_item.done\ndata: (.*)$/gm)].map(
      ([, data]) => z.object({ item: doneItem }).parse(JSON.parse(data ?? "")).item,
    );
  };

  it("goes on from items alone, functions in namespaces included", async () => {
    vendors.script((call) => ({
      ...asksForDepth(call),
      ...(!JSON.stringify(call.body).includes("95 m") && {
        toolCalls: [{ id: "vendor-1", name: "sea__depth", arguments: ['{"sea":"north"}'] }],
      }),
    }));
    const input = [said("developer", "You are a coding agent."), said("user", "How deep is it?")];
    const first = await itemsDone(input);
    expect(first).toMatchObject([{ type: "reasoning" }, { type: "function_call", name: "depth", namespace: "sea" }]);
    const output = { type: "function_call_output", call_id: first[1]?.call_id, output: "95 m" };
    expect(await itemsDone([...input, ...first, output])).toMatchObject([
      { type: "reasoning", summary: [{ text: "Now I know." }] },
      { type: "message", content: [{ text: "95 m on average." }] },
    ]);
    expect(thoughtsSentTo(vendors.calls()[1])).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });
});

describe("OpenAI's agents", () => {
  it.each(["shoal-mini", ...workers])("run their tools with %s", async (model) => {
    vendors.script(asksForDepth);
    const agent = new Agent({
      name: "Navigator",
      instructions: "Answer with figures.",
      model: new OpenAIResponsesModel(openai, model),
      tools: [
        tool({
          name: "depth",
          description: "Depth of a sea",
          parameters: z.object({ sea: z.string() }),
          execute: ({ sea }) => `${sea}: 95 m`,
        }),
      ],
    });
    const result = await run(agent, "How deep is the North Sea?");
    expect(result.finalOutput).toBe("95 m on average.");
    const streamed = await run(agent, "And again?", { stream: true });
    await streamed.completed;
    expect(streamed.finalOutput).toBe("95 m on average.");
    expect(vendors.violations).toEqual([]);
  });
});
