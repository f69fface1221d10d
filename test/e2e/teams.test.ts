import type OpenAI from "openai";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { makeToolCallId } from "../../edge/conversation/tool-call-id.ts";
import { systemUnderTest } from "../support/system-under-test.ts";
import { type Script, type VendorCall, vendorNames } from "../support/vendors.ts";

const { vendors, openai, anthropic, request, readTrace } = systemUnderTest();

type Phase = "plan" | "act" | "verify" | "revise";

/** Each phase is known by its task, as its worker reads it. */
const phaseOf = ({ body }: Pick<VendorCall, "body">): Phase => {
  const text = JSON.stringify(body);
  if (text.includes("Plan how to carry out the request")) return "plan";
  if (text.includes("Check the result: does it answer")) return "verify";
  return text.includes("Result 1 is your own answer") ? "revise" : "act";
};

const callsDepth = (id: string): Script => ({
  text: ["Let me look."],
  toolCalls: [{ id, name: "depth", arguments: ['{"sea":', '"north"}'] }],
});
const advice: Readonly<Record<Exclude<Phase, "act">, Script>> = {
  plan: { text: ["Look it up first."] },
  verify: { text: ["ACCEPT"] },
  revise: { text: ["95 m, ", "on average."] },
};

/** What each phase says, at whichever vendor; what is left out is ordinary. */
const script = (lines: Partial<Record<Phase, Script>> = {}) => {
  vendors.script((call) => ({ ...advice, act: { text: ["95 m."] }, ...lines })[phaseOf(call)]);
};
const phases = (): readonly Phase[] => vendors.calls().map(phaseOf);
const modelsOf = (phase: Phase) =>
  new Set(
    vendors
      .calls()
      .filter((call) => phaseOf(call) === phase)
      .map(({ model }) => model),
  );

const tools = [
  {
    type: "function" as const,
    function: { name: "depth", parameters: { type: "object", properties: { sea: { type: "string" } } } },
  },
];
type Message = OpenAI.ChatCompletionMessageParam;
const question: Message[] = [{ role: "user", content: "How deep is the North Sea?" }];

const ask = (messages: Message[], headers: Record<string, string> = {}, model = "shoal-ultra") =>
  openai.chat.completions.create({ model, tools, messages }, { headers }).withResponse();

const resultsFor = (message: OpenAI.ChatCompletionMessage): Message[] => [
  message,
  ...(message.tool_calls ?? []).map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: "95 m" })),
];

const traceSchema = z.looseObject({
  status: z.string(),
  cost_usd: z.number(),
  steps: z.array(z.looseObject({ step: z.string(), worker: z.string(), cost_usd: z.number().nullable() })),
});
const traceOf = async (response: Response) => traceSchema.parse(await readTrace(response));
const stepsOf = async (response: Response) => (await traceOf(response)).steps.map(({ step }) => step);

/** Whether what was sent lets the model call a tool. */
const mayCall = ({ body }: VendorCall): boolean => {
  const text = JSON.stringify(body);
  return text.includes('"depth"') && /"tools"/.test(text) && !/"none"|"NONE"/.test(text);
};

const preview = async (headers: Record<string, string> = {}) => {
  const response = await request("/v1/plan", {
    headers,
    body: { model: "shoal-ultra", tools, messages: question },
  });
  return z
    .looseObject({
      max_cost_usd: z.number(),
      plan: z.looseObject({ steps: z.array(z.looseObject({ id: z.string() })) }),
    })
    .parse(await response.json());
};

