import type { AssistantPart } from "../../shared/chat.ts";
import { toWire, type ShoalError } from "../../shared/errors.ts";
import type { AnswerEvent, EndReason, TokenLogprob } from "../../shared/events.ts";
import { writeSse } from "../../shared/sse.ts";
import { makeItemId, turnOfResponse } from "../conversation/response-id.ts";
import { createBill } from "./bill.ts";
import type { AnswerHead } from "./format.ts";
import { isJson } from "./is-json.ts";
import { endState, itemStatus, shownOf, writeError, writeResource } from "./responses-answer.ts";
import { refusalPart, summaryPart, textPart, writeItem, writeLogprobs, type ItemStatus } from "./responses-items.ts";

type Spoken = { readonly type: "text" | "refusal"; text: string; readonly logprobs: TokenLogprob[] };
type Open =
  | { readonly kind: "message"; readonly index: number; readonly parts: Spoken[] }
  | {
      readonly kind: "reasoning";
      readonly index: number;
      /** Not a model's: what was told of a team at work. */
      readonly progress: boolean;
      text: string;
      signature?: string;
    }
  | {
      readonly kind: "call";
      readonly index: number;
      readonly call: number;
      readonly id: string;
      readonly name: string;
      arguments: string;
    };

const prefixes = { message: "msg", reasoning: "rs", call: "fc" } as const;

/**
 * Events in OpenAI's order: each item is added, filled and done, numbered from 0; the last event holds the response. A
 * call stays open while its arguments may go on: a vendor may write several at once.
 * https://developers.openai.com/api/reference/resources/responses/streaming-events
 */
