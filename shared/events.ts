import type { AssistantPart } from "./chat.ts";
import type { ShoalError } from "./errors.ts";
import type { Plan } from "./plan.ts";
import type { MicroDollars } from "./pricing.ts";
import type { Usage } from "./usage.ts";
import type { Writing } from "./planner/outcome.ts";

export type EndReason = "stop" | "length" | "tool_calls" | "content_filter";

/** A token with its log probability; `bytes`: of its UTF-8, null where it has none. */
type LikelyToken = {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
};

/** A token of an answer, and the likeliest at its place. */
export type TokenLogprob = LikelyToken & { readonly top: readonly LikelyToken[] };

/** What one upstream call says, as its provider's decoder gives it. Exactly one `end` or `error` closes it. */
export type CallEvent =
  /** `model` is the vendor's own name of what answered, `id` its id of the answer. */
  | { readonly type: "start"; readonly model?: string; readonly id?: string }
  | { readonly type: "text-delta"; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  | { readonly type: "reasoning-delta"; readonly text: string }
  /** Closes a block of reasoning with the vendor's proof of it. */
  | { readonly type: "reasoning-signature"; readonly signature: string }
  | { readonly type: "refusal-delta"; readonly text: string }
  /** `index` counts the answer's tool calls from 0, in the order in which they began. */
  | {
      readonly type: "tool-call-start";
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly signature?: string;
    }
  | { readonly type: "tool-call-delta"; readonly index: number; readonly arguments: string }
  /** The call's total so far: a later one replaces an earlier one. */
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "error"; readonly error: ShoalError }
  /** `stopSequence`: which of the request's ended the answer, where the vendor says so. */
  | { readonly type: "end"; readonly reason: EndReason; readonly stopSequence?: string };

export type StepOutcome = "done" | "failed" | "skipped" | "canceled";

/**
 * Why a step was skipped: all that it was to see had failed, a verifier had accepted an answer, what it was to see fits no
 * worker's context, or nobody waited for the answer any more.
 */
export type SkipReason = "nothing_to_see" | "accepted" | "too_long" | "client_left";

/** What the pipeline gives to the client's format: one answer, and beside it how it came about. */
export type AnswerEvent =
  | Exclude<CallEvent, { type: "usage" | "end" }>
  /** `step` and `worker` wrote the answer; every other call was orchestration. */
  | {
      readonly type: "end";
      readonly reason: EndReason;
      readonly stopSequence?: string;
      readonly step: string;
      readonly worker: string;
    }
  | { readonly type: "step-start"; readonly step: string; readonly worker: string; readonly role: string }
  | {
      readonly type: "step-end";
      readonly step: string;
      readonly worker: string;
      readonly outcome: StepOutcome;
      readonly error?: ShoalError;
      /** Of a step that was skipped: it never started. */
      readonly skipped?: { readonly role: string; readonly reason: SkipReason };
    }
  /**
   * What came of asking a planner for the workflow of a round: the plan that is run now, null where the answer of the
   * first round stays as it is. `reason`: in plain words.
   */
  | {
      readonly type: "written";
      readonly round: 1 | 2;
      readonly plan: Plan | null;
      readonly reason: string;
      readonly writing: Writing;
    }
  /** A line on a team at work, for clients that ask. `signature`: our own, by which it is known when it comes back. */
  | { readonly type: "progress"; readonly text: string; readonly signature: string }
  /** One per upstream call, when it has ended. */
  | {
      readonly type: "usage";
      readonly step: string;
      readonly worker: string;
      readonly usage: Usage;
      /** Who served it, hence who bills it: a worker's own vendor or a host that resells it. */
      readonly provider?: string;
      /** Called with the tenant's own key: its bill does not come to the operator. */
      readonly ownKey?: true;
      /** Null when the worker's price is unknown. */
      readonly cost: MicroDollars | null;
    };

/** Events as they come, and at last what came of it. */
export type Told<T> = AsyncGenerator<readonly AnswerEvent[], T, void>;

