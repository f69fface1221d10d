import pLimit from "p-limit";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { CallEvent } from "../../../shared/events.ts";
import type { Clock } from "../../../edge/runtime/clock.ts";
import { anthropic } from "../../../edge/providers/anthropic.ts";
import { callWorker, type CallIo } from "../../../edge/providers/call.ts";
import { fixture, makeCall, recordFetch, sdkLoadMs } from "./contract.ts";

const connection = { baseUrl: "https://api.anthropic.com", apiKey: "test-key-0123456789" };
const target = { provider: anthropic, connection, worker: "anthropic/model-x" };
const call = makeCall();
const deadlines = { headersMs: 1000, firstTokenMs: 3000, gapMs: 500, totalMs: 10_000 };

/** A clock that only a test moves. */
const createHandClock = () => {
  let now = 0;
  let tasks: { readonly at: number; readonly run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    after(ms, run) {
      const task = { at: now + ms, run };
      tasks.push(task);
      return () => (tasks = tasks.filter((other) => other !== task));
    },
  };
  return {
    ...clock,
    pending: () => tasks.length,
    advance(ms: number) {
      const until = now + ms;
      for (;;) {
        const [next] = tasks.filter((task) => task.at <= until).toSorted((a, b) => a.at - b.at);
        if (!next) break;
        tasks = tasks.filter((task) => task !== next);
        now = next.at;
        next.run();
      }
      now = until;
    },
  };
};

/** A body that a test writes as it goes. */
const createBody = () => {
  const canceled = Promise.withResolvers<void>();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: () => canceled.resolve(),
  });
  return {
    stream,
    canceled: canceled.promise,
    write: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    end: () => controller?.close(),
    break: () => controller?.error(new Error("connection reset")),
  };
};

/** A `fetch` whose responses a test gives when it likes; each request rejects when its signal aborts. */
const createUpstream = () => {
  const requests: { readonly signal: AbortSignal; readonly respond: (response: Response) => void }[] = [];
  let waiting = 0;
  let mostWaiting = 0;
  const counts: { readonly at: number; readonly resolve: () => void }[] = [];
  const fetcher: typeof fetch = (_input: RequestInfo | URL, init?: RequestInit) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const signal = init?.signal ?? new AbortController().signal;
    waiting += 1;
    mostWaiting = Math.max(mostWaiting, waiting);
    signal.addEventListener("abort", () => {
      waiting -= 1;
      reject(new Error("aborted"));
    });
    const respond = (response: Response) => {
      waiting -= 1;
      resolve(response);
    };
    requests.push({ signal, respond });
    for (const count of counts) if (count.at === requests.length) count.resolve();
    return promise;
  };
  const request = (index: number) => {
    const found = requests[index];
    if (!found) throw new Error(`there is no request ${index}`);
    return found;
  };
  return {
    fetcher,
    mostWaiting: () => mostWaiting,
    count: () => requests.length,
    request,
    arrived: (at: number) =>
      requests.length >= at ? Promise.resolve() : new Promise<void>((resolve) => counts.push({ at, resolve })),
    answer: (index: number, body: BodyInit) => request(index).respond(sse(body)),
  };
};

const makeIo = (io: Partial<CallIo> & Pick<CallIo, "fetch">): CallIo => ({
  clock: createHandClock(),
  signal: new AbortController().signal,
  slots: pLimit(5),
  deadlines,
  mode: "stream",
  onSent: () => {},
  onAccepted: () => {},
  ...io,
});

const collectBatches = async (io: CallIo): Promise<readonly (readonly CallEvent[])[]> => {
  const batches: (readonly CallEvent[])[] = [];
  for await (const batch of callWorker(call, target, io)) batches.push(batch);
  return batches;
};

const collectEvents = async (io: CallIo) => (await collectBatches(io)).flat();

const streamOf = (pieces: readonly Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });

const sse = (body: BodyInit) => new Response(body, { headers: { "content-type": "text/event-stream" } });

const frame = (event: object) => `data: ${JSON.stringify(event)}\n\n`;
const opening = frame({ type: "message_start", message: { model: "m", id: "msg_1", usage: { input_tokens: 3 } } });
const words = (text: string) => frame({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });
const timeout = (message: string) => [{ type: "error", error: { kind: "upstream", cause: "timeout", message } }];

