import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import { beforeEach, describe, expect, it } from "vitest";
import { eventProblems, responseProblems } from "../support/openai-answers.ts";
import { systemUnderTest } from "../support/system-under-test.ts";
import { type VendorCall, vendorNames } from "../support/vendors.ts";

const { vendors, openai, anthropic } = systemUnderTest();
beforeEach(() => vendors.script({ text: ["Because ", "of neighbors."] }));

const model = "shoal-ultra";
const question = "Why do shoals turn together?";
const answer = "Because of neighbors.";
const asksByHeader = { headers: { "x-shoal-progress": "true" } };

/** Lines of two or more who answer, in whatever order, and of the one that judges. */
const ofTeam = /^(?:\S+ is (?:answering|done)\.\n){2,}\S+ is judging\.\n$/;

/** Whether any of it reached a vendor. */
const leaks = (calls: readonly VendorCall[]): boolean =>
  calls.some(({ body }) =>
    /\w\/\S+ is (?:answering|judging|thinking|working|checking|done)\./.test(JSON.stringify(body)),
  );

/** The proof that each vendor gives of its thoughts. */
const proof = /gAAAAABnzNK-a1b2|EqQBCgIYAhIM1gbcDa9GJwZA2b3h|CiQBjz1rX6Fq/;
const sendsProof = ({ body }: VendorCall): boolean => proof.test(JSON.stringify(body));

const summaryOf = ({ output }: Pick<OpenAI.Responses.Response, "output">) =>
  output.map((item) => (item.type === "reasoning" ? item.summary.map(({ text }) => text).join("") : item.type));

describe("a response of a team", () => {
  it("begins with a reasoning item of who works, as OpenAI specifies it, event by event", async () => {
    const stream = openai.responses.stream({ model, input: question, reasoning: { summary: "auto" } });
    const events: ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    const response = await stream.finalResponse();
    expect(summaryOf(response)).toEqual([expect.stringMatching(ofTeam), "message"]);
    expect(response.output_text).toBe(answer);
    const deltas = events.flatMap((event) =>
      event.type === "response.reasoning_summary_text.delta" ? [event.delta] : [],
    );
    expect(deltas.length).toBe(2 * vendors.calls().length - 1);
    expect(deltas.join("")).toBe(summaryOf(response)[0]);
    const types = events.map(({ type }) => type).filter((type) => !type.endsWith("summary_text.delta"));
    expect(types.slice(0, 8)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.reasoning_summary_part.added",
      "response.reasoning_summary_text.done",
      "response.reasoning_summary_part.done",
      "response.output_item.done",
      "response.output_item.added",
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.flatMap((event) => eventProblems(event))).toEqual([]);
    expect(responseProblems(response)).toEqual([]);
    const stored = await openai.responses.retrieve(response.id);
    expect(stored).toMatchObject({ output: [response.output[0], { id: response.output[1]?.id }], output_text: answer });
  });

  it.each<[string, object, object]>([
    ["summaries", { reasoning: { summary: "concise" } }, {}],
    ["its metadata", { metadata: { shoal_progress: "true" } }, {}],
    ["the header", {}, asksByHeader],
  ])("has it whole, too, and is asked for by %s", async (_, fields, options) => {
    const response = await openai.responses.create({ model, input: question, ...fields }, options);
    expect(summaryOf(response)).toEqual([expect.stringMatching(ofTeam), "message"]);
    expect(responseProblems(response)).toEqual([]);
    expect(response.usage?.output_tokens_details.reasoning_tokens).toBe(0);
  });

  it("has none of it unasked, nor where one worker answers", async () => {
    expect(summaryOf(await openai.responses.create({ model, input: question }))).toEqual(["message"]);
    const direct = { model: "shoal-mini", input: question, reasoning: { summary: "auto" as const } };
    expect(summaryOf(await openai.responses.create(direct))).toEqual(["message"]);
  });

  it.each<[string, boolean, OpenAI.Responses.ResponseIncludable[]]>([
    ["kept by us", true, []],
    ["sent encrypted", false, ["reasoning.encrypted_content"]],
    ["sent without a proof", false, []],
  ])("comes back %s, and no vendor is sent what was told", async (_, store, include) => {
    vendors.script({ reasoning: ["Fish ", "see."], text: ["Because ", "of neighbors."] });
    const asked = { model, store, include, reasoning: { effort: "high" as const, summary: "auto" as const } };
    const first = await openai.responses.create({ ...asked, input: question });
    expect(summaryOf(first)).toEqual([expect.stringMatching(ofTeam), "Fish see.", "message"]);
    const items = first.output.filter((item) => item.type === "reasoning" || item.type === "message");
    const before = vendors.calls().length;
    const second = await openai.responses.create({
      ...asked,
      ...(store
        ? { previous_response_id: first.id, input: "Always?" }
        : { input: [{ role: "user", content: question }, ...items, { role: "user", content: "Always?" }] }),
    });
    expect(second.output_text).toBe(answer);
    const calls = vendors.calls().slice(before);
    expect(calls.length).toBeGreaterThan(0);
    expect(leaks(calls)).toBe(false);
    expect(vendors.violations).toEqual([]);
  });

  it("comes back by reference to its items", async () => {
    const first = await openai.responses.create({ model, input: question, reasoning: { summary: "auto" } });
    const references = first.output.map((item) => ({ type: "item_reference" as const, id: item.id ?? "" }));
    const before = vendors.calls().length;
    const input = [
      { role: "user" as const, content: question },
      ...references,
      { role: "user" as const, content: "Ok?" },
    ];
    expect((await openai.responses.create({ model, input })).output_text).toBe(answer);
    expect(leaks(vendors.calls().slice(before))).toBe(false);
    expect(vendors.violations).toEqual([]);
  });
});