export const createStream = (head: AnswerHead) => {
  const bill = createBill(head.plan);
  const shown = shownOf(head);
  const turn = turnOfResponse(head.id) ?? "";
  const output: object[] = [];
  let sequence = 0;
  let items = 0;
  let begun = false;
  /** One item, or several calls. */
  let open: Open[] = [];

  const emit = (type: string, fields: object): string =>
    writeSse({ event: type, data: JSON.stringify({ type, sequence_number: sequence++, ...fields }) });

  const begin = (): string => {
    if (begun) return "";
    begun = true;
    const response = writeResource(head, { status: "in_progress", output: [] });
    return emit("response.created", { response }) + emit("response.in_progress", { response });
  };

  const placeOf = ({ index }: Open) => ({ turn, input: false, index });

  const itemOf = (item: Open, status: ItemStatus) =>
    writeItem({ role: "assistant", content: contentOf(item) }, placeOf(item), status, { ...shown, ...weighed(item) });

  const at = (item: Open) => ({ item_id: makeItemId(prefixes[item.kind], placeOf(item)), output_index: item.index });

  const add = (item: Open): string => {
    items += 1;
    open.push(item);
    return emit("response.output_item.added", { output_index: item.index, item: openingOf(item) });
  };

  /** As it stands before anything is in it. */
  const openingOf = (item: Open): object =>
    item.kind === "message"
      ? { ...itemOf(item, "in_progress"), content: [] }
      : item.kind === "reasoning"
        ? { ...itemOf(item, "in_progress"), summary: [] }
        : itemOf(item, "in_progress");

  const close = (item: Open, reason: EndReason | null): string => {
    const status = itemStatus(reason, item.index === items - 1);
    const done = itemOf(item, status);
    output[item.index] = done;
    open = open.filter((other) => other !== item);
    return finishContent(item) + emit("response.output_item.done", { output_index: item.index, item: done });
  };

  const finishContent = (item: Open): string => {
    switch (item.kind) {
      case "message":
        return finishPart(item);
      case "reasoning":
        return finishSummary(item);
      case "call":
        return emit("response.function_call_arguments.done", {
          ...at(item),
          name: shown.namespaces?.[item.name]?.name ?? item.name,
          arguments: item.arguments,
        });
      default:
        return item satisfies never;
    }
  };

  const closeAll = (reason: EndReason | null = null): string => open.map((item) => close(item, reason)).join("");

  type MessageItem = Extract<Open, { kind: "message" }>;

  const finishPart = (item: MessageItem): string => {
    const part = item.parts.at(-1);
    if (!part) return "";
    const where = { ...at(item), content_index: item.parts.length - 1 };
    const done =
      part.type === "text"
        ? emit("response.output_text.done", { ...where, text: part.text, logprobs: writeLogprobs(part.logprobs) })
        : emit("response.refusal.done", { ...where, refusal: part.text });
    return done + emit("response.content_part.done", { ...where, part: writePart(part) });
  };

  const speak = (type: Spoken["type"], delta: string, logprobs: readonly TokenLogprob[] = []): string => {
    let text = "";
    let [item] = open;
    if (item?.kind !== "message") {
      text += closeAll();
      item = { kind: "message", index: items, parts: [] };
      text += add(item);
    }
    let part = item.parts.at(-1);
    if (part?.type !== type) {
      text += finishPart(item);
      part = { type, text: "", logprobs: [] };
      item.parts.push(part);
      const content_index = item.parts.length - 1;
      text += emit("response.content_part.added", { ...at(item), content_index, part: writePart(part) });
    }
    part.text += delta;
    part.logprobs.push(...logprobs);
    const where = { ...at(item), content_index: item.parts.length - 1, delta };
    return (
      text +
      (type === "text"
        ? emit("response.output_text.delta", { ...where, logprobs: writeLogprobs(logprobs) })
        : emit("response.refusal.delta", where))
    );
  };

  type ReasoningItem = Extract<Open, { kind: "reasoning" }>;

  const finishSummary = (item: ReasoningItem): string => {
    if (!isShown(item) || item.text === "") return "";
    const where = { ...at(item), summary_index: 0 };
    return (
      emit("response.reasoning_summary_text.done", { ...where, text: item.text }) +
      emit("response.reasoning_summary_part.done", { ...where, part: summaryPart(item.text) })
    );
  };

  const isShown = ({ progress }: ReasoningItem): boolean => progress || shown.summaries;

  const openThought = (progress: boolean): { item: ReasoningItem; text: string } => {
    const [last] = open;
    if (last?.kind === "reasoning" && last.progress === progress) return { item: last, text: "" };
    const closed = closeAll();
    const item: ReasoningItem = { kind: "reasoning", index: items, progress, text: "" };
    return { item, text: closed + add(item) };
  };

  const think = (delta: string): string => summarize(openThought(false), delta);

  const tell = ({ text: delta, signature }: Extract<AnswerEvent, { type: "progress" }>): string => {
    const thought = openThought(true);
    thought.item.signature = signature;
    return summarize(thought, delta);
  };

  const summarize = ({ item, text }: ReturnType<typeof openThought>, delta: string): string => {
    const first = item.text === "";
    item.text += delta;
    if (!isShown(item) || delta === "") return text;
    const where = { ...at(item), summary_index: 0 };
    return (
      text +
      (first ? emit("response.reasoning_summary_part.added", { ...where, part: summaryPart("") }) : "") +
      emit("response.reasoning_summary_text.delta", { ...where, delta })
    );
  };

  const sign = (signature: string): string => {
    const { item, text } = openThought(false);
    item.signature = signature;
    return text + close(item, null);
  };

  const call = ({ index, id, name }: Extract<AnswerEvent, { type: "tool-call-start" }>): string => {
    const over = open.filter((item) => item.kind !== "call" || isJson(item.arguments));
    const closed = over.map((item) => close(item, null)).join("");
    return closed + add({ kind: "call", index: items, call: index, id, name, arguments: "" });
  };

  const argue = ({ index, arguments: delta }: Extract<AnswerEvent, { type: "tool-call-delta" }>): string => {
    const item = open.find((candidate) => candidate.kind === "call" && candidate.call === index);
    if (item?.kind !== "call") return "";
    item.arguments += delta;
    return emit("response.function_call_arguments.delta", { ...at(item), delta });
  };

  const end = (reason: EndReason): string => {
    const closed = closeAll(reason);
    const state = endState(reason);
    const response = writeResource(head, { ...state, output, bill: bill.total(), endedAt: head.now() });
    return closed + emit(`response.${state.status}`, { response });
  };

  /** Some clients look for the one, some for the other. */
  const fail = (error: ShoalError): string => {
    const wire = toWire(error);
    for (const item of open) output[item.index] = itemOf(item, "incomplete");
    const { error: said } = writeError(wire);
    const response = writeResource(head, { status: "failed", output, bill: bill.total(), error: wire });
    return emit("error", { ...said, type: "error", error: said }) + emit("response.failed", { response });
  };

  const write = (event: AnswerEvent): string => {
    bill.read(event);
    switch (event.type) {
      case "start":
        return begin();
      case "text-delta":
        return begin() + speak("text", event.text, event.logprobs);
      case "refusal-delta":
        return begin() + speak("refusal", event.text);
      case "reasoning-delta":
        return begin() + think(event.text);
      case "progress":
        return begin() + tell(event);
      case "reasoning-signature":
        return begin() + sign(event.signature);
      case "tool-call-start":
        return begin() + call(event);
      case "tool-call-delta":
        return argue(event);
      case "end":
        return begin() + end(event.reason);
      case "error":
        return begin() + fail(event.error);
      case "usage":
      case "written":
      case "step-start":
      case "step-end":
        return "";
      default:
        return event satisfies never;
    }
  };

  return { push: (events: readonly AnswerEvent[]) => events.map(write).join("") };
};

const writePart = ({ type, text, logprobs }: Spoken) =>
  type === "text" ? textPart(text, logprobs) : refusalPart(text);

const weighed = (item: Open) =>
  item.kind === "message" ? { logprobs: item.parts.flatMap(({ logprobs }) => logprobs) } : {};

const contentOf = (item: Open): readonly AssistantPart[] => {
  switch (item.kind) {
    case "message":
      return item.parts.map(({ type, text }) => ({ type, text }));
    case "reasoning": {
      const { text, signature, progress } = item;
      return [
        {
          type: "reasoning",
          text,
          ...(signature !== undefined && { signature }),
          ...(progress && { progress }),
        },
      ];
    }
    case "call":
      return [{ type: "tool-call", id: item.id, name: item.name, arguments: item.arguments }];
    default:
      return item satisfies never;
  }
};
