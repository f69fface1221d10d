import type { AssistantPart, Message, UserPart } from "../../shared/chat.ts";
import type { TokenLogprob } from "../../shared/events.ts";
import type { Echo } from "./format.ts";
import { makeItemId, type ItemPlace } from "../conversation/response-id.ts";

export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** How items show thoughts, the names of functions, and what tokens weigh. */
export type Shown = Pick<Echo, "summaries" | "proofs" | "namespaces"> & {
  /** Of the tokens of a text. */
  readonly logprobs?: readonly TokenLogprob[];
};

export type WireItem = { readonly id: string; readonly type: string };

/** Messages of one item each: of an answer, each thought, each call, and what stands between them. */
export const splitItems = (messages: readonly Message[]): readonly Message[] =>
  messages.flatMap((message): readonly Message[] =>
    message.role === "assistant"
      ? groupParts(message.content).map((content) => ({ role: "assistant" as const, content }))
      : [message],
  );

const speaks = (part: AssistantPart | undefined) => part?.type === "text" || part?.type === "refusal";

const groupParts = (parts: readonly AssistantPart[]): readonly (readonly AssistantPart[])[] => {
  const groups: AssistantPart[][] = [];
  for (const part of parts) {
    const last = groups.at(-1);
    if (last && speaks(part) && speaks(last[0])) last.push(part);
    else groups.push([part]);
  }
  return groups;
};

/** A message of one item as OpenAI writes it. */
export const writeItem = (message: Message, place: ItemPlace, status: ItemStatus, shown: Shown): WireItem => {
  switch (message.role) {
    case "system":
      return writeMessage(place, status, message.role, [writePart({ type: "text", text: message.text })]);
    case "user":
      return writeMessage(place, status, message.role, message.content.map(writePart));
    case "assistant":
      return writeSaid(message.content, place, status, shown);
    case "tool":
      return writeResult(message, place, status);
    default:
      return message satisfies never;
  }
};

const writeSaid = (parts: readonly AssistantPart[], place: ItemPlace, status: ItemStatus, shown: Shown): WireItem => {
  const [first] = parts;
  if (first?.type === "reasoning") return writeReasoning(first, place, shown);
  if (first?.type === "tool-call") return writeCall(first, place, status, shown);
  return writeMessage(
    place,
    status,
    "assistant",
    parts.flatMap((part) => writeWords(part, shown.logprobs)),
  );
};

const writeCall = (
  call: Extract<AssistantPart, { type: "tool-call" }>,
  place: ItemPlace,
  status: ItemStatus,
  { namespaces }: Shown,
) => ({
  type: "function_call",
  id: makeItemId("fc", place),
  call_id: call.id,
  name: call.name,
  ...namespaces?.[call.name],
  arguments: call.arguments,
  status,
});

const writeResult = (
  { toolCallId, content }: Extract<Message, { role: "tool" }>,
  place: ItemPlace,
  status: ItemStatus,
) => ({
  type: "function_call_output",
  id: makeItemId("fco", place),
  call_id: toolCallId,
  output: content.every((part) => part.type === "text")
    ? content.map((part) => part.text).join("\n")
    : content.map(writePart),
  status,
});

const writeMessage = (place: ItemPlace, status: ItemStatus, role: Message["role"], content: readonly object[]) => ({
  type: "message",
  id: makeItemId("msg", place),
  status,
  role,
  content,
});

export const summaryPart = (text: string) => ({ type: "summary_text", text });
export const textPart = (text: string, logprobs: readonly TokenLogprob[] = []) => ({
  type: "output_text",
  text,
  annotations: [],
  logprobs: writeLogprobs(logprobs),
});
export const refusalPart = (refusal: string) => ({ type: "refusal", refusal });

const writeReasoning = (
  { text, signature, progress }: Extract<AssistantPart, { type: "reasoning" }>,
  place: ItemPlace,
  shown: Shown,
) => ({
  type: "reasoning",
  id: makeItemId("rs", place),
  summary: (shown.summaries || progress) && text !== "" ? [summaryPart(text)] : [],
  ...(shown.proofs && signature !== undefined && { encrypted_content: signature }),
});

export const writeLogprobs = (logprobs: readonly TokenLogprob[]): readonly object[] =>
  logprobs.map(({ top, bytes, ...token }) => ({
    ...token,
    bytes: bytes ?? [],
    top_logprobs: top.map((other) => ({ ...other, bytes: other.bytes ?? [] })),
  }));

const writeWords = (part: AssistantPart, logprobs: Shown["logprobs"]): readonly object[] => {
  if (part.type === "text") return [textPart(part.text, logprobs)];
  return part.type === "refusal" ? [refusalPart(part.text)] : [];
};

const writePart = (part: UserPart): object => {
  switch (part.type) {
    case "text":
      return { type: "input_text", text: part.text };
    case "image": {
      const { source, detail = "auto" } = part;
      const url = "url" in source ? source.url : `data:${source.mediaType};base64,${source.base64}`;
      return { type: "input_image", image_url: url, detail };
    }
    case "file":
      return {
        type: "input_file",
        file_data: `data:${part.mediaType};base64,${part.base64}`,
        ...(part.name !== undefined && { filename: part.name }),
      };
    default:
      return part satisfies never;
  }
};