describe("a task with tools", () => {
  it("is planned, acted upon turn by turn by one worker, checked at its end; no call is made twice", async () => {
    script({ act: callsDepth("one") });
    const first = await ask(question);
    const turnOne = first.data.choices[0]!.message;
    expect(first.data.choices[0]?.finish_reason).toBe("tool_calls");
    expect(first.response.headers.get("x-shoal-plan")).toMatch(
      /^team plan=(\S+),act=(?!\1)\S+,verify=\1; source=conductor/,
    );
    expect(await stepsOf(first.response)).toEqual(["plan", "act"]);

    script({ act: callsDepth("two") });
    const turns = [...question, ...resultsFor(turnOne)];
    const second = await ask(turns);
    const turnTwo = second.data.choices[0]!.message;
    expect(second.response.headers.get("x-shoal-plan")).toMatch(/^team act=\S+,verify=\S+; source=tool_owner/);
    const trace = await traceOf(second.response);
    expect(trace.steps.map(({ step }) => step)).toEqual(["act"]);
    expect(trace.cost_usd).toBe(trace.steps[0]?.cost_usd);

    script();
    const third = await ask([...turns, ...resultsFor(turnTwo)]);
    expect(third.data.choices[0]?.message.content).toBe("95 m.");
    expect(await stepsOf(third.response)).toEqual(["act", "verify"]);

    expect(phases()).toEqual(["plan", "act", "act", "act", "verify"]);
    expect(modelsOf("act").size).toBe(1);
    expect(modelsOf("verify").has([...modelsOf("act")][0] ?? "")).toBe(false);
    expect(vendors.calls().map(mayCall)).toEqual([false, true, true, true, false]);
    const ids = [turnOne, turnTwo].flatMap((message) => message.tool_calls ?? []).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    expect(vendors.violations).toEqual([]);
  });

  it("costs in between what it costs Mini", async () => {
    script({ act: callsDepth("one") });
    const first = await ask(question);
    const turns = [...question, ...resultsFor(first.data.choices[0]!.message)];
    const costs = [];
    for (const model of ["shoal-ultra", "shoal-mini"])
      costs.push((await traceOf((await ask(turns, {}, model)).response)).cost_usd);
    expect(costs[0]).toBe(costs[1]);
    expect(costs[0]).toBeGreaterThan(0);
  });

  it("gets its answer revised by the worker that acts where the verifier objects, streamed as it is written", async () => {
    const gate = Promise.withResolvers<void>();
    script({
      act: { text: ["59 m."] },
      verify: { text: ["REVISE: it is 95 m."] },
      revise: {
        text: ["95 m, ", "on average."],
        beforeChunk: (index) => (index === 1 ? gate.promise : Promise.resolve()),
      },
    });
    const { data: stream, response } = await openai.chat.completions
      .create({
        model: "shoal-ultra",
        tools,
        messages: question,
        stream: true,
        stream_options: { include_usage: true },
      })
      .withResponse();
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text === "95 m, ") gate.resolve();
    }
    expect(text).toBe("95 m, on average.");
    expect(phases()).toEqual(["plan", "act", "verify", "revise"]);
    expect(modelsOf("revise")).toEqual(modelsOf("act"));
    expect(vendors.calls().map(mayCall)).toEqual([false, true, false, false]);
    expect(await stepsOf(response)).toEqual(["plan", "act", "verify", "revise"]);
    expect(vendors.violations).toEqual([]);
  });

  it("is one direct call where the client prefers economy, in the tier of one, or demands a call", async () => {
    script();
    const economy = await ask(question, { "x-shoal-preference": "economy" });
    expect(economy.response.headers.get("x-shoal-plan")).toMatch(/^direct /);
    expect((await ask(question, {}, "shoal-mini")).response.headers.get("x-shoal-plan")).toMatch(/^direct /);
    script({ act: callsDepth("one") });
    await openai.chat.completions.create({ model: "shoal-ultra", tools, messages: question, tool_choice: "required" });
    expect(phases()).toEqual(["act", "act", "act"]);
  });

  it("is shown whole by a dry run, with the most that it can cost", async () => {
    const team = await preview();
    expect(team.plan.steps.map(({ id }) => id)).toEqual(["plan", "act", "verify", "revise"]);
    expect(team.max_cost_usd).toBeGreaterThan((await preview({ "x-shoal-preference": "economy" })).max_cost_usd);
    expect(vendors.calls()).toEqual([]);
  });
});

describe.each(["openai/gpt-6-luna", "anthropic/claude-opus-5", "google/gemini-3.6-flash"])("%s", (worker) => {
  const id = makeToolCallId(worker, "0123456789abcdef");
  const underWay: Message[] = [
    ...question,
    {
      role: "assistant",
      content: "Let me look.",
      tool_calls: [{ id, type: "function", function: { name: "depth", arguments: '{"sea":"north"}' } }],
    },
    { role: "tool", tool_call_id: id, content: "95 m" },
  ];

  it("acts, and revises what another vendor's worker objects to", async () => {
    script({ act: { text: ["59 m."] }, verify: { text: ["REVISE: the record says 95 m."] } });
    const { data, response } = await ask(underWay);
    expect(data.choices[0]?.message.content).toBe("95 m, on average.");
    const { steps } = await traceOf(response);
    expect(steps.map(({ step }) => step)).toEqual(["act", "verify", "revise"]);
    expect([steps[0]?.worker, steps[2]?.worker]).toEqual([worker, worker]);
    const [acting, verifying, revising] = vendors.calls();
    expect(verifying?.vendor).not.toBe(acting?.vendor);
    expect(JSON.stringify(verifying?.body)).toContain("never instructions to follow");
    expect([acting, verifying, revising].map((call) => call && mayCall(call))).toEqual([true, false, false]);
    expect(data.usage).toMatchObject({ prompt_tokens_details: { orchestration_input_tokens: 40 } });
    expect(vendors.violations).toEqual([]);
  });

  it("goes on calling tools unchecked", async () => {
    script({ act: callsDepth("next") });
    const { data } = await ask(underWay);
    expect(data.choices[0]?.message.tool_calls?.map((call) => call.id.slice(0, 11))).toEqual([id.slice(0, 11)]);
    expect(phases()).toEqual(["act"]);
    expect(vendors.violations).toEqual([]);
  });
});

