import type { ChatRequest, Message } from "../../shared/chat.ts";
import type { ShoalError, WireError } from "../../shared/errors.ts";
import type { Answer, AnswerEvent } from "../../shared/events.ts";
import type { MicroDollars } from "../../shared/pricing.ts";
import type { Result } from "../../shared/result.ts";
import type { UsageTotals } from "../../shared/usage.ts";
import type { PlanReport, Report } from "./report.ts";
import type { SentProof } from "../conversation/check-proofs.ts";

/** A client's request, read. */
export type ClientRequest = {
  readonly chat: ChatRequest;
  readonly stream: boolean;
  /** Whether a stream ends with its usage. */
  readonly includeUsage: boolean;
  /** What the answer repeats of the request; absent in formats whose answers repeat nothing. */
  readonly echo?: Echo;
  /** What the request leaves out because we keep it; absent when all is in `chat`. */
  readonly recall?: Recall;
  /** Proofs of thoughts that the client sends back: one that is not ours fails the request. Absent: it is left out. */
  readonly proofs?: readonly SentProof[];
  /** What to keep of this turn beside its answer; absent when nothing is. */
  readonly keep?: { readonly previous: string | null; readonly messages: readonly Message[] };
};

/** What an answer repeats of its request, in the client's words, and what of a model's thoughts it shows. */
export type Echo = {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly summaries: boolean;
  /** Vendors' signatures of thoughts. */
  readonly proofs: boolean;
  /** An estimate of the request's tokens, where a format names them before a vendor has counted. */
  readonly inputTokens?: number;
  /** Functions that the client knows by a name within a namespace, by the name that models know. */
  readonly namespaces?: Readonly<Record<string, { readonly name: string; readonly namespace: string }>>;
};

/** Earlier turns that a request names and does not hold. Ids are those of turns, not the client's. */
export type Recall = {
  /** The turn that this one continues, with the client's own id of it. */
  readonly after: { readonly turn: string; readonly id: string } | null;
  /** Turns of which single items are wanted. */
  readonly others: readonly string[];
  /** The request with all that was kept in place; fails when something that it needs is gone. */
  readonly join: (kept: KeptTurns) => Result<ClientRequest, ShoalError>;
};

/** An answered request as it is kept for turns that continue it. `id`: the request's; `messages`: what it added. */
export type KeptTurn = {
  readonly id: string;
  readonly previous: string | null;
  readonly messages: readonly Message[];
  readonly answer: Answer;
  readonly bill: Bill;
  readonly head: Omit<AnswerHead, "now">;
  /** Seconds since the epoch. */
  readonly endedAt: number;
};

/** `after`: the turns that lead to the one named, oldest first; null when one of them is gone. */
export type KeptTurns = {
  readonly after: readonly KeptTurn[] | null;
  readonly others: readonly KeptTurn[];
};

/** What an answer says of itself in any format. */
export type AnswerHead = {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** The name under which the client asked. */
  readonly model: string;
  readonly includeUsage: boolean;
  readonly echo?: Echo;
  /** Where the client asked how the answer came about. */
  readonly plan?: PlanReport;
  /** Seconds since the epoch. */
  readonly now: () => number;
};

/**
 * What the answer cost, inner steps apart, and where the client asked how it came about. `cost` is null when a price is
 * unknown.
 */
export type Bill = { readonly usage: UsageTotals; readonly cost: MicroDollars | null; readonly report?: Report };

/** A client's wire format: reading its requests, writing our events. One path for streams and whole answers. */
export interface Format {
  readonly name: string;
  /** Answers have a field for the signature of a thought. */
  readonly signsThoughts: boolean;
  /** An answer's id. `worker`: the one that the plan wants to write it; empty where that is not known yet. */
  answerId(requestId: string, worker: string): string;
  /** The body, already JSON, as a canonical request; the error names the field. */
  parse(body: unknown): Result<ClientRequest, ShoalError>;
  /** Writes a stream: gives each batch's bytes as text, empty when there is nothing to say. */
  stream(head: AnswerHead): { push(events: readonly AnswerEvent[]): string };
  /** A whole answer as JSON. */
  json(head: AnswerHead, answer: Answer, bill: Bill): unknown;
  /** An error's body. */
  error(error: WireError): unknown;
  /** The status of an error where the format has one of its own. */
  status?(error: WireError): number;
  /** What breaks a silence between events; without it a comment does. */
  readonly ping?: string;
}
