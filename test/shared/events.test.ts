import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerText, collect, createCollector, type AnswerEvent, type CallEvent } from "../../shared/events.ts";
import {
  endedBy,
  failure,
  reasoningDelta,
  refusalDelta,
  stepEnd,
  stepStart,
  textDelta,
  told,
  toolCall,
  toolDelta,
  usageOf,
  used,
} from "../support/events.ts";

const signature = (text: string): CallEvent => ({ type: "reasoning-signature", signature: text });

const pieces = fc.array(fc.string({ maxLength: 6 }), { maxLength: 5 });

/** Several tool calls whose pieces arrive mixed, each call's own in order. */
const mixed = fc
  .array(pieces, { minLength: 1, maxLength: 4 })
  .chain((calls) => {
    const parts = calls.flatMap((own, index) => own.map((text) => ({ index, text })));
    return fc.tuple(
      fc.constant(calls),
      fc.shuffledSubarray(
        parts.map((part) => part.index),
        { minLength: parts.length },
      ),
    );
  })
  .map(([calls, order]) => {
    const left = calls.map((own) => [...own]);
    const deltas = order.map((index) => toolDelta(index, left[index]?.shift() ?? ""));
    return { calls, events: [...calls.map((_, index) => toolCall(index, `f${index}`)), ...deltas] };
  });

describe("collect", () => {
  it("puts tool calls together however their pieces are mixed", () => {
    fc.assert(
      fc.property(mixed, ({ calls, events }) => {
        expect(collect(events).content).toEqual(
          calls.map((own, index) => ({
            type: "tool-call",
            id: `call_${index}`,
            name: `f${index}`,
            arguments: own.join(""),
          })),
        );
      }),
    );
  });

  it("gives the same text however it was cut", () => {
    fc.assert(
      fc.property(pieces, (texts) => {
        expect(answerText(collect(texts.map(textDelta)))).toBe(texts.join(""));
      }),
    );
  });

  it("gives one part for deltas of a kind that follow one another, and a new one after another kind", () => {
    const answer = collect([
      reasoningDelta("h"),
      reasoningDelta("m"),
      textDelta("yes"),
      textDelta(", but"),
      reasoningDelta("wait"),
      textDelta("no"),
      refusalDelta("I will "),
      refusalDelta("not"),
    ]);
    expect(answer.content).toEqual([
      { type: "reasoning", text: "hm" },
      { type: "text", text: "yes, but" },
      { type: "reasoning", text: "wait" },
      { type: "text", text: "no" },
      { type: "refusal", text: "I will not" },
    ]);
    expect(answerText(answer)).toBe("yes, butno");
  });

  it("keeps each block of reasoning with its own signature", () => {
    const events = [reasoningDelta("a"), signature("1"), reasoningDelta("b"), signature("2"), signature("3")];
    expect(collect(events).content).toEqual([
      { type: "reasoning", text: "a", signature: "1" },
      { type: "reasoning", text: "b", signature: "2" },
      { type: "reasoning", text: "", signature: "3" },
    ]);
  });

  it("keeps what was told of a team apart from thoughts, under its own signature", () => {
    expect(collect([told("a\n"), told("b\n"), reasoningDelta("hm"), told("c\n"), signature("1")]).content).toEqual([
      { type: "reasoning", text: "a\nb\n", signature: "ours", progress: true },
      { type: "reasoning", text: "hm" },
      { type: "reasoning", text: "c\n", signature: "ours", progress: true },
      { type: "reasoning", text: "", signature: "1" },
    ]);
  });

  it("keeps a tool call's signature", () => {
    const call: CallEvent = { type: "tool-call-start", index: 0, id: "call_1", name: "f", signature: "s" };
    expect(collect([call]).content).toEqual([
      { type: "tool-call", id: "call_1", name: "f", arguments: "", signature: "s" },
    ]);
  });

  it("says how the answer ended, or why it failed, and which model the vendor named", () => {
    const events: readonly AnswerEvent[] = [
      { type: "start", model: "model-x" },
      { type: "start" },
      textDelta("ye"),
      failure({ kind: "internal" }),
    ];
    expect(collect(events)).toMatchObject({ model: "model-x", end: null, error: { kind: "internal" } });
    expect(collect([endedBy("answer", "north/a", "length")])).toMatchObject({ end: "length", error: null });
  });

  it("leaves out how the answer came about", () => {
    const inner = [stepStart("a", "north/a"), used("a", "north/a", usageOf(1, 1), 1), stepEnd("a", "north/a", "done")];
    expect(collect(inner).content).toEqual([]);
  });

  it("is what a collector gives event by event", () => {
    const events = [textDelta("a"), toolCall(0, "f"), toolDelta(0, "{}"), endedBy("answer", "north/a", "tool_calls")];
    const collector = createCollector();
    for (const event of events) collector.push(event);
    expect(collector.answer()).toEqual(collect(events));
  });
});
