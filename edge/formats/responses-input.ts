import type { AssistantPart, Message, UserPart } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { placeOfItem, type ItemPlace } from "../conversation/response-id.ts";
import { readDataUrl, readImageUrl } from "./data-url.ts";
import type { KeptTurn } from "./format.ts";
import { splitItems } from "./responses-items.ts";
import { fullName } from "./responses-tools.ts";
import type { Body, WireItem } from "./responses-schema.ts";

/** One item of the input: a message of its own, or a place where a kept one stands. */
export type Entry =
  | { readonly message: Message }
  | { readonly place: ItemPlace; readonly param: string; readonly instead: Message | null };

const invalid = (message: string, param: string): ShoalError => ({ kind: "invalid_request", message, param });

/** The input's items in order; the error names the field. */
export const readInput = (input: Body["input"]): Result<readonly Entry[], ShoalError> => {
  if (typeof input === "string") return ok([{ message: { role: "user", content: [{ type: "text", text: input }] } }]);
  const entries: Entry[] = [];
  for (const [index, item] of input.entries()) {
    const entry = readItem(item, `input[${index}]`);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  return ok(entries);
};

const readItem = (item: WireItem, param: string): Result<Entry, ShoalError> => {
  switch (item.type) {
    case "function_call":
      return saidBy({
        type: "tool-call",
        id: item.call_id,
        name: fullName(item.namespace, item.name),
        arguments: item.arguments,
      });
    case "function_call_output":
      return readOutput(item, param);
    case "reasoning":
      return readReasoning(item, param);
    case "item_reference": {
      const place = placeOfItem(item.id);
      return place ? ok({ place, param: `${param}.id`, instead: null }) : err(noItem(item.id, `${param}.id`));
    }
    default:
      return readMessage(item, param);
  }
};

const noItem = (id: string, param: string): ShoalError =>
  invalid(`there is no item with the id '${id}': it was not stored, was deleted, or has expired`, param);

const said = (part: AssistantPart): Message => ({ role: "assistant", content: [part] });
const saidBy = (part: AssistantPart): Result<Entry, ShoalError> => ok({ message: said(part) });

/** With its proof a thought is whole. Without, it is looked for where we keep what we have answered. */
const readReasoning = (item: Extract<WireItem, { type: "reasoning" }>, param: string): Result<Entry, ShoalError> => {
  const text = [...(item.summary ?? []), ...(item.content ?? [])].map((part) => part.text).join("\n\n");
  const thought: AssistantPart = {
    type: "reasoning",
    text,
    ...(item.encrypted_content && { signature: item.encrypted_content }),
  };
  const place = placeOfItem(item.id ?? "");
  return item.encrypted_content || place === null
    ? saidBy(thought)
    : ok({ place, param: `${param}.id`, instead: said(thought) });
};

type WireMessage = Exclude<
  WireItem,
  { type: "function_call" | "function_call_output" | "reasoning" | "item_reference" }
>;

const readMessage = (item: WireMessage, param: string): Result<Entry, ShoalError> => {
  switch (item.role) {
    case "system":
    case "developer":
      return ok({ message: { role: "system", text: joinText(item.content) } });
    case "user":
      return readUser(item.content, param);
    case "assistant":
      return ok({ message: { role: "assistant", content: readAssistant(item.content) } });
    default:
      return item satisfies never;
  }
};

const joinText = (content: string | readonly { readonly text: string }[]): string =>
  typeof content === "string" ? content : content.map((part) => part.text).join("\n");

type AssistantContent = Extract<WireMessage, { role: "assistant" }>["content"];

const readAssistant = (content: AssistantContent): readonly AssistantPart[] =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((part) =>
        part.type === "refusal"
          ? { type: "refusal" as const, text: part.refusal }
          : { type: "text" as const, text: part.text },
      );

type UserContent = Extract<WireMessage, { role: "user" }>["content"];
type WirePart = Exclude<UserContent, string>[number];

const readUser = (content: UserContent, param: string): Result<Entry, ShoalError> => {
  const wire = typeof content === "string" ? [{ type: "input_text" as const, text: content }] : content;
  const parts = readParts(wire, `${param}.content`);
  return parts.ok ? ok({ message: { role: "user", content: parts.value } }) : parts;
};

const readOutput = (
  item: Extract<WireItem, { type: "function_call_output" }>,
  param: string,
): Result<Entry, ShoalError> => {
  const wire = typeof item.output === "string" ? [{ type: "input_text" as const, text: item.output }] : item.output;
  const parts = readParts(wire, `${param}.output`);
  if (!parts.ok) return parts;
  const content = parts.value.filter((part) => part.type !== "file");
  return ok({ message: { role: "tool", toolCallId: item.call_id, content } });
};

const readParts = (parts: readonly WirePart[], param: string): Result<readonly UserPart[], ShoalError> => {
  const content: UserPart[] = [];
  for (const [index, part] of parts.entries()) {
    const read = readPart(part, `${param}[${index}]`);
    if (!read.ok) return read;
    content.push(read.value);
  }
  return ok(content);
};

const readPart = (part: WirePart, param: string): Result<UserPart, ShoalError> => {
  switch (part.type) {
    case "input_text":
      return ok({ type: "text", text: part.text });
    case "input_image": {
      const source = readImageUrl(part.image_url);
      return source === null
        ? err(invalid("must be an http(s) URL or a base64 data URL of an image", `${param}.image_url`))
        : ok({ type: "image", source, ...(part.detail && { detail: part.detail }) });
    }
    case "input_file": {
      const data = readDataUrl(part.file_data);
      return data === null
        ? err(invalid("must be a base64 data URL, e.g. data:application/pdf;base64,…", `${param}.file_data`))
        : ok({ type: "file", ...data, ...(part.filename && { name: part.filename }) });
    }
    default:
      return part satisfies never;
  }
};

/**
 * Entries as messages, with kept items in their places. What a model said in one go is one message. An item may be named
 * once: named often, a long one would make of a small request a large one.
 */
export const joinEntries = (
  entries: readonly Entry[],
  turns: readonly KeptTurn[],
): Result<readonly Message[], ShoalError> => {
  const find = createFinder(turns);
  const named = new Set<string>();
  const messages: Message[] = [];
  let open: Said | null = null;
  for (const entry of entries) {
    if ("place" in entry && named.size === named.add(JSON.stringify(entry.place)).size)
      return err(invalid("the item is there twice", entry.param));
    const message = "message" in entry ? entry.message : (find(entry.place) ?? entry.instead);
    if (message === null)
      return err(invalid("there is no item with this id any more", "param" in entry ? entry.param : "input"));
    if (message.role !== "assistant") {
      open = null;
      messages.push(message);
    } else if (open && goesOn(open, message.content)) {
      add(open, message.content);
    } else {
      open = add({ content: [], calls: false, speaks: false }, message.content);
      messages.push({ role: "assistant", content: open.content });
    }
  }
  return ok(messages);
};

/** Items of kept turns, each of which is taken apart once. */
const createFinder = (turns: readonly KeptTurn[]) => {
  const split = new Map<string, readonly Message[]>();
  return ({ turn, input, index }: ItemPlace): Message | null => {
    const key = `${turn}${input ? "i" : ""}`;
    const items = split.get(key) ?? itemsOf({ turn, input }, turns);
    split.set(key, items);
    return items[index] ?? null;
  };
};

const itemsOf = ({ turn, input }: Omit<ItemPlace, "index">, turns: readonly KeptTurn[]): readonly Message[] => {
  const kept = turns.find(({ id }) => id === turn);
  if (!kept) return [];
  return splitItems(input ? kept.messages : [{ role: "assistant", content: kept.answer.content }]);
};

/** A model's message that may go on, and whether it has called a tool or spoken so far. */
type Said = { readonly content: AssistantPart[]; calls: boolean; speaks: boolean };

const add = (open: Said, parts: readonly AssistantPart[]): Said => {
  for (const part of parts) open.content.push(part);
  open.calls ||= parts.some(({ type }) => type === "tool-call");
  open.speaks ||= parts.some(speaks);
  return open;
};

const speaks = ({ type }: AssistantPart) => type === "text" || type === "refusal";

/** A second message begins a new turn, unless calls are open: their results must follow the turn that made them. */
const goesOn = (before: Said, next: readonly AssistantPart[]): boolean =>
  before.calls || !(before.speaks && next.some(speaks));
