import { describe, expect, it } from "vitest";
import { encode, encodeError, type EncodeOptions } from "../../../edge/encode/encode.ts";
import type { Events } from "../../../edge/execute/execute.ts";
import { chatCompletions } from "../../../edge/formats/chat-completions.ts";
import type { Format } from "../../../edge/formats/format.ts";
import { messages } from "../../../edge/formats/messages.ts";
import { createQueue } from "../../../edge/execute/queue.ts";
import type { AnswerEvent } from "../../../shared/events.ts";
import { directPlan, workersOf, type Plan } from "../../../shared/plan.ts";
import { readSse, ssePing } from "../../../shared/sse.ts";
import { teamPlan } from "../../../shared/team.ts";
import {
  chatOf,
  endedBy,
  failure,
  reasoningDelta,
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
import { createHandClock, settle } from "../../support/hand-clock.ts";

const workflow: Plan = {
  kind: "workflow",
  steps: [
    { id: "draft", worker: "w/a", role: "answer", subtask: null, access: "none" },
    { id: "judge", worker: "w/b", role: "judge", subtask: "Choose.", access: "all" },
  ],
};

const answer = [
  start,
  textDelta("Three "),
  textDelta("fish"),
  used("answer", "w/a", usageOf(10, 5), 20),
  endedBy("answer", "w/a"),
];

/** A planner has come to this plan. */
const written = (plan: Plan): AnswerEvent => ({
  type: "written",
  round: 1,
  plan,
  reason: "written by the planner",
  writing: { by: "w/p", outcome: "written", problems: [], unused: 0, inputTokens: 1, outputTokens: 1, ms: 1 },
});

/** Events that come when a test gives them. */
const createSource = () => {
  const queue = createQueue<readonly AnswerEvent[]>();
  const { promise, resolve } = Promise.withResolvers<void>();
  let returned = false;
  async function* events(): Events {
    try {
      yield* queue.until(promise);
    } finally {
      returned = true;
    }
  }
  return {
    events: events(),
    give: (...batch: AnswerEvent[]) => queue.push(batch),
    close: resolve,
    returned: () => returned,
  };
};

const setUp = (
  options: {
    readonly stream?: boolean;
    readonly plan?: Plan;
    /** A planner is still to write it. */
    readonly unwritten?: true;
    readonly includeUsage?: boolean;
    readonly events?: Events;
    readonly format?: Format;
  } = {},
) => {
  const { stream = true, plan = directPlan("w/a"), includeUsage = false } = options;
  const clock = createHandClock();
  const source = createSource();
  let aborted = false;
  let asked = 0;
  const encodeOptions: EncodeOptions = {
    format: options.format ?? chatCompletions,
    client: { chat: chatOf("hi"), stream, includeUsage },
    planned: {
      decision: { plan, scores: [], reason: "", taskType: null, support: 0, weights: "" },
      source: "edge_head",
      fallback: null,
      ...(options.unwritten && { unwritten: { worker: "w/p", ms: 20_000 } }),
    },
    head: {
      id: "chatcmpl-r1",
      created: Math.floor(clock.now() / 1000),
      model: "shoal-mini",
      includeUsage,
      now: () => Math.floor(clock.now() / 1000),
    },
    headers: ({ decision }) => {
      asked += 1;
      return { "x-request-id": "r1", "x-shoal-plan": workersOf(decision.plan).join(",") };
    },
  };
  const response = encode(options.events ?? source.events, encodeOptions, {
    clock,
    abort: () => {
      aborted = true;
    },
  });
  let open = false;
  void response.then(() => {
    open = true;
  });
  return {
    ...source,
    clock,
    response,
    isOpen: async () => {
      await settle();
      return open;
    },
    aborted: () => aborted,
    asked: () => asked,
  };
};

/** Reads a body piece by piece, as it comes. */
const follow = (response: Response) => {
  const pieces: string[] = [];
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const over = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      pieces.push(new TextDecoder().decode(value));
    }
  })();
  return { pieces, over, cancel: () => reader.cancel() };
};

const planOf = (begins: boolean) => teamPlan({ actor: "w/a", partner: "w/b", begins });
const dataOf = (text: string): readonly string[] => readSse(text).map(({ data }) => data);