const shownOf = ({ content }: Anthropic.Message) =>
  content.map((block) => (block.type === "thinking" ? block.thinking : block.type));

describe("a message of a team", () => {
  const thinking = { type: "enabled" as const, budget_tokens: 1024 };
  const hello: Anthropic.MessageParam[] = [{ role: "user", content: question }];
  const params = { model, max_tokens: 4000, messages: hello };

  it("begins with a signed block of who works, word by word", async () => {
    const stream = anthropic.messages.stream({ ...params, thinking });
    const pieces: string[] = [];
    stream.on("thinking", (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    expect(shownOf(message)).toEqual([expect.stringMatching(ofTeam), "text"]);
    expect(message.content[0]).toMatchObject({ type: "thinking", signature: expect.stringMatching(/^[\w+/]{40,}=*$/) });
    expect(pieces).toHaveLength(2 * vendors.calls().length - 1);
    expect(message.usage.output_tokens_details?.thinking_tokens).toBe(0);
  });

  it.each<[string, object, object, readonly unknown[]]>([
    ["thinking", { thinking }, {}, [expect.stringMatching(ofTeam), "text"]],
    ["the header", {}, asksByHeader, [expect.stringMatching(ofTeam), "text"]],
    ["nothing", {}, {}, ["text"]],
    ["thinking that is not shown", { thinking: { ...thinking, display: "omitted" } }, {}, ["text"]],
    ["thinking of one worker", { model: "shoal-mini", thinking }, asksByHeader, ["text"]],
  ])("has what is asked for by %s", async (_, fields, options, shown) => {
    const message = await anthropic.messages.create({ ...params, ...fields }, options);
    expect(shownOf(message)).toEqual(shown);
  });

  it("comes back with the worker's own thought after it, and no vendor is sent what was told", async () => {
    vendors.script({ reasoning: ["Fish ", "see."], text: ["Because ", "of neighbors."] });
    const first = await anthropic.messages.stream({ ...params, thinking }).finalMessage();
    expect(shownOf(first)).toEqual([expect.stringMatching(ofTeam), "Fish see.", "text"]);
    const before = vendors.calls().length;
    const messages: Anthropic.MessageParam[] = [
      ...hello,
      { role: "assistant", content: first.content },
      { role: "user", content: "Always?" },
    ];
    const second = await anthropic.messages.create({ ...params, thinking, messages });
    expect(second.content.at(-1)).toMatchObject({ text: answer });
    const calls = vendors.calls().slice(before);
    expect(leaks(calls)).toBe(false);
    expect(vendors.violations).toEqual([]);
  });

  it.each(["openai/gpt-6-luna", "anthropic/claude-opus-5", "google/gemini-3.6-flash"])(
    "is taken for %s though its block was changed, made up or all that was said",
    async (worker) => {
      const first = await anthropic.messages.create({ ...params, thinking });
      const told = first.content.find((block) => block.type === "thinking");
      if (!told) throw new Error("nothing was told");
      const before = vendors.calls().length;
      for (const block of [
        told,
        { ...told, thinking: "mallory is answering." },
        { ...told, signature: `${told.signature.slice(0, -8)}AAAAAAAA` },
        { ...told, signature: "made up" },
      ]) {
        const messages: Anthropic.MessageParam[] = [
          ...hello,
          { role: "assistant", content: [block] },
          { role: "user", content: "Always?" },
        ];
        await anthropic.messages.create({ ...params, model: worker, messages });
      }
      expect(leaks(vendors.calls().slice(before))).toBe(false);
      expect(vendors.violations).toEqual([]);
    },
  );
});

describe("a task with tools", () => {
  const tools: Anthropic.Tool[] = [
    { name: "depth", input_schema: { type: "object", properties: { sea: { type: "string" } } } },
  ];

  it("tells of its phases, keeps the worker's proof, and hands no vendor what was told", async () => {
    vendors.script(({ body }) => {
      const text = JSON.stringify(body);
      if (text.includes("Plan how to carry out the request")) return { text: ["Look it up."] };
      if (text.includes("Check the result: does it answer")) return { text: ["ACCEPT"] };
      if (text.includes("95 m")) return { reasoning: ["Now ", "I know."], text: ["95 m."] };
      return {
        reasoning: ["I must ", "look."],
        text: [],
        toolCalls: [{ id: "one", name: "depth", arguments: ['{"sea":', '"north"}'] }],
      };
    });
    const params = { model, max_tokens: 4000, tools, thinking: { type: "enabled" as const, budget_tokens: 1024 } };
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "How deep is the North Sea?" }];
    const first = await anthropic.messages.stream({ ...params, messages }).finalMessage();
    expect(first.content).toMatchObject([
      { type: "thinking", thinking: expect.stringMatching(/^(\S+) is thinking\.\n\1 is done\.\n\S+ is working\.\n$/) },
      { type: "thinking", thinking: "I must look." },
      { type: "tool_use" },
    ]);
    const call = first.content.find((block) => block.type === "tool_use");
    const second = await anthropic.messages
      .stream({
        ...params,
        messages: [
          ...messages,
          { role: "assistant", content: first.content },
          { role: "user", content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "95 m" }] },
        ],
      })
      .finalMessage();
    expect(second.content.filter((block) => block.type === "thinking")).toMatchObject([
      { thinking: "Now I know." },
      { thinking: expect.stringMatching(/^(\S+) is checking\.\n\1 is done\.\n$/) },
    ]);
    expect(second.content.at(-1)).toMatchObject({ type: "text", text: "95 m." });
    expect(vendors.calls().map(sendsProof)).toEqual([false, false, true, false]);
    expect(leaks(vendors.calls())).toBe(false);
    expect(vendors.violations).toEqual([]);
  });
});

