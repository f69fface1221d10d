import type { Message } from "../../shared/chat.ts";

/** For vendors that answer only a turn: where there is nothing but the system's words, these become the user's. */
export const withTurn = (messages: readonly Message[]): readonly Message[] =>
  messages.every(({ role }) => role === "system")
    ? messages.map((message) =>
        message.role === "system" ? { role: "user", content: [{ type: "text", text: message.text }] } : message,
      )
    : messages;
