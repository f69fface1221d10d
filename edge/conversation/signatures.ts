import * as z from "zod";
import type { AssistantPart, ChatRequest, Message, ReasoningPart } from "../../shared/chat.ts";
import type { KeptSignature } from "../objects/records.ts";
import type { Clock } from "../runtime/clock.ts";
import { createSealer } from "../runtime/seal.ts";
import type { Settings } from "../runtime/settings.ts";
import { isSignedToolCall } from "./tool-call-id.ts";

/**
 * Vendors sign thoughts and tool calls, and want the signatures back unchanged. A thought's travels to the client and
 * back sealed, in the field that the client's format has for it. A tool call's has no such field, so it is kept for a
 * day under the call's id, encrypted, and so are the thoughts that led to the call in a format without a field for
 * theirs. What does not come back, or not as it was, is left out: vendors take that.
 */
export interface Signatures {
  /** Whether thoughts before a tool call are kept with it, since the client's format has no place for their signatures. */
  readonly keepsThoughts: boolean;
  /** A thought's signature as the client gets it. */
  seal(signature: string): Promise<string>;
  /** What signs the progress that a client is told of, so that it is known, and left out, when it comes back. */
  sealProgress(): Promise<string>;
  /** Keeps what is signed of tool calls: done before the call's last event leaves. A failure costs the signatures only. */
  keep(calls: readonly ({ readonly id: string } & Kept)[]): Promise<void>;
  /** Asks an object only when the request brings tool calls that were kept. */
  restore(chat: ChatRequest): Promise<Restored>;
}

export type Restored = {
  /** The request with the vendors' signatures, and the thoughts that were kept, in place, and without our own words. */
  readonly chat: ChatRequest;
  /** Signatures of thoughts, as the client sent them, that are none of ours. */
  readonly unknown: ReadonlySet<string>;
};

/** What is kept of a tool call. */
const keptSchema = z.object({
  signature: z.string().exactOptional(),
  thoughts: z
    .array(z.object({ text: z.string(), signature: z.string() }))
    .readonly()
    .exactOptional(),
});
type Kept = Readonly<z.infer<typeof keptSchema>>;

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

/** In place of a vendor's signature. No vendor is named so. */
const ofProgress = "|progress";

/** An answer is not held up for longer by the object that keeps signatures. */
const patienceMs = 1_000;

export const createSignatures = (tenant: string, keepsThoughts: boolean, deps: SignaturesDeps): Signatures => {
  const sealer = createSealer(deps.settings.keySecret, deps.newId);
  const thought = `thought ${tenant}`;
  const purposeOf = (call: string) => `call ${tenant} ${call}`;

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

  const find = async (calls: readonly string[]): Promise<ReadonlyMap<string, Kept>> => {
    if (calls.length === 0) return new Map();
    const kept = await ask(deps.objects.tenantLog(tenant).findSignatures(calls), []);
    const opened = await Promise.all(kept.map(({ call, sealed }) => sealer.open(sealed, purposeOf(call))));
    return new Map(
      kept.flatMap(({ call }, index) => {
        const text = opened[index];
        return typeof text === "string" ? [[call, keptSchema.parse(JSON.parse(text))]] : [];
      }),
    );
  };

  return {
    keepsThoughts,
    seal: (signature) => sealer.seal(signature, thought),
    sealProgress: () => sealer.seal(ofProgress, thought),
    async keep(calls) {
      if (calls.length === 0) return;
      const sealed = await Promise.all(
        calls.map(async ({ id, ...kept }) => ({
          call: id,
          sealed: await sealer.seal(JSON.stringify(kept), purposeOf(id)),
        })),
      );
      await ask(deps.objects.tenantLog(tenant).keepSignatures(sealed), undefined);
    },
    async restore(chat) {
      const parts = chat.messages.flatMap(partsOf);
      const calls = parts.flatMap((part) => (part.type === "tool-call" && isSignedToolCall(part.id) ? [part.id] : []));
      const thoughts = parts.flatMap((part) => (part.type === "reasoning" && part.signature ? [part.signature] : []));
      if (calls.length + thoughts.length === 0) return { chat, unknown: new Set() };
      const [ofCalls, opened] = await Promise.all([
        find(calls),
        Promise.all(thoughts.map((sealed) => sealer.open(sealed, thought))),
      ]);
      const ofThoughts = new Map(thoughts.flatMap((sealed, index) => withText(sealed, opened[index] ?? null)));
      return {
        chat: { ...chat, messages: chat.messages.map((message) => sign(message, ofCalls, ofThoughts)) },
        unknown: new Set(thoughts.filter((sealed) => !ofThoughts.has(sealed))),
      };
    },
  };
};

const withText = (key: string, text: string | null): readonly (readonly [string, string])[] =>
  text === null ? [] : [[key, text]];

const partsOf = (message: Message): readonly AssistantPart[] => (message.role === "assistant" ? message.content : []);

type Calls = ReadonlyMap<string, Kept>;
type Thoughts = ReadonlyMap<string, string>;

const sign = (message: Message, ofCalls: Calls, ofThoughts: Thoughts): Message =>
  message.role === "assistant"
    ? {
        ...message,
        content: withThoughts(
          message.content.flatMap((part) => signPart(part, ofCalls, ofThoughts)),
          ofCalls,
        ),
      }
    : message;

/** With the kept thoughts: those before the first call before all else, as the model began with them. */
const withThoughts = (content: readonly AssistantPart[], ofCalls: Calls): readonly AssistantPart[] => {
  const first = content.find((part) => part.type === "tool-call");
  return [
    ...(first ? thoughtsBefore(first, ofCalls) : []),
    ...content.flatMap((part) => (part === first ? [part] : [...thoughtsBefore(part, ofCalls), part])),
  ];
};

const thoughtsBefore = (part: AssistantPart, ofCalls: Calls): readonly ReasoningPart[] =>
  part.type === "tool-call"
    ? (ofCalls.get(part.id)?.thoughts ?? []).map((thought) => ({ type: "reasoning", ...thought }))
    : [];

const signPart = (part: AssistantPart, ofCalls: Calls, ofThoughts: Thoughts): readonly AssistantPart[] => {
  if (part.type === "tool-call") {
    const signature = ofCalls.get(part.id)?.signature;
    return [signature === undefined ? part : { ...part, signature }];
  }
  if (part.type !== "reasoning" || part.signature === undefined) return [part];
  const signature = ofThoughts.get(part.signature);
  if (signature === ofProgress) return [];
  return [{ type: "reasoning", text: part.text, ...(signature !== undefined && { signature }) }];
};