/** A whole answer: what a list of events amounts to. */
export type Answer = {
  readonly content: readonly AssistantPart[];
  /** Of its text's tokens, where they were asked for. */
  readonly logprobs?: readonly TokenLogprob[];
  readonly end: EndReason | null;
  readonly stopSequence?: string;
  readonly error: ShoalError | null;
  readonly model: string | null;
};

/** Text of an answer, without reasoning. */
export const answerText = (answer: Answer): string =>
  answer.content.map((part) => (part.type === "text" ? part.text : "")).join("");

/** Folds events into the answer; deltas of one kind that follow one another become one part. */
export const collect = (events: Iterable<CallEvent | AnswerEvent>): Answer => {
  const collector = createCollector();
  for (const event of events) collector.push(event);
  return collector.answer();
};

type Open =
  | { type: "text" | "refusal"; chunks: string[] }
  | { type: "reasoning"; chunks: string[]; signature?: string; progress?: true }
  | { type: "tool-call"; index: number; id: string; name: string; signature?: string; chunks: string[] };

const close = (open: Open): AssistantPart => {
  const text = open.chunks.join("");
  switch (open.type) {
    case "text":
    case "refusal":
      return { type: open.type, text };
    case "reasoning":
      return {
        type: "reasoning",
        text,
        ...(open.signature !== undefined && { signature: open.signature }),
        ...(open.progress && { progress: open.progress }),
      };
    case "tool-call":
      return {
        type: "tool-call",
        id: open.id,
        name: open.name,
        arguments: text,
        ...(open.signature !== undefined && { signature: open.signature }),
      };
  }
};

/** The same fold, one event at a time. */
export const createCollector = () => {
  const parts: Open[] = [];
  const logprobs: TokenLogprob[] = [];
  let end: EndReason | null = null;
  let stopSequence: string | undefined;
  let error: ShoalError | null = null;
  let model: string | null = null;

  const append = (type: "text" | "refusal" | "reasoning", text: string) => {
    const last = parts.at(-1);
    if (last?.type === type && !("signature" in last)) last.chunks.push(text);
    else parts.push({ type, chunks: [text] });
  };

  return {
    push(event: CallEvent | AnswerEvent): void {
      switch (event.type) {
        case "start":
          model = event.model ?? model;
          return;
        case "text-delta":
          for (const logprob of event.logprobs ?? []) logprobs.push(logprob);
          return append("text", event.text);
        case "refusal-delta":
          return append("refusal", event.text);
        case "reasoning-delta":
          return append("reasoning", event.text);
        case "progress": {
          const last = parts.at(-1);
          const { text, signature } = event;
          if (last?.type === "reasoning" && last.progress) last.chunks.push(text);
          else parts.push({ type: "reasoning", chunks: [text], signature, progress: true });
          return;
        }
        case "reasoning-signature": {
          const last = parts.at(-1);
          if (last?.type === "reasoning" && last.signature === undefined) last.signature = event.signature;
          else parts.push({ type: "reasoning", chunks: [], signature: event.signature });
          return;
        }
        case "tool-call-start": {
          const { index, id, name, signature } = event;
          parts.push({ type: "tool-call", index, id, name, chunks: [], ...(signature !== undefined && { signature }) });
          return;
        }
        case "tool-call-delta": {
          const call = parts.find((part) => part.type === "tool-call" && part.index === event.index);
          call?.chunks.push(event.arguments);
          return;
        }
        case "error":
          error = event.error;
          return;
        case "end":
          end = event.reason;
          stopSequence = event.stopSequence;
          return;
        case "usage":
        case "written":
        case "step-start":
        case "step-end":
          return;
        default:
          event satisfies never;
      }
    },
    answer: (): Answer => ({
      content: parts.map(close),
      ...(logprobs.length > 0 && { logprobs }),
      end,
      ...(stopSequence !== undefined && { stopSequence }),
      error,
      model,
    }),
  };
};
