import type { ChatRequest, ReasoningEffort } from "../../shared/chat.ts";
import type { UpstreamError } from "../../shared/errors.ts";
import type { CallEvent } from "../../shared/events.ts";
import type { SseMessage } from "../../shared/sse.ts";
import type { Ability } from "../../shared/workers.ts";

/** Where a provider is and how it is paid: from the operator's environment only, never from a client. */
export type Connection = {
  readonly baseUrl: string;
  /** The secret: a key, or what requests and tokens are signed with. */
  readonly apiKey: string;
  /** Where requests are processed, `global` for anywhere; absent when unknown. */
  readonly dataRegion?: DataRegion;
  /** What else it takes to address and sign a call, by names of the provider's own. */
  readonly account?: Readonly<Record<string, string>>;
};

export const dataRegions = ["us", "eu", "ap", "global"] as const;
export type DataRegion = (typeof dataRegions)[number];

/** The name as a data region; undefined where it is none. */
export const dataRegionOf = (name: string | undefined): DataRegion | undefined =>
  dataRegions.find((region) => region === name);

/** A model as a host that resells it has it, where that is not as the card says. */
export type Offer = {
  /** What the host charges, relative to the card's price; null when unknown. */
  readonly priceFactor: number | null;
  /** What the model can elsewhere but not there. */
  readonly lacks: readonly Ability[];
};

/** The environment's strings: secrets and variables of the Worker. */
export type ProviderEnv = Readonly<Record<string, string | undefined>>;

/** One question to one worker. */
export type Call = {
  readonly chat: ChatRequest;
  /** The model's id at this provider. */
  readonly upstream: string;
  readonly reasoningEffort: ReasoningEffort | null;
  /** Bound of output tokens, reasoning included: always sent, since dollars are reserved for it. */
  readonly maxOutputTokens: number;
};

/** Turns the events of one answer into ours; holds what must be remembered between them. */
export interface Decoder {
  push(message: SseMessage): readonly CallEvent[];
  /** The body has ended: what is still due, or a `protocol` error when the answer was cut. */
  end(): readonly CallEvent[];
}

/** `now`: milliseconds since the epoch, for signatures and tokens that expire. */
export type SendIo = { readonly fetch: typeof fetch; readonly signal: AbortSignal; readonly now: () => number };

/**
 * A vendor, or a host that speaks a vendor's protocol. Everything but `send` is pure; `send` only hands the body to
 * the vendor's SDK (retries off) with the `fetch` it is given. `call.ts` does the rest: slots, deadlines, reading.
 */
export interface Provider {
  /** As it stands in worker cards, metrics and errors. */
  readonly name: string;
  /** The connection, when the environment configures one. */
  connect(env: ProviderEnv): Connection | null;
  /** What the environment lacks for `connect`, in words for the operator, e.g. `OPENAI_API_KEY is not set`. */
  readonly needs: string;
  /** What the protocol can express at all; a card says what the model takes. */
  readonly abilities: ReadonlySet<Ability>;
  /** How the connection has a model; null when it has it not. Without the function, every model as its card says. */
  offer?(upstream: string, connection: Connection): Offer | null;
  /** Canonical → the vendor's body, always asking for a stream. */
  request(call: Call): unknown;
  /** Sends a body made by `request`. Resolves with the raw response whatever its status. */
  send(body: unknown, connection: Connection, io: SendIo): Promise<Response>;
  decoder(call: Call): Decoder;
  /** A response other than 2xx. The body may be JSON, HTML or empty. */
  error(status: number, headers: Headers, body: string): UpstreamError;
}
