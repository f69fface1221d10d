import type { AnswerEvent } from "../../shared/events.ts";
import { isJson } from "./is-json.ts";

/**
 * Events so ordered that the arguments of a tool call follow one another. Vendors may write parallel calls in turns,
 * where Anthropic's clients read one block after the other: what belongs to a later block waits until the arguments of
 * the open call are complete.
 */
export const createSequence = () => {
  let call: { readonly index: number; readonly pieces: string[] } | null = null;
  let waiting: AnswerEvent[] = [];

  const isOpen = (): boolean => call !== null && !isJson(call.pieces.join(""));

  const begin = (event: AnswerEvent): readonly AnswerEvent[] => {
    call = event.type === "tool-call-start" ? { index: event.index, pieces: [] } : null;
    return [event];
  };

  const place = (event: AnswerEvent): readonly AnswerEvent[] => {
    if (!ofBlock.has(event.type)) return [event];
    if (event.type === "tool-call-delta") return placePiece(event);
    if (waiting.length === 0 && !isOpen()) return begin(event);
    waiting.push(event);
    return [];
  };

  const placePiece = (event: Extract<AnswerEvent, { type: "tool-call-delta" }>): readonly AnswerEvent[] => {
    if (call?.index === event.index) {
      call.pieces.push(event.arguments);
      return waiting.length === 0 || isOpen() ? [event] : [event, ...release()];
    }
    // After complete arguments nothing can follow but white space.
    const isAwaited = waiting.some((other) => other.type === "tool-call-start" && other.index === event.index);
    if (isAwaited) waiting.push(event);
    return [];
  };

  const release = (): readonly AnswerEvent[] => {
    const released = waiting;
    waiting = [];
    call = null;
    return released.flatMap(place);
  };

  return {
    push(event: AnswerEvent): readonly AnswerEvent[] {
      if (event.type !== "end") return place(event);
      const last: AnswerEvent[] = [];
      while (waiting.length > 0) last.push(...release());
      return [...last, event];
    },
  };
};

const ofBlock: ReadonlySet<AnswerEvent["type"]> = new Set([
  "text-delta",
  "reasoning-delta",
  "reasoning-signature",
  "refusal-delta",
  "tool-call-start",
  "tool-call-delta",
]);