beforeAll(async () => {
  const { fetcher } = recordFetch(() => new Response(fixture("anthropic-thinking")));
  await collectBatches(makeIo({ fetch: fetcher }));
}, sdkLoadMs);

const eventsOf = (fetcher: typeof fetch) => collectEvents(makeIo({ fetch: fetcher }));
const unreachable: typeof fetch = () => Promise.reject(new Error("connect ECONNREFUSED 10.0.0.7:443"));

describe("callWorker", () => {
  it.each(["thinking", "tools", "structured", "refusal", "error"])(
    "reads %s alike in pieces and as a whole",
    async (name) => {
      const bytes = new TextEncoder().encode(fixture(`anthropic-${name}`));
      const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
      const inPieces = await collectEvents(makeIo({ fetch: recordFetch(() => sse(streamOf(pieces))).fetcher }));
      const whole = makeIo({ fetch: recordFetch(() => sse(streamOf([bytes]))).fetcher, mode: "whole" });
      expect(await collectBatches(whole)).toEqual([inPieces]);
      expect(inPieces.length).toBeGreaterThan(2);
    },
  );

  it("gives the events of one chunk as one batch", async () => {
    const encoder = new TextEncoder();
    const chunks = [opening + words("a") + words("b"), words("c"), frame({ type: "message_stop" })];
    const { fetcher } = recordFetch(() => new Response(streamOf(chunks.map((chunk) => encoder.encode(chunk)))));
    const batches = await collectBatches(makeIo({ fetch: fetcher }));
    expect(batches.map((batch) => batch.map(({ type }) => type))).toEqual([
      ["start", "usage", "text-delta", "text-delta"],
      ["text-delta"],
      ["end"],
    ]);
  });

  it("says when the vendor has accepted the call, and only then", async () => {
    const onAccepted = vi.fn<() => void>();
    const refusing = recordFetch(() => new Response("", { status: 529 })).fetcher;
    await collectEvents(makeIo({ fetch: refusing, onAccepted }));
    expect(onAccepted).not.toHaveBeenCalled();
    const cut = recordFetch(() => new Response(opening)).fetcher;
    await collectEvents(makeIo({ fetch: cut, onAccepted }));
    expect(onAccepted).toHaveBeenCalledTimes(1);
  });

  it("leaves no timer and no listener behind", async () => {
    const clock = createHandClock();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    const { fetcher } = recordFetch(() => new Response(fixture("anthropic-tools")));
    for (const mode of ["stream", "whole"] as const)
      await collectBatches(makeIo({ fetch: fetcher, clock, signal, mode }));
    expect(clock.pending()).toBe(0);
    expect(added).toHaveBeenCalledTimes(2);
    for (const [type, listener] of added.mock.calls) expect(removed).toHaveBeenCalledWith(type, listener);
  });

  describe("deadlines", () => {
    it("waits for headers no longer than it may", async () => {
      const clock = createHandClock();
      const upstream = createUpstream();
      const batches = collectBatches(makeIo({ fetch: upstream.fetcher, clock }));
      await upstream.arrived(1);
      clock.advance(999);
      expect(upstream.request(0).signal.aborted).toBe(false);
      clock.advance(1);
      expect(await batches).toMatchObject([timeout("no headers within the deadline")]);
      expect(upstream.request(0).signal.aborted).toBe(true);
    });

    it("waits for the first token no longer than it may, whatever else comes", async () => {
      const clock = createHandClock();
      const upstream = createUpstream();
      const body = createBody();
      const calling = callWorker(call, target, makeIo({ fetch: upstream.fetcher, clock }));
      const first = calling.next();
      await upstream.arrived(1);
      upstream.answer(0, body.stream);
      body.write(opening);
      await first;
      const second = calling.next();
      clock.advance(3000);
      expect((await second).value).toMatchObject(timeout("no first token within the deadline"));
      await body.canceled;
    });

    it("waits between chunks no longer than it may, from each anew", async () => {
      const clock = createHandClock();
      const upstream = createUpstream();
      const body = createBody();
      const calling = callWorker(call, target, makeIo({ fetch: upstream.fetcher, clock }));
      const first = calling.next();
      await upstream.arrived(1);
      upstream.answer(0, body.stream);
      body.write(opening + words("a"));
      await first;
      clock.advance(499);
      body.write(words("b"));
      expect((await calling.next()).value).toEqual([{ type: "text-delta", text: "b" }]);
      clock.advance(499);
      body.write(words("c"));
      expect((await calling.next()).value).toEqual([{ type: "text-delta", text: "c" }]);
      const last = calling.next();
      clock.advance(500);
      expect((await last).value).toMatchObject(timeout("no next chunk within the deadline"));
      await body.canceled;
      expect((await calling.next()).done).toBe(true);
      expect(clock.pending()).toBe(0);
    });

    it("bounds a whole answer by the total", async () => {
      const clock = createHandClock();
      const upstream = createUpstream();
      const body = createBody();
      const batches = collectBatches(makeIo({ fetch: upstream.fetcher, clock, mode: "whole" }));
      await upstream.arrived(1);
      upstream.answer(0, body.stream);
      body.write(opening + words("a"));
      clock.advance(10_000);
      expect(await batches).toMatchObject([[{ type: "error", error: { cause: "timeout" } }]]);
    });

    it("counts from the moment the slot is held", async () => {
      const clock = createHandClock();
      const upstream = createUpstream();
      const slots = pLimit(1);
      const held = Promise.withResolvers<void>();
      const holder = slots(() => held.promise);
      const batches = collectBatches(makeIo({ fetch: upstream.fetcher, clock, slots }));
      clock.advance(60_000);
      held.resolve();
      await holder;
      await upstream.arrived(1);
      upstream.answer(0, fixture("anthropic-thinking"));
      expect((await batches).flat().at(-1)).toEqual({ type: "end", reason: "stop" });
    });
  });

  describe("slots", () => {
    it("lets five calls wait for headers, and the next when one has them", async () => {
      const upstream = createUpstream();
      const io = makeIo({ fetch: upstream.fetcher });
      const bodies = Array.from({ length: 8 }, createBody);
      const calls = bodies.map(() => collectEvents(io));
      for (const [index, body] of bodies.entries()) {
        await upstream.arrived(Math.min(index + 5, 8));
        expect(upstream.count()).toBe(Math.min(index + 5, 8));
        upstream.answer(index, body.stream);
      }
      for (const body of bodies) {
        body.write(fixture("anthropic-thinking"));
        body.end();
      }
      for (const events of await Promise.all(calls)) expect(events.at(-1)).toEqual({ type: "end", reason: "stop" });
      expect(upstream.mostWaiting()).toBe(5);
    });

    it("frees the slot of a call that timed out", async () => {
      const clock = createHandClock();
      const upstream = createUpstream();
      const io = makeIo({ fetch: upstream.fetcher, clock, slots: pLimit(1) });
      const first = collectEvents(io);
      const second = collectEvents(io);
      await upstream.arrived(1);
      clock.advance(1000);
      expect(await first).toMatchObject(timeout("no headers within the deadline"));
      await upstream.arrived(2);
      upstream.answer(1, fixture("anthropic-thinking"));
      expect((await second).at(-1)).toEqual({ type: "end", reason: "stop" });
    });
  });

  describe("ends the upstream", () => {
    const canceled = { type: "error", error: { cause: "network", message: "the call was canceled" } };

    it("when the request is aborted before headers", async () => {
      const controller = new AbortController();
      const upstream = createUpstream();
      const events = collectEvents(makeIo({ fetch: upstream.fetcher, signal: controller.signal }));
      await upstream.arrived(1);
      controller.abort();
      expect(await events).toMatchObject([canceled]);
      expect(upstream.request(0).signal.aborted).toBe(true);
    });

    it("when the request is aborted within the answer", async () => {
      const controller = new AbortController();
      const upstream = createUpstream();
      const body = createBody();
      const calling = callWorker(call, target, makeIo({ fetch: upstream.fetcher, signal: controller.signal }));
      const first = calling.next();
      await upstream.arrived(1);
      upstream.answer(0, body.stream);
      body.write(opening);
      await first;
      const second = calling.next();
      controller.abort();
      expect((await second).value).toMatchObject([canceled]);
      await body.canceled;
    });

    it("when the consumer stops early", async () => {
      const upstream = createUpstream();
      const body = createBody();
      const calling = callWorker(call, target, makeIo({ fetch: upstream.fetcher }));
      const first = calling.next();
      await upstream.arrived(1);
      upstream.answer(0, body.stream);
      body.write(opening);
      await first;
      await calling.return(undefined);
      await body.canceled;
      expect(upstream.request(0).signal.aborted).toBe(true);
    });

    it("when the answer is over and the body is not", async () => {
      const body = createBody();
      const { fetcher } = recordFetch(() => new Response(body.stream));
      const events = collectEvents(makeIo({ fetch: fetcher }));
      body.write(fixture("anthropic-thinking"));
      expect((await events).at(-1)).toEqual({ type: "end", reason: "stop" });
      body.write(": still here\n");
      await body.canceled;
    });
  });

  it("asks nobody once the request is aborted", async () => {
    const controller = new AbortController();
    controller.abort();
    const { requests, fetcher } = recordFetch(() => new Response(fixture("anthropic-thinking")));
    const events = await collectEvents(makeIo({ fetch: fetcher, signal: controller.signal }));
    expect(events).toMatchObject([{ type: "error", error: { cause: "network" } }]);
    expect(requests).toHaveLength(0);
  });

  describe("trouble", () => {
    it("gives a refusal as its error, without the key", async () => {
      const { fetcher } = recordFetch(() =>
        Response.json(
          { type: "error", error: { type: "rate_limit_error", message: `slow down, ${connection.apiKey}` } },
          { status: 429, headers: { "retry-after": "12" } },
        ),
      );
      expect(await eventsOf(fetcher)).toEqual([
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "anthropic",
            cause: "rate_limited",
            status: 429,
            message: "slow down, [redacted]",
            retryAfterSeconds: 12,
          },
        },
      ]);
    });

    it.each(["in a stream", "in a long refusal"])("keeps the key out of an error %s", async (where) => {
      const error = { type: "api_error", message: `${"x".repeat(490)} ${connection.apiKey}` };
      const { fetcher } = recordFetch(() =>
        where === "in a stream"
          ? new Response(`event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`)
          : Response.json({ type: "error", error }, { status: 500 }),
      );
      const events = await eventsOf(fetcher);
      expect(events).toMatchObject([{ type: "error" }]);
      expect(JSON.stringify(events)).not.toContain(connection.apiKey.slice(0, 8));
    });

    it("finds the error in a JSON body with status 200", async () => {
      const { fetcher } = recordFetch(() =>
        Response.json({ error: { type: "overloaded_error", message: "Overloaded" } }),
      );
      expect(await eventsOf(fetcher)).toMatchObject([{ type: "error", error: { cause: "overloaded" } }]);
    });

    it("calls a JSON answer a breach of the protocol", async () => {
      const { fetcher } = recordFetch(() => Response.json({ type: "message", content: [] }));
      expect(await eventsOf(fetcher)).toMatchObject([{ type: "error", error: { cause: "protocol" } }]);
    });

    it("gives a failed connection as a network error", async () => {
      expect(await eventsOf(unreachable)).toEqual([
        {
          type: "error",
          error: {
            kind: "upstream",
            provider: "anthropic",
            cause: "network",
            status: null,
            message: "the connection failed",
            retryAfterSeconds: null,
          },
        },
      ]);
    });

    it("gives what came before a lost connection, then the error", async () => {
      const body = createBody();
      const calling = callWorker(call, target, makeIo({ fetch: recordFetch(() => new Response(body.stream)).fetcher }));
      body.write(opening);
      expect((await calling.next()).value).toMatchObject([{ type: "start" }, { type: "usage" }]);
      body.break();
      const lost = { cause: "network", message: "the connection was lost" };
      expect((await calling.next()).value).toMatchObject([{ type: "error", error: lost }]);
      expect((await calling.next()).done).toBe(true);
    });

    it("calls a body that ends early a breach of the protocol", async () => {
      const { fetcher } = recordFetch(() => new Response(opening + words("a")));
      expect((await eventsOf(fetcher)).at(-1)).toMatchObject({ type: "error", error: { cause: "protocol" } });
    });

    it("refuses an event without end", async () => {
      const chunk = new TextEncoder().encode("x".repeat(1024 * 1024));
      let sent = 0;
      const endless = new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.enqueue(sent === 0 ? new TextEncoder().encode("data: ") : chunk);
          sent += 1;
        },
      });
      const events = await eventsOf(recordFetch(() => new Response(endless)).fetcher);
      expect(events).toMatchObject([{ type: "error", error: { message: "sent an event that is too large" } }]);
      expect(sent).toBeLessThan(20);
    });
  });
});
