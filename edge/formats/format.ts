import type { ChatRequest } from "../../shared/chat.ts";
import type { ShoalError, WireError } from "../../shared/errors.ts";
import type { Answer, AnswerEvent } from "../../shared/events.ts";
import type { MicroDollars } from "../../shared/pricing.ts";
import type { Result } from "../../shared/result.ts";
import type { UsageTotals } from "../../shared/usage.ts";

/** A client's request, read. */
export type ClientRequest = {
  readonly chat: ChatRequest;
  readonly stream: boolean;
  /** Whether a stream ends with its usage. */
  readonly includeUsage: boolean;
};

/** What an answer says of itself in any format. */
export type AnswerHead = {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** The name under which the client asked. */
  readonly model: string;
  readonly includeUsage: boolean;
};

/** What the answer cost, inner steps apart. `cost` is null when a price is unknown. */
export type Bill = { readonly usage: UsageTotals; readonly cost: MicroDollars | null };

/** A client's wire format: reading its requests, writing our events. One path for streams and whole answers. */
export interface Format {
  readonly name: string;
  /** The body, already JSON, as a canonical request; the error names the field. */
  parse(body: unknown): Result<ClientRequest, ShoalError>;
  /** Writes a stream: gives each batch's bytes as text, empty when there is nothing to say. */
  stream(head: AnswerHead): { push(events: readonly AnswerEvent[]): string };
  /** A whole answer as JSON. */
  json(head: AnswerHead, answer: Answer, bill: Bill): unknown;
  /** An error's body. */
  error(error: WireError): unknown;
}
