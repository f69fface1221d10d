import pLimit from "p-limit";
import { beforeAll, describe, expect, it } from "vitest";
import { toWire } from "../../../shared/errors.ts";
import type { CallEvent } from "../../../shared/events.ts";
import { createCompatible } from "../../../edge/providers/openai-compatible.ts";
import { anthropic } from "../../../edge/providers/anthropic.ts";
import { callWorker, type CallIo } from "../../../edge/providers/call.ts";
import { google } from "../../../edge/providers/google.ts";
import type { Connection, Provider } from "../../../edge/providers/provider.ts";
import { systemClock } from "../../../edge/runtime/clock.ts";
import { makeCall, sdkLoadMs } from "./contract.ts";

const connection: Connection = { baseUrl: "https://host.example.com/v1", apiKey: "test-key-0123456789" };
const host = createCompatible({ name: "host", needs: "a key", connect: () => connection });
const call = makeCall();

/** Names that every object has, whatever table it is. */
const inherited = ["constructor", "toString", "__proto__", "hasOwnProperty"];

const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

/** Events of a call to a host that answers with this. */
const ask = async (response: Response, mode: CallIo["mode"] = "stream", provider: Provider = host) => {
  const deadlines = { headersMs: 60_000, firstTokenMs: 60_000, gapMs: 60_000, totalMs: 60_000 };
  const io: CallIo = {
    fetch: async () => response,
    clock: systemClock,
    signal: new AbortController().signal,
    slots: pLimit(5),
    deadlines,
    mode,
    onSent: () => {},
    onAccepted: () => {},
  };
  const events: CallEvent[] = [];
  for await (const batch of callWorker(call, { provider, connection, worker: "host/m" }, io)) events.push(...batch);
  return events;
};

const sse = (body: BodyInit) => new Response(body, { headers: { "content-type": "text/event-stream" } });
const last = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).at(-1);

/** A body without an end. */
const endless = (chunk: string) => {
  const bytes = new TextEncoder().encode(chunk);
  return new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(bytes) });
};

beforeAll(async () => {
  for (const provider of [host, anthropic, google]) await ask(sse(""), "stream", provider);
}, sdkLoadMs);

const callOf = (index: number) => ({ index, id: `c${index}`, function: { name: "f", arguments: "{}" } });

describe("a host that means harm", () => {
  it.each(inherited)("names no failure by what tables inherit: %s", async (name) => {
    const error = { message: "no", type: name, code: name, status: name };
    const refused = host.error(500, new Headers(), JSON.stringify({ error }));
    expect(toWire(refused)).toMatchObject({ status: 502, code: "upstream_server" });
    expect(await last(sse(frame({ error })))).toMatchObject({ type: "error", error: { cause: "server" } });
  });

  it.each(inherited)("ends no answer by what tables inherit: %s", async (name) => {
    const choices = [{ index: 0, delta: { content: "hi" }, finish_reason: name }];
    expect(await last(sse(`${frame({ id: "a", model: "m", choices })}data: [DONE]\n\n`))).toEqual({
      type: "end",
      reason: "stop",
    });
    const stop = frame({ type: "message_delta", delta: { stop_reason: name } }) + frame({ type: "message_stop" });
    expect(await last(sse(stop), "stream", anthropic)).toEqual({ type: "end", reason: "stop" });
    const candidates = [{ content: { parts: [{ text: "hi" }] }, finishReason: name }];
    expect(await last(sse(frame({ candidates })), "stream", google)).toMatchObject({
      type: "error",
      error: { cause: "protocol" },
    });
  });

  it("is not read for longer than its words are worth", () => {
    const message = "input token count ".repeat(60_000);
    expect(host.error(400, new Headers(), JSON.stringify({ error: { message } }))).toMatchObject({
      cause: "invalid_request",
    });
  });

  it.each([1e300, -5, 1e12])("is not believed to have counted %d tokens", async (tokens) => {
    const usage = { prompt_tokens: tokens, completion_tokens: tokens };
    const events = await ask(sse(`${frame({ choices: [], usage })}data: [DONE]\n\n`));
    expect(events.find(({ type }) => type === "usage")).toMatchObject({ usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it.each([400, 20])("makes nobody wait for longer than a day: a number of %d digits", (digits) => {
    const wait = "9".repeat(digits);
    const headers = new Headers({ "retry-after-ms": wait, "retry-after": wait });
    expect(host.error(503, headers, "")).toMatchObject({ retryAfterSeconds: 86_400 });
  });

  it.each([1, 60_000])("makes nobody sort more tool calls than an answer has, %d at once", async (atOnce) => {
    const chunks = Array.from({ length: 60_000 / atOnce }, (_, chunk) => {
      const calls = Array.from({ length: atOnce }, (__, index) => callOf(chunk * atOnce + index));
      return frame({ choices: [{ index: 0, delta: { tool_calls: calls } }] });
    });
    expect(await last(sse(chunks.join("")))).toMatchObject({ type: "error", error: { cause: "protocol" } });
  });

  it("has no more than a thousand tool calls, whatever its protocol", async () => {
    const parts = Array.from({ length: 1_001 }, () => ({ functionCall: { name: "f", args: {} } }));
    expect(await last(sse(frame({ candidates: [{ content: { parts } }] })), "stream", google)).toMatchObject({
      type: "error",
      error: { cause: "protocol", message: "sent too many tool calls" },
    });
  });

  it.each([anthropic, google])("$name is sent as many parts as a client has written", async (provider) => {
    const content = Array.from({ length: 150_000 }, () => ({ type: "text" as const, text: "a" }));
    const user = { role: "user" as const, content };
    expect(() => provider.request(makeCall({ messages: [user, user] }))).not.toThrow();
  });

  it("has its call ended when what it sends cannot be written down again", async () => {
    const input = `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`;
    const block = `{"type":"tool_use","id":"t","name":"f","input":${input}}`;
    const start = `data: {"type":"content_block_start","index":0,"content_block":${block}}\n\n`;
    const stop = frame({ type: "content_block_stop", index: 0 });
    expect(await last(sse(start + stop), "stream", anthropic)).toMatchObject({
      type: "error",
      error: { cause: "protocol" },
    });
  });

  it.each(["stream", "whole"] as const)("does not fill an isolate with an answer without an end (%s)", async (mode) => {
    const chunk = frame({ choices: [{ index: 0, delta: { reasoning_details: [] } }] }).repeat(20_000);
    expect(await last(sse(endless(chunk)), mode)).toMatchObject({
      type: "error",
      error: { cause: "protocol", message: "sent an answer that is too large" },
    });
  });

  it("does not fill an isolate with a refusal without an end", async () => {
    const refusal = new Response(endless("no ".repeat(20_000)), { status: 500 });
    expect(await last(refusal)).toMatchObject({ type: "error", error: { cause: "server", status: 500 } });
  });
});
