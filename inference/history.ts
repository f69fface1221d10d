import type { ChatHistoryItem, ChatModelFunctionCall, ChatModelResponse } from "node-llama-cpp";
import { textOf, type AssistantPart, type Message } from "../shared/chat.ts";

/**
 * Messages → node-llama-cpp's history, in which a call carries its result: an assistant's turn with tools is one model
 * item that holds text, calls and results in order, up to and including the assistant's words after them.
 */
export const toHistory = (messages: readonly Message[]): ChatHistoryItem[] => {
  const history: ChatHistoryItem[] = [];
  let turn: ChatModelResponse["response"] | null = null;
  for (const message of messages) {
    switch (message.role) {
      case "system":
      case "user":
        turn = null;
        history.push({ type: message.role, text: textOf(message) });
        break;
      case "assistant":
        if (turn === null || !endsWithCall(turn)) {
          turn = [];
          history.push({ type: "model", response: turn });
        }
        turn.push(...toResponse(message.content, resultsOf(messages)));
        break;
      case "tool":
        break;
      default:
        message satisfies never;
    }
  }
  if (turn !== null && !endsWithCall(turn)) history.push({ type: "model", response: [] });
  return history;
};

type ResponseItem = ChatModelResponse["response"][number];

const endsWithCall = (turn: ChatModelResponse["response"]) => {
  const last = turn.at(-1);
  return typeof last === "object" && last.type === "functionCall";
};

const resultsOf = (messages: readonly Message[]): ReadonlyMap<string, string> =>
  new Map(messages.flatMap((message) => (message.role === "tool" ? [[message.toolCallId, textOf(message)]] : [])));

const toResponse = (parts: readonly AssistantPart[], results: ReadonlyMap<string, string>): ResponseItem[] =>
  parts.map((part, index) => {
    switch (part.type) {
      case "text":
      case "refusal":
        return part.text;
      case "reasoning":
        return { type: "segment", segmentType: "thought", text: part.text, ended: true };
      case "tool-call":
        return {
          type: "functionCall",
          name: part.name,
          params: JSON.parse(part.arguments),
          result: results.get(part.id) ?? "",
          startsNewChunk: parts[index - 1]?.type !== "tool-call",
        } satisfies ChatModelFunctionCall;
      default:
        return part satisfies never;
    }
  });