describe("a chat completion of a team", () => {
  it("has it as its thoughts, streamed and whole, asked for by the header", async () => {
    const asked = { model, messages: [{ role: "user" as const, content: question }] };
    const completion = await openai.chat.completions.create(asked, asksByHeader);
    expect(completion.choices[0]?.message).toMatchObject({
      content: answer,
      reasoning_content: expect.stringMatching(ofTeam),
    });
    const chunks = await Array.fromAsync(
      await openai.chat.completions.create({ ...asked, stream: true }, asksByHeader),
    );
    const deltas = chunks.map((chunk): object => chunk.choices[0]?.delta ?? {});
    const thoughts = deltas.flatMap((delta) => ("reasoning_content" in delta ? [delta.reasoning_content] : []));
    expect(thoughts.join("")).toMatch(ofTeam);
  });
});

async function* pick<Event>(events: AsyncIterable<Event>, read: (event: Event) => string): AsyncGenerator<string> {
  for await (const event of events) {
    const text = read(event);
    if (text !== "") yield text;
  }
}

const asked = { model, stream: true as const, messages: [{ role: "user" as const, content: question }] };

/** What each client is told, line by line as it comes. */
const listeners: Readonly<Record<string, (signal: AbortSignal) => Promise<AsyncGenerator<string>>>> = {
  "Chat Completions": async (signal) => {
    const stream = await openai.chat.completions.create(asked, { ...asksByHeader, signal });
    return pick(stream, ({ choices }) => {
      const delta: object = choices[0]?.delta ?? {};
      return "reasoning_content" in delta ? String(delta.reasoning_content) : "";
    });
  },
  Responses: async (signal) => {
    const { messages: input, ...rest } = asked;
    const stream = await openai.responses.create({ ...rest, input, reasoning: { summary: "auto" } }, { signal });
    return pick(stream, (event) => (event.type === "response.reasoning_summary_text.delta" ? event.delta : ""));
  },
  Messages: async (signal) => {
    const stream = await anthropic.messages.create({ ...asked, max_tokens: 4000 }, { ...asksByHeader, signal });
    return pick(stream, (event) =>
      event.type === "content_block_delta" && event.delta.type === "thinking_delta" ? event.delta.thinking : "",
    );
  },
};

