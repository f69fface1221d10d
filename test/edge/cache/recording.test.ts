import { describe, expect, it } from "vitest";
import { createRecorder } from "../../../edge/cache/recording.ts";
import { collect, type AnswerEvent } from "../../../shared/events.ts";
import {
  endedBy,
  failure,
  reasoningDelta,
  refusalDelta,
  stepEnd,
  stepStart,
  textDelta,
  toolCall,
  upstreamError,
  usageOf,
  used,
} from "../../support/events.ts";

const record = (events: readonly AnswerEvent[], maxBytes = 1_000) => {
  const recorder = createRecorder(maxBytes);
  for (const event of events) recorder.push(event);
  return recorder.recording(5);
};

const start: AnswerEvent = { type: "start", model: "a-1", id: "vendor-7" };
const inner = [stepStart("draft", "w/b"), used("draft", "w/b", usageOf(10, 5), 20), stepEnd("draft", "w/b", "done")];
const whole = [
  ...inner,
  stepStart("answer", "w/a"),
  start,
  reasoningDelta("Hm"),
  reasoningDelta("m."),
  { type: "reasoning-signature", signature: "sealed" } as const,
  textDelta("Fish "),
  textDelta("turn."),
  used("answer", "w/a", usageOf(30, 7, { cachedInputTokens: 3 }), 44),
  stepEnd("answer", "w/a", "done"),
  endedBy("answer", "w/a"),
];

describe("a recorded answer", () => {
  it("has the words, the answering call's usage for nothing, and the end; no id, no step, no work of others", () => {
    expect(record(whole)).toEqual({
      at: 5,
      worker: "w/a",
      events: [
        { type: "start", model: "a-1" },
        reasoningDelta("Hmm."),
        { type: "reasoning-signature", signature: "sealed" },
        textDelta("Fish turn."),
        used("answer", "w/a", usageOf(30, 7, { cachedInputTokens: 3 }), 0),
        endedBy("answer", "w/a"),
      ],
    });
  });

  it("comes to the same answer", () => {
    expect(collect(record(whole)?.events ?? [])).toEqual(collect(whole));
  });

  it("is told in pieces, as it was written", () => {
    const words = Array.from({ length: 1_000 }, (_, index) => textDelta(`${index} `));
    const kept = record([start, ...words, endedBy("answer", "w/a")], 10_000);
    const pieces = kept?.events.filter(({ type }) => type === "text-delta") ?? [];
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.length).toBeLessThan(20);
  });

  it("keeps log probabilities with their tokens", () => {
    const token = { token: "Fish", logprob: -0.1, bytes: null, top: [] };
    const likely: AnswerEvent = { type: "text-delta", text: "Fish", logprobs: [token] };
    const events = [likely, likely, endedBy("answer", "w/a")];
    expect(collect(record(events)?.events ?? []).logprobs).toEqual([token, token]);
  });

  it("has the stop sequence that ended it", () => {
    const end = { ...endedBy("answer", "w/a"), stopSequence: "END" };
    expect(record([textDelta("x"), end])?.events.at(-1)).toEqual(end);
  });

  const unfit: readonly [string, readonly AnswerEvent[]][] = [
    ["has not ended", whole.slice(0, -1)],
    ["was cut at its length", [textDelta("Fish"), endedBy("answer", "w/a", "length")]],
    ["was filtered", [textDelta("Fish"), endedBy("answer", "w/a", "content_filter")]],
    ["failed", [textDelta("Fish"), failure(upstreamError("server"))]],
    ["failed and ended", [failure(upstreamError("server")), textDelta("Fish"), endedBy("answer", "w/a")]],
    ["refuses", [refusalDelta("No."), textDelta("Fish"), endedBy("answer", "w/a")]],
    ["calls tools", [toolCall(0, "look"), textDelta("Fish"), endedBy("answer", "w/a")]],
    ["is empty", [start, endedBy("answer", "w/a")]],
    ["is too large", [textDelta("x".repeat(600)), textDelta("x".repeat(600)), endedBy("answer", "w/a")]],
  ];
  it.each(unfit)("is none of an answer that %s", (_, events) => {
    expect(record(events)).toBeNull();
  });
});
