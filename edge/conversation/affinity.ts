import type { ChatRequest, Message } from "../../shared/chat.ts";
import { hmac } from "../runtime/hmac.ts";
import { createMemory } from "../runtime/memory.ts";

/**
 * A conversation stays with its worker, whose prompt cache knows it. Its key is an HMAC over tenant, model and the
 * messages before the last assistant turn: those with which the previous turn was asked.
 */
export type AffinityKeys = {
  /** Under which this turn looks for its worker; null on a first turn. */
  readonly previous: string | null;
  /** Under which the next turn will look. */
  readonly next: string;
};

const remembered = createMemory<string>(10_000);

export const affinityKeys = async (chat: ChatRequest, tenant: string, secret: string): Promise<AffinityKeys> => {
  const sign = async (messages: readonly Message[]): Promise<string> => {
    const canonical = JSON.stringify([tenant, chat.model, messages], withoutMarks);
    const bytes = new Uint8Array(await hmac(secret || "unset", canonical));
    return btoa(String.fromCharCode(...bytes.subarray(0, 16)));
  };
  const lastAssistant = chat.messages.findLastIndex((message) => message.role === "assistant");
  const [previous, next] = await Promise.all([
    lastAssistant > 0 ? sign(chat.messages.slice(0, lastAssistant)) : null,
    sign(chat.messages),
  ]);
  return { previous, next };
};

/** Clients move their cache marks along with a conversation, which stays the same. */
const withoutMarks = (key: string, value: unknown): unknown => (key === "cacheHere" ? undefined : value);

/** The worker that this isolate remembers for the conversation; null on a first turn. What is recalled stays longest. */
export const recallWorker = ({ previous }: AffinityKeys): string | null => {
  if (previous === null) return null;
  const worker = remembered.get(previous);
  if (worker === undefined) return null;
  rememberWorker(previous, worker);
  return worker;
};

export const rememberWorker = (key: string, worker: string): void => remembered.set(key, worker);