/** The calls that lines tell of, once they have come. */
const callsToldOf = (lines: readonly string[]): Promise<readonly VendorCall[]> => {
  const counts = new Map<string, number>();
  return Promise.all(
    lines.map((line) => {
      const name = vendorNames.find((vendor) => line.startsWith(`${vendor}/`));
      if (!name) throw new Error(`no vendor in ${line}`);
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      return vendors[name].call(count);
    }),
  );
};

describe("a team at work", () => {
  it.each(Object.keys(listeners))(
    "is told of as it begins, and stops when its reader leaves, in %s",
    async (format) => {
      vendors.script({ headersAfterMs: 60_000 });
      const reader = new AbortController();
      const lines = await listeners[format]!(reader.signal);
      const told = [await lines.next(), await lines.next()].map(({ value }) => String(value));
      expect(told.join("")).toMatch(/^\S+ is answering\.\n\S+ is answering\.\n$/);
      const calls = await callsToldOf(told);
      reader.abort();
      expect(await Promise.all(calls.map((call) => call.closed))).toEqual(["aborted", "aborted"]);
    },
  );

  it("that votes is told of vote by vote", async () => {
    vendors.script({ text: ["The product is 144."] });
    const { data: message, response } = await anthropic.messages
      .create(
        {
          model,
          max_tokens: 4000,
          messages: [{ role: "user", content: "What is 12 * 12? Give the final answer as a number." }],
        },
        asksByHeader,
      )
      .withResponse();
    expect(response.headers.get("x-shoal-plan")).toMatch(/^ballot /);
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: expect.stringMatching(/^(?:\S+ is (?:answering|done)\.\n){2,}$/) },
      { type: "text", text: "The product is 144." },
    ]);
  });
});
