import type { AssistantPart, ChatRequest, Message } from "../../shared/chat.ts";
import type { KeptSignature } from "../objects/records.ts";
import type { Clock } from "../runtime/clock.ts";
import { createSealer } from "../runtime/seal.ts";
import type { Settings } from "../runtime/settings.ts";
import { isSignedToolCall } from "./tool-call-id.ts";

/**
 * Vendors sign thoughts and tool calls, and want the signatures back unchanged. A thought's travels to the client and
 * back sealed, in the field that the client's format has for it. A tool call's has no such field, so it is kept for a
 * day under the call's id, encrypted. What does not come back, or not as it was, is left out: vendors take that.
 */
export interface Signatures {
  /** A thought's signature as the client gets it. */
  seal(signature: string): Promise<string>;
  /** Keeps the signatures of tool calls: done before the call's last event leaves. A failure costs the signatures only. */
  keep(calls: readonly { readonly id: string; readonly signature: string }[]): Promise<void>;
  /** The request with the vendors' signatures in place. Asks an object only when it brings tool calls that were kept. */
  restore(chat: ChatRequest): Promise<ChatRequest>;
}

/** What a tenant's log does for signatures. */
export type SignatureStore = {
  keepSignatures(signatures: readonly KeptSignature[]): Promise<void>;
  /** Those that are still kept, in no order. */
  findSignatures(calls: readonly string[]): Promise<readonly KeptSignature[]>;
};

export type SignaturesDeps = {
  readonly settings: Pick<Settings, "keySecret">;
  readonly objects: { tenantLog(tenant: string): SignatureStore };
  readonly clock: Clock;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly newId: () => string;
};

/** An answer is not held up for longer by the object that keeps signatures. */
const patienceMs = 1_000;
const nonceDigits = 24;

export const createSignatures = (tenant: string, deps: SignaturesDeps): Signatures => {
  const sealer = createSealer(deps.settings.keySecret);
  const thought = `thought ${tenant}`;
  const purposeOf = (call: string) => `call ${tenant} ${call}`;
  const seal = (text: string, purpose: string) => sealer.seal(text, purpose, deps.newId().slice(0, nonceDigits));

  /** What the object says in time; the fallback when it fails or is late. */
  const ask = async <T>(work: Promise<T>, fallback: T): Promise<T> => {
    const settled = work.catch(() => fallback);
    deps.waitUntil(settled);
    const late = Promise.withResolvers<T>();
    const cancel = deps.clock.after(patienceMs, () => late.resolve(fallback));
    const answer = await Promise.race([settled, late.promise]);
    cancel();
    return answer;
  };

  const find = async (calls: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    if (calls.length === 0) return new Map();
    const kept = await ask(deps.objects.tenantLog(tenant).findSignatures(calls), []);
    const opened = await Promise.all(kept.map(({ call, sealed }) => sealer.open(sealed, purposeOf(call))));
    return new Map(kept.flatMap(({ call }, index) => withText(call, opened[index] ?? null)));
  };

  return {
    seal: (signature) => seal(signature, thought),
    async keep(calls) {
      if (calls.length === 0) return;
      const sealed = await Promise.all(
        calls.map(async ({ id, signature }) => ({ call: id, sealed: await seal(signature, purposeOf(id)) })),
      );
      await ask(deps.objects.tenantLog(tenant).keepSignatures(sealed), undefined);
    },
    async restore(chat) {
      const parts = chat.messages.flatMap(partsOf);
      const calls = parts.flatMap((part) => (part.type === "tool-call" && isSignedToolCall(part.id) ? [part.id] : []));
      const thoughts = parts.flatMap((part) => (part.type === "reasoning" && part.signature ? [part.signature] : []));
      if (calls.length + thoughts.length === 0) return chat;
      const [ofCalls, opened] = await Promise.all([
        find(calls),
        Promise.all(thoughts.map((sealed) => sealer.open(sealed, thought))),
      ]);
      const ofThoughts = new Map(thoughts.flatMap((sealed, index) => withText(sealed, opened[index] ?? null)));
      return { ...chat, messages: chat.messages.map((message) => sign(message, ofCalls, ofThoughts)) };
    },
  };
};

const withText = (key: string, text: string | null): readonly (readonly [string, string])[] =>
  text === null ? [] : [[key, text]];

const partsOf = (message: Message): readonly AssistantPart[] => (message.role === "assistant" ? message.content : []);

type ByKey = ReadonlyMap<string, string>;

const sign = (message: Message, ofCalls: ByKey, ofThoughts: ByKey): Message =>
  message.role === "assistant"
    ? { ...message, content: message.content.map((part) => signPart(part, ofCalls, ofThoughts)) }
    : message;

const signPart = (part: AssistantPart, ofCalls: ByKey, ofThoughts: ByKey): AssistantPart => {
  if (part.type === "tool-call") {
    const signature = ofCalls.get(part.id);
    return signature === undefined ? part : { ...part, signature };
  }
  if (part.type !== "reasoning" || part.signature === undefined) return part;
  const signature = ofThoughts.get(part.signature);
  return { type: "reasoning", text: part.text, ...(signature !== undefined && { signature }) };
};
