import { describe, expect, it } from "vitest";
import { toChunks, toCompletion } from "../../inference/completion.ts";
import type { CallEvent } from "../../shared/events.ts";
import { readSse } from "../../shared/sse.ts";

const identity = { id: "chatcmpl-1", created: 1_800_000_000, model: "chat" };

const cut: CallEvent[] = [
  { type: "start" },
  { type: "text-delta", text: "half a sen" },
  { type: "error", error: { kind: "no_worker", message: "the service is stopping", retryAfterSeconds: 1 } },
];

const streamOf = (events: readonly CallEvent[]) =>
  new ReadableStream<CallEvent>({
    start(controller) {
      for (const event of events) controller.enqueue(event);
      controller.close();
    },
  });

const streamed = async (events: readonly CallEvent[]) => {
  const chunks = streamOf(events).pipeThrough(toChunks(identity, { includeUsage: true }));
  const body = await new Response(chunks.pipeThrough(new TextEncoderStream())).text();
  return readSse(body).map(({ data }) => data);
};

describe("completion", () => {
  it("ends a stream that was cut with an error and no [DONE]", async () => {
    const data = await streamed(cut);
    expect(JSON.parse(data.at(-1) ?? "")).toMatchObject({
      error: { code: "no_worker", message: "the service is stopping" },
    });
    expect(data).not.toContain("[DONE]");
  });

  it("fails whole when it was cut", async () => {
    const completion = await toCompletion(streamOf(cut), identity);
    expect(completion).toMatchObject({ ok: false, error: { kind: "no_worker" } });
  });

  it("tells reasoning from the answer", async () => {
    const events: CallEvent[] = [
      { type: "start" },
      { type: "reasoning-delta", text: "so" },
      { type: "text-delta", text: "42" },
      { type: "end", reason: "stop" },
    ];
    const message = { content: "42", reasoning_content: "so" };
    expect(await toCompletion(streamOf(events), identity)).toMatchObject({
      value: { choices: [{ message }] },
    });
    const deltas = (await streamed(events)).slice(1, 3).map((data) => JSON.parse(data).choices[0].delta);
    expect(deltas).toEqual([{ reasoning_content: "so" }, { content: "42" }]);
  });
});
