import type { ChatRequest, Message } from "../../shared/chat.ts";

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

const maxRemembered = 10_000;
const remembered = new Map<string, string>();
const encoder = new TextEncoder();

/** The isolate has one secret. */
let imported: { readonly secret: string; readonly key: CryptoKey } | null = null;

const importSecret = async (secret: string): Promise<CryptoKey> => {
  if (imported?.secret === secret) return imported.key;
  const raw = encoder.encode(secret || "unset");
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  imported = { secret, key };
  return key;
};

export const affinityKeys = async (chat: ChatRequest, tenant: string, secret: string): Promise<AffinityKeys> => {
  const key = await importSecret(secret);
  const sign = async (messages: readonly Message[]): Promise<string> => {
    const canonical = JSON.stringify([tenant, chat.model, messages]);
    const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(canonical)));
    return btoa(String.fromCharCode(...bytes.subarray(0, 16)));
  };
  const lastAssistant = chat.messages.findLastIndex((message) => message.role === "assistant");
  const [previous, next] = await Promise.all([
    lastAssistant > 0 ? sign(chat.messages.slice(0, lastAssistant)) : null,
    sign(chat.messages),
  ]);
  return { previous, next };
};

/** The worker that this isolate remembers for the conversation; null on a first turn. What is recalled stays longest. */
export const recallWorker = ({ previous }: AffinityKeys): string | null => {
  const worker = previous === null ? undefined : remembered.get(previous);
  if (previous === null || worker === undefined) return null;
  rememberWorker(previous, worker);
  return worker;
};

export const rememberWorker = (key: string, worker: string): void => {
  remembered.delete(key);
  const oldest = remembered.keys().next();
  if (remembered.size >= maxRemembered && !oldest.done) remembered.delete(oldest.value);
  remembered.set(key, worker);
};
