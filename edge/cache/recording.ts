import type { AnswerEvent } from "../../shared/events.ts";
import { addUsage, noUsage } from "../../shared/usage.ts";

/** An answer as it is kept. `at`: when it was given, in milliseconds since the epoch; the last event is its end. */
export type Recording = { readonly at: number; readonly worker: string; readonly events: readonly AnswerEvent[] };

/** Pieces of text are joined up to this length: an event for every token takes more room than the tokens. */
const pieceLength = 512;

type End = Extract<AnswerEvent, { type: "end" }>;
type Used = Extract<AnswerEvent, { type: "usage" }>;
type Piece = Extract<AnswerEvent, { type: "text-delta" | "reasoning-delta" | "reasoning-signature" }>;

/**
 * Reads an answer's events and gives it as it can be given again: its words, and the usage of the call that wrote them,
 * for nothing. What is only of its own time is left out: ids, steps, the work of others. Null for what is not to be
 * kept: an answer that failed, was cut or filtered, refuses, calls tools, is empty or larger than `maxBytes`.
 */
export const createRecorder = (maxBytes: number) => {
  const pieces: Piece[] = [];
  const calls: Used[] = [];
  let start: AnswerEvent | null = null;
  let end: End | null = null;
  let size = 0;
  let isFit = true;

  const add = (piece: Piece): void => {
    size += sizeOf(piece);
    const last = pieces.at(-1);
    const joined = last && join(last, piece);
    if (joined) pieces[pieces.length - 1] = joined;
    else pieces.push(piece);
  };

  const drop = (): void => {
    isFit = false;
    pieces.length = 0;
  };

  const push = (event: AnswerEvent): void => {
    switch (event.type) {
      case "start":
        // After a failover the last to start is the one that answers.
        start = { type: "start", ...(event.model !== undefined && { model: event.model }) };
        return;
      case "text-delta":
      case "reasoning-delta":
      case "reasoning-signature":
        add(event);
        if (size > maxBytes) drop();
        return;
      case "usage":
        calls.push(event);
        return;
      case "end":
        end = event;
        return;
      case "error":
      case "refusal-delta":
      case "tool-call-start":
      case "tool-call-delta":
        return drop();
      case "progress":
      case "written":
      case "step-start":
      case "step-end":
        return;
      default:
        event satisfies never;
    }
  };

  return {
    push: (event: AnswerEvent): void => {
      if (isFit) push(event);
    },
    recording(at: number): Recording | null {
      if (!isFit || end?.reason !== "stop" || !pieces.some((piece) => piece.type === "text-delta")) return null;
      const { step, worker } = end;
      const usage = calls
        .filter((call) => call.step === step && call.worker === worker)
        .reduce((sum, call) => addUsage(sum, call.usage), noUsage);
      const used: Used = { type: "usage", step, worker, usage, cost: 0 };
      return { at, worker, events: [...(start ? [start] : []), ...pieces, used, end] };
    },
  };
};

const sizeOf = (piece: Piece): number => {
  if (piece.type === "reasoning-signature") return piece.signature.length;
  return "logprobs" in piece ? JSON.stringify(piece).length : piece.text.length;
};

/** Null when the two have to stay apart. */
const join = (last: Piece, next: Piece): Piece | null => {
  if (last.type === "reasoning-signature" || next.type !== last.type) return null;
  if ("logprobs" in last || "logprobs" in next || last.text.length >= pieceLength) return null;
  return { type: last.type, text: last.text + next.text };
};