describe("a stream's headers", () => {
  it("go out with the first word", async () => {
    const { give, isOpen, response } = setUp();
    give(stepStart("answer", "w/a"));
    expect(await isOpen()).toBe(false);
    give(start);
    expect(await isOpen()).toBe(true);
    const { status, headers } = await response;
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-request-id": "r1",
    });
  });

  it("wait for it one second at most", async () => {
    const { isOpen, clock } = setUp();
    await clock.advance(999);
    expect(await isOpen()).toBe(false);
    await clock.advance(1);
    expect(await isOpen()).toBe(true);
  });

  it("do not wait when the plan has several calls", async () => {
    const { isOpen, clock } = setUp({ plan: workflow });
    await clock.advance(0);
    expect(await isOpen()).toBe(true);
  });

  it("wait as for one call when a team acts at once, and do not when it plans before", async () => {
    const [acts, plans] = [setUp({ plan: planOf(false) }), setUp({ plan: planOf(true) })];
    await acts.clock.advance(999);
    expect(await acts.isOpen()).toBe(false);
    await plans.clock.advance(0);
    expect(await plans.isOpen()).toBe(true);
  });

  it("wait a second for a planner, and then say what it wrote", async () => {
    const { give, isOpen, response } = setUp({ plan: workflow, unwritten: true });
    give(stepStart("plan", "w/p"));
    expect(await isOpen()).toBe(false);
    give(written({ kind: "workflow", steps: workflow.kind === "workflow" ? workflow.steps.toReversed() : [] }));
    expect(await isOpen()).toBe(true);
    expect((await response).headers.get("x-shoal-plan")).toBe("w/b,w/a");
  });

  it("wait for no planner longer, and for the first word of one call that it wrote", async () => {
    const late = setUp({ plan: workflow, unwritten: true });
    await late.clock.advance(1_000);
    expect(await late.isOpen()).toBe(true);
    const one = setUp({ plan: workflow, unwritten: true });
    one.give(written(directPlan("w/c")));
    expect(await one.isOpen()).toBe(false);
    one.give(start);
    expect((await one.response).headers.get("x-shoal-plan")).toBe("w/c");
  });

  it("are asked for once, when they go out", async () => {
    const { give, asked, response } = setUp();
    await settle();
    expect(asked()).toBe(0);
    give(start);
    await response;
    expect(asked()).toBe(1);
  });
});

async function* broken(): Events {
  yield [start, textDelta("Three ")];
  throw new Error("sk-secret");
}

describe("a failure", () => {
  it("keeps its status until headers have gone out", async () => {
    const { give, close, response } = setUp();
    give(stepStart("answer", "w/a"));
    give(stepEnd("answer", "w/a", "failed"), failure(upstreamError("rate_limited", { retryAfterSeconds: 6.2 })));
    close();
    const { status, headers } = await response;
    expect(status).toBe(429);
    expect(headers.get("retry-after")).toBe("7");
    expect(headers.get("content-type")).toContain("application/json");
    expect(await (await response).json()).toMatchObject({ error: { code: "upstream_rate_limited" } });
  });

  it("keeps its status though a team was told of", async () => {
    const { give, close, response } = setUp({ plan: planOf(false) });
    give(stepStart("act", "w/a"), told("w/a failed.\n"), failure(upstreamError("overloaded")));
    close();
    expect((await response).status).toBe(503);
  });

  it("keeps its status though the model has thought before it failed", async () => {
    const { give, close, response } = setUp();
    give(reasoningDelta("hm"), failure(upstreamError("overloaded")));
    close();
    expect((await response).status).toBe(503);
  });

  it("is an event of the answer after that, and the last", async () => {
    const { give, close, response } = setUp();
    give(start, textDelta("Three "));
    const { pieces, over } = follow(await response);
    give(failure(upstreamError("network")));
    close();
    await over;
    const data = dataOf(pieces.join(""));
    expect(JSON.parse(data.at(-1) ?? "")).toEqual({
      error: { message: "north: not today", type: "server_error", param: null, code: "upstream_network" },
    });
    expect(data).not.toContain("[DONE]");
    expect((await response).status).toBe(200);
  });

  it("that is a bug is told as an event, in no words of its own", async () => {
    const { response } = setUp({ events: broken() });
    const { pieces, over } = follow(await response);
    await over;
    expect(pieces.join("")).not.toContain("sk-secret");
    expect(JSON.parse(dataOf(pieces.join("")).at(-1) ?? "")).toMatchObject({ error: { code: "internal_error" } });
  });

  it("keeps its status in JSON, whatever was said before", async () => {
    const { give, close, response } = setUp({ stream: false });
    give(start, textDelta("Three "), failure(upstreamError("timeout")));
    close();
    expect((await response).status).toBe(504);
  });

  it("says to wait one second at least", () => {
    const response = encodeError({ kind: "rate_limited", limit: "x", retryAfterSeconds: 0.01 }, chatCompletions, {});
    expect(response.headers.get("retry-after")).toBe("1");
    expect(encodeError({ kind: "internal" }, chatCompletions, {}).headers.has("retry-after")).toBe(false);
  });

  it("of the method says which ones are allowed", () => {
    const response = encodeError({ kind: "method_not_allowed", allowed: ["GET", "POST"] }, chatCompletions, {});
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST");
  });
});

