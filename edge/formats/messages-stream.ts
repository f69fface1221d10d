import { toWire } from "../../shared/errors.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import { writeSse } from "../../shared/sse.ts";
import { createBill } from "./bill.ts";
import type { AnswerHead } from "./format.ts";
import {
  callBlock,
  openMessage,
  redactedBlock,
  textBlock,
  thinkingBlock,
  toFigures,
  toStop,
  toUsage,
  usageFrame,
} from "./messages-answer.ts";
import { writeError } from "./messages-error.ts";
import { createSequence } from "./messages-sequence.ts";

const write = (type: string, fields: object): string =>
  writeSse({ event: type, data: JSON.stringify({ type, ...fields }) });

/** What stands between events while they are silent. */
export const ping = write("ping", {});

/**
 * `message_start`, the blocks one after the other, `message_delta` with the stop reason and all usage, `message_stop`;
 * after an error event nothing more. https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export const createStream = (head: AnswerHead) => {
  const { summaries = false, proofs = false } = head.echo ?? {};
  const bill = createBill();
  const sequence = createSequence();
  const blocks = createBlocks();
  let started = false;
  let refusal = "";
  let spoke = false;
  /** Thoughts were had whose words are not shown. */
  let hidden = false;

  const start = (): string => {
    if (started) return "";
    started = true;
    const input = { input_tokens: head.echo?.inputTokens ?? 0, output_tokens: 0 };
    const usage = { ...usageFrame, ...toUsage(bill.total()), ...input };
    const message = { ...openMessage(head), content: [], stop_reason: null, stop_sequence: null, stop_details: null };
    return write("message_start", { message: { ...message, usage } });
  };

  const think = (text: string): string => {
    if (!proofs || text === "") return "";
    hidden = !summaries;
    return hidden ? "" : blocks.add("thinking", thinkingBlock("", ""), { type: "thinking_delta", thinking: text });
  };

  const sign = (signature: string): string => {
    if (!proofs) return "";
    if (!hidden && blocks.current() !== "thinking") return blocks.whole(redactedBlock(signature));
    hidden = false;
    const signed = blocks.add("thinking", thinkingBlock("", ""), { type: "signature_delta", signature });
    return signed + blocks.close();
  };

  /** A block of its own, signed when it closes: by this the client keeps it, and we know it when it comes back. */
  const tell = ({ text, signature }: Extract<AnswerEvent, { type: "progress" }>): string =>
    blocks.add(
      "progress",
      thinkingBlock("", ""),
      { type: "thinking_delta", thinking: text },
      { type: "signature_delta", signature },
    );

  const say = (text: string): string => {
    if (text === "") return "";
    spoke = true;
    return blocks.add("text", textBlock(""), { type: "text_delta", text });
  };

  const finish = (end: Extract<AnswerEvent, { type: "end" }>): string =>
    (refusal !== "" && !spoke ? say(refusal) : "") +
    blocks.close() +
    write("message_delta", {
      delta: { container: null, ...toStop(end.reason, end.stopSequence, refusal) },
      usage: { ...toUsage(bill.total()), ...toFigures(bill.total()) },
    }) +
    write("message_stop", {});

  const writeEvent = (event: AnswerEvent): string => {
    switch (event.type) {
      case "start":
        return start();
      case "text-delta":
        return start() + say(event.text);
      case "reasoning-delta":
        return start() + think(event.text);
      case "reasoning-signature":
        return start() + sign(event.signature);
      case "progress":
        return start() + tell(event);
      case "refusal-delta":
        refusal += event.text;
        return start();
      case "tool-call-start":
        return start() + blocks.open("tool_use", callBlock(event, {}));
      case "tool-call-delta":
        return event.arguments === "" ? "" : blocks.delta({ type: "input_json_delta", partial_json: event.arguments });
      case "end":
        return start() + finish(event);
      case "error":
        return write("error", { error: writeError(toWire(event.error)).error });
      case "usage":
      case "written":
      case "step-start":
      case "step-end":
        return "";
      default:
        return event satisfies never;
    }
  };

  const read = (event: AnswerEvent): string => {
    bill.read(event);
    return sequence.push(event).map(writeEvent).join("");
  };

  return { push: (events: readonly AnswerEvent[]) => events.map(read).join("") };
};

type BlockType = "text" | "thinking" | "progress" | "tool_use";

/** One block is open at a time; a new one closes it. */
const createBlocks = () => {
  let index = -1;
  let type: BlockType | null = null;
  let last: object | null = null;

  const close = (): string => {
    if (type === null) return "";
    const ended = last === null ? "" : delta(last);
    type = null;
    return ended + write("content_block_stop", { index });
  };
  const open = (next: BlockType, block: object, ending: object | null = null): string => {
    const closed = close();
    type = next;
    last = ending;
    index += 1;
    return closed + write("content_block_start", { index, content_block: block });
  };
  const delta = (piece: object): string => write("content_block_delta", { index, delta: piece });

  return {
    open,
    delta,
    close,
    current: () => type,
    /** A piece of the open block, or of a new one when another kind is open. `ending`: the new one's last piece. */
    add: (next: BlockType, block: object, piece: object, ending: object | null = null): string =>
      (type === next ? "" : open(next, block, ending)) + delta(piece),
    /** A block that comes in one piece. */
    whole: (block: object): string => {
      const closed = close();
      index += 1;
      return (
        closed + write("content_block_start", { index, content_block: block }) + write("content_block_stop", { index })
      );
    },
  };
};