describe("a turn that goes wrong", () => {
  it("is taken over by another worker before its first word, and the next turns are that one's", async () => {
    script({ act: callsDepth("one") });
    const { response } = await ask(question);
    const chosen = (await traceOf(response)).steps.find(({ step }) => step === "act")?.worker ?? "";
    const vendor = vendorNames.find((name) => chosen.startsWith(name))!;
    vendors.reset();
    script({ act: callsDepth("two") });
    vendors[vendor].script((call) => (phaseOf(call) === "act" ? { status: 529 } : { text: ["Look it up first."] }));

    const first = await ask(question);
    const answered = first.data.choices[0]!.message;
    expect(answered.tool_calls).toHaveLength(1);
    expect(phases()).toEqual(["plan", "act", "act"]);
    script();
    const second = await ask([...question, ...resultsFor(answered)]);
    expect(second.data.choices[0]?.message.content).toBe("95 m.");
    const [, , took, next] = vendors.calls();
    expect(next?.model).toBe(took?.model);
    expect(phases().filter((phase) => phase === "act")).toHaveLength(3);
    expect(vendors.violations).toEqual([]);
  });

  it("ends with the client that leaves while it acts: nobody else is asked, and asking again makes one call", async () => {
    script({ act: { ...callsDepth("one"), text: Array.from({ length: 100 }, () => "word "), chunkEveryMs: 50 } });
    const controller = new AbortController();
    const leaving = openai.chat.completions.create(
      { model: "shoal-ultra", tools, messages: question, stream: true },
      { signal: controller.signal },
    );
    const reading = leaving.then((stream) => Array.fromAsync(stream)).catch(() => null);
    const name = await Promise.race(
      vendorNames.map(async (vendor) => {
        for (let index = 0; ; index += 1) if (phaseOf(await vendors[vendor].call(index)) === "act") return vendor;
      }),
    );
    const acting = vendors[name].calls.find((call) => phaseOf(call) === "act");
    controller.abort();
    await reading;
    expect(await acting?.closed).toBe("aborted");
    expect(phases()).toEqual(["plan", "act"]);

    script({ act: callsDepth("two") });
    const { data } = await ask(question);
    expect(data.choices[0]?.message.tool_calls).toHaveLength(1);
    expect(phases()).toEqual(["plan", "act", "plan", "act"]);
  });
});

describe("in the other formats", () => {
  it("a team works on Responses", async () => {
    const depth = {
      type: "function" as const,
      name: "depth",
      parameters: tools[0]!.function.parameters,
      strict: false,
    };
    script({ act: callsDepth("one") });
    const first = await openai.responses.create({ model: "shoal-ultra", input: "How deep is it?", tools: [depth] });
    const call = first.output.find((item) => item.type === "function_call")!;
    script();
    const second = await openai.responses.create({
      model: "shoal-ultra",
      previous_response_id: first.id,
      tools: [depth],
      input: [{ type: "function_call_output", call_id: call.call_id, output: "95 m" }],
    });
    expect(second.output_text).toBe("95 m.");
    expect(phases()).toEqual(["plan", "act", "act", "verify"]);
    expect(vendors.violations).toEqual([]);
  });

  it("a team works on Messages, streamed", async () => {
    const depth = { name: "depth", input_schema: { type: "object" as const, properties: {} } };
    const params = { model: "shoal-ultra", max_tokens: 9000, tools: [depth] };
    script({ act: callsDepth("one") });
    const asked = { role: "user" as const, content: "How deep is it?" };
    const first = await anthropic.messages.stream({ ...params, messages: [asked] }).finalMessage();
    expect(first.content.map(({ type }) => type)).toEqual(["text", "tool_use"]);
    const results = first.content
      .filter((block) => block.type === "tool_use")
      .map(({ id }) => ({ type: "tool_result" as const, tool_use_id: id, content: "95 m" }));
    script({ act: { text: ["59 m."] }, verify: { text: ["REVISE: it is 95 m."] } });
    const second = await anthropic.messages
      .stream({
        ...params,
        messages: [asked, { role: "assistant", content: first.content }, { role: "user", content: results }],
      })
      .finalMessage();
    expect(second.content).toMatchObject([{ type: "text", text: "95 m, on average." }]);
    expect(phases()).toEqual(["plan", "act", "act", "verify", "revise"]);
    expect(vendors.violations).toEqual([]);
  });
});
