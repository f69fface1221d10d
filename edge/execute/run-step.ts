import type { LimitFunction } from "p-limit";
import type { ChatRequest } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import type { AnswerEvent, CallEvent, EndReason, StepOutcome, Told } from "../../shared/events.ts";
import type { Step } from "../../shared/plan.ts";
import { costOf } from "../../shared/pricing.ts";
import { boundInput, boundOutput, countInput } from "../../shared/tokens.ts";
import type { Usage } from "../../shared/usage.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Health } from "../pool/health.ts";
import { withoutDefaults, type Member } from "../pool/pool.ts";
import { callWorker } from "../providers/call.ts";
import type { Settings } from "../runtime/settings.ts";
import { makeToolCallId } from "../conversation/tool-call-id.ts";

/** What came of a step: its words, and how it ended. */
export type StepRun = {
  readonly step: Step;
  readonly events: readonly AnswerEvent[];
  readonly end: EndReason | null;
  readonly stopSequence?: string;
  readonly error: ShoalError | null;
  /** Whether a word of the answer has gone out. */
  readonly spoke: boolean;
};

export type StepRequest = {
  readonly step: Step;
  readonly chat: ChatRequest;
  /** Nobody waits for the words one by one: they are read at once. */
  readonly whole: boolean;
  /** The words are wanted in the run as well: another step will see them, or they may become the answer. */
  readonly keep: boolean;
  /** Ends this step alone. */
  readonly signal?: AbortSignal;
};

/** Gives the step's events without `end` and `error`, which it returns. */
export type RunStep = (request: StepRequest) => Told<StepRun>;

/** A thought with the vendor's signature. */
export type SignedThought = { readonly text: string; readonly signature: string };

/** A tool call under the id by which the client knows it, with the vendor's signature and the thoughts before it. */
export type SignedCall = {
  readonly id: string;
  readonly signature?: string;
  readonly thoughts?: readonly SignedThought[];
};

/**
 * Signatures are the vendor's: a client gets those of thoughts sealed, those of tool calls are kept, and with them the
 * thoughts that led to the call where the client's format has no place for their signatures.
 */
export type KeepsSignatures = {
  readonly keepsThoughts: boolean;
  seal(signature: string): Promise<string>;
  keep(calls: readonly SignedCall[]): Promise<void>;
};

export type RunStepOptions = {
  readonly pool: readonly Member[];
  /** Output tokens that a call may use. */
  readonly outputCap: (card: WorkerCard) => number;
  readonly signatures: KeepsSignatures;
};

export type RunStepDeps = {
  readonly fetch: typeof fetch;
  readonly slots: LimitFunction;
  readonly settings: Pick<Settings, "deadlines">;
  readonly health: Pick<Health, "succeeded" | "failed">;
  readonly clock: Clock;
  readonly newId: () => string;
  /** The request's own signal. */
  readonly signal: AbortSignal;
};

const words: ReadonlySet<CallEvent["type"]> = new Set([
  "text-delta",
  "reasoning-delta",
  "refusal-delta",
  "tool-call-start",
]);