describe("heartbeats", () => {
  it("break the silence every second, then every ten", async () => {
    const { give, clock, response } = setUp();
    give(start);
    const { pieces } = follow(await response);
    await settle();
    const before = pieces.length;
    await clock.advance(60_000);
    expect(pieces.slice(before)).toEqual(Array.from({ length: 60 }, () => ssePing));
    await clock.advance(20_000);
    expect(pieces.slice(before)).toHaveLength(62);
  });

  it("are a format's own event where it has one", async () => {
    const { clock, response } = setUp({ format: messages });
    await clock.advance(1_000);
    const { pieces } = follow(await response);
    await settle();
    expect(pieces).toEqual(['event: ping\ndata: {"type":"ping"}\n\n']);
  });

  it("are the first thing written when there is nothing to say yet", async () => {
    const { clock, response } = setUp();
    await clock.advance(1_000);
    const { pieces } = follow(await response);
    await settle();
    expect(pieces).toEqual([ssePing]);
  });

  it("stay away while words come", async () => {
    const { give, clock, response } = setUp();
    give(start);
    const { pieces } = follow(await response);
    for (let index = 0; index < 20; index += 1) {
      give(textDelta("a"));
      await clock.advance(900);
    }
    expect(pieces).not.toContain(ssePing);
  });

  it("stand between events, never within one", async () => {
    const { give, close, clock, response } = setUp();
    give(start);
    const { pieces, over } = follow(await response);
    for (let index = 0; index < 5; index += 1) {
      await clock.advance(1_100);
      give(textDelta(`${index}`));
    }
    give(endedBy("answer", "w/a"));
    close();
    await over;
    expect(pieces).toContain(ssePing);
    for (const piece of pieces) expect(piece === ssePing || piece.endsWith("\n\n")).toBe(true);
  });

  it("end with the answer", async () => {
    const { give, close, clock, response } = setUp();
    give(...answer);
    close();
    await follow(await response).over;
    await settle();
    expect(clock.pending()).toBe(0);
  });
});

describe("a client that leaves", () => {
  it("ends the upstream calls and the accounting", async () => {
    const { give, clock, response, aborted, returned } = setUp();
    give(start, textDelta("Three"));
    const { cancel } = follow(await response);
    await settle();
    const leaving = cancel();
    await settle();
    expect(aborted()).toBe(true);
    give(textDelta(" more"));
    await leaving;
    expect(returned()).toBe(true);
    expect(clock.pending()).toBe(0);
  });
});

describe("an answer", () => {
  it.each([
    ["words", answer],
    [
      "thoughts and a tool call",
      [
        start,
        reasoningDelta("hm"),
        toolCall(0, "f"),
        toolDelta(0, '{"a"'),
        toolDelta(0, ":1}"),
        endedBy("answer", "w/a", "tool_calls"),
      ],
    ],
  ])("says the same in JSON and as a stream: %s", async (_, events) => {
    const json = setUp({ stream: false });
    json.give(...events);
    json.close();
    const stream = setUp({ includeUsage: true });
    stream.give(...events);
    stream.close();
    const whole: {
      choices: [
        {
          message: { content: string | null; reasoning_content?: string; tool_calls?: unknown };
          finish_reason: string;
        },
      ];
      usage: unknown;
    } = await (await json.response).json();
    const { pieces, over } = follow(await stream.response);
    await over;
    const chunks = dataOf(pieces.join(""))
      .slice(0, -1)
      .map(
        (
          data,
        ): {
          choices: {
            delta: { content?: string; reasoning_content?: string; tool_calls?: [{ function: { arguments: string } }] };
            finish_reason: string | null;
          }[];
          usage: unknown;
        } => JSON.parse(data),
      );
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    expect(deltas.map(({ content }) => content ?? "").join("")).toBe(whole.choices[0].message.content ?? "");
    expect(deltas.map((delta) => delta.reasoning_content ?? "").join("")).toBe(
      whole.choices[0].message.reasoning_content ?? "",
    );
    expect(deltas.flatMap((delta) => delta.tool_calls?.map((call) => call.function.arguments) ?? []).join("")).toBe(
      whole.choices[0].message.tool_calls ? '{"a":1}' : "",
    );
    expect(chunks.flatMap(({ choices }) => choices.flatMap((choice) => choice.finish_reason ?? []))).toEqual([
      whole.choices[0].finish_reason,
    ]);
    expect(chunks.at(-1)?.usage).toEqual(whole.usage);
  });
});