/** One call to one worker, accounted for however it ends: exactly one `usage` when the vendor was reached. */
export const createRunStep = ({ pool, outputCap, signatures }: RunStepOptions, deps: RunStepDeps): RunStep => {
  const members = new Map(pool.map((member) => [member.worker.card.id, member]));
  return async function* runStep({ step, chat, whole, keep, signal }) {
    const { worker } = step;
    const member = members.get(worker);
    if (!member) throw new Error(`the plan names ${worker}, which is not in the pool`);
    const { card } = member.worker;
    const cap = Math.min(outputCap(card), chat.maxOutputTokens ?? Infinity);
    const kept: AnswerEvent[] = [];
    const signed: SignedCall[] = [];
    const thoughts = createThoughts();
    const meter = createMeter();
    let end: Extract<CallEvent, { type: "end" }> | null = null;
    let error: ShoalError | null = null;
    let spoke = false;

    yield [{ type: "step-start", step: step.id, worker, role: step.role }];
    const stop = signal ? AbortSignal.any([deps.signal, signal]) : deps.signal;
    const call = {
      chat: withoutDefaults(chat, card),
      upstream: member.worker.upstream,
      reasoningEffort: member.worker.reasoningEffort,
      maxOutputTokens: cap,
    };
    const target = { provider: member.provider, connection: member.connection, worker };
    const io = {
      ...deps,
      signal: stop,
      deadlines: deps.settings.deadlines,
      mode: whole ? ("whole" as const) : ("stream" as const),
      onSent: meter.send,
      onAccepted: meter.accept,
    };
    // What the reader of the answer takes its time for is not the worker's.
    let waitedMs = 0;
    const batches = callWorker(call, target, io);
    for (;;) {
      const asked = deps.clock.now();
      const next = await batches.next();
      waitedMs += deps.clock.now() - asked;
      if (next.done) break;
      const batch = next.value;
      const out: AnswerEvent[] = [];
      for (const event of batch) {
        meter.read(event);
        if (event.type === "end") end = event;
        else if (event.type === "error") error = event.error;
        else if (event.type === "tool-call-start") {
          const { index, name, signature } = event;
          const isSigned = signature !== undefined || (signatures.keepsThoughts && thoughts.any());
          const id = makeToolCallId(worker, deps.newId(), isSigned);
          if (isSigned) {
            signed.push({ id, ...(signature !== undefined && { signature }), thoughts: thoughts.take() });
          }
          out.push({ type: event.type, index, id, name });
        } else if (event.type === "reasoning-signature") {
          if (signatures.keepsThoughts) thoughts.sign(event.signature);
          out.push({ type: event.type, signature: await signatures.seal(event.signature) });
        } else if (event.type !== "usage") {
          if (event.type === "reasoning-delta") thoughts.read(event.text);
          out.push(event);
        }
        spoke ||= words.has(event.type);
      }
      if (keep) kept.push(...out);
      if (out.length > 0) yield out;
    }

    const toKeep = withLateThoughts(signed, thoughts.take());
    if (toKeep.length > 0) await signatures.keep(toKeep);
    const outcome = outcomeOf(error, stop);
    if (!member.own) {
      if (outcome === "done") deps.health.succeeded(worker, waitedMs);
      if (outcome === "failed" && isWorkersFault(error)) deps.health.failed(worker, deps.clock.now());
    }
    const usage = meter.total({
      error,
      canceled: outcome === "canceled",
      hiddenTokens: Math.ceil(
        ((mayReason(member) ? waitedMs : 0) + (outcome === "canceled" ? unreadMs : 0)) * maxTokensPerMs,
      ),
      bounds: () => ({ input: boundInput(countInput(chat), card), cap }),
    });
    yield [
      ...(usage ? [usageEvent(step, member, usage)] : []),
      { type: "step-end", step: step.id, worker, outcome, ...(error && outcome === "failed" && { error }) },
    ];
    return {
      step,
      events: kept,
      end: end?.reason ?? null,
      ...(end?.stopSequence !== undefined && { stopSequence: end.stopSequence }),
      error,
      spoke,
    };
  };
};

const outcomeOf = (error: ShoalError | null, signal: AbortSignal): StepOutcome => {
  if (error === null) return "done";
  return signal.aborted ? "canceled" : "failed";
};

/** A request that the vendor found wrong says nothing about the worker. */
const isWorkersFault = (error: ShoalError | null): boolean =>
  error?.kind === "upstream" &&
  error.cause !== "invalid_request" &&
  error.cause !== "context_too_long" &&
  error.cause !== "content_filter";

const usageEvent = (step: Step, member: Member, { billed, ...usage }: Usage): AnswerEvent => {
  const { worker, provider, ownKey } = member;
  const { id, price } = worker.card;
  const cost = billed ?? (price === null ? null : costOf(price, usage));
  const served = { provider: provider.name, ...(ownKey && { ownKey }) };
  return { type: "usage", step: step.id, worker: id, ...served, usage, cost };
};

/** No model in the pool writes faster; bounds what it may have thought unseen. */
const maxTokensPerMs = 1;
/** What a worker may have written before it heard that nobody reads any more. */
const unreadMs = 25;

/** Whether the call may use output tokens that no event shows. */
const mayReason = ({ worker }: Member): boolean => worker.card.efforts.length > 0 && worker.reasoningEffort !== "none";

type CutCall = {
  readonly error: ShoalError | null;
  readonly canceled: boolean;
  /** What the worker may have thought, or written, unseen. */
  readonly hiddenTokens: number;
  readonly bounds: () => { readonly input: number; readonly cap: number };
};

/** Reads what a call says of its tokens, and what it emitted, in case it never says. */
const createMeter = () => {
  let reported: Usage | null = null;
  let sent = false;
  let accepted = false;
  /** Counted only if the call is cut: counting each piece costs more than keeping it. */
  let emitted = "";
  let ended = false;

  /** A vendor bills what it has accepted, and perhaps what was cut before it could say so; never what it refused. */
  const isBilled = ({ error, canceled }: CutCall): boolean => {
    if (accepted || error === null) return true;
    return sent && (canceled || (error.kind === "upstream" && error.cause === "timeout"));
  };

  return {
    send: (): void => {
      sent = true;
    },
    accept: (): void => {
      accepted = true;
    },
    read(event: CallEvent): void {
      if (event.type === "usage") reported = event.usage;
      else if (event.type === "end") ended = true;
      if (event.type === "text-delta" || event.type === "reasoning-delta" || event.type === "refusal-delta") {
        emitted += event.text;
      }
      if (event.type === "tool-call-delta") emitted += event.arguments;
    },
    /**
     * A call that ended has the vendor's own count. One that was cut has the input that the vendor reported, else its
     * bound, and an upper bound on its output: what it emitted, and what it may have thought unseen in the time. Null
     * when the vendor bills nothing.
     */
    total(cut: CutCall): Usage | null {
      if (ended && reported) return reported;
      if (!isBilled(cut)) return null;
      const { input, cap } = cut.bounds();
      const output = Math.max(boundOutput(emitted) + cut.hiddenTokens, reported?.outputTokens ?? 0);
      return {
        inputTokens: reported?.inputTokens || input,
        cachedInputTokens: reported?.cachedInputTokens ?? 0,
        cacheWriteTokens: reported?.cacheWriteTokens ?? 0,
        outputTokens: Math.min(cap, output),
        reasoningTokens: reported?.reasoningTokens ?? 0,
        source: "estimated",
      };
    },
  };
};

/** The thoughts since the last tool call. */
const createThoughts = () => {
  let text = "";
  let signed: SignedThought[] = [];
  return {
    any: () => text !== "" || signed.length > 0,
    read(piece: string) {
      text += piece;
    },
    sign(signature: string) {
      signed.push({ text, signature });
      text = "";
    },
    /** Those that are signed; a signature that is still to come takes the text then. */
    take(): readonly SignedThought[] {
      const taken = signed;
      signed = [];
      return taken;
    },
  };
};

/** Hosts may sign thoughts when all has been said: these belong to the first call. */
const withLateThoughts = (calls: readonly SignedCall[], late: readonly SignedThought[]): readonly SignedCall[] =>
  calls
    .map(({ thoughts = [], ...call }, index) => ({
      ...call,
      thoughts: index === 0 ? [...thoughts, ...late] : thoughts,
    }))
    .filter((call) => call.signature !== undefined || call.thoughts.length > 0)
    .map(({ thoughts, ...call }) => (thoughts.length > 0 ? { ...call, thoughts } : call));
