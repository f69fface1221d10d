import type { ChatRequest } from "../../shared/chat.ts";
import type { AnswerEvent, StepOutcome } from "../../shared/events.ts";
import { isDirect, type Plan } from "../../shared/plan.ts";
import type { Events } from "./answer.ts";

export type ProgressRequest = { readonly headers: Headers; readonly chat: ChatRequest; readonly plan: Plan };

/** Gives our signature of what is told. */
export type SignsProgress = { sealProgress(): Promise<string> };

/**
 * Adds to the events of a team who begins and who ends, in words that hold nothing of theirs, up to the answer's first
 * word: for clients that ask by the header `x-shoal-progress: true`, by `metadata.shoal_progress: "true"`, or by wanting
 * summaries of thoughts. Of one worker there is nothing to tell.
 */
export const tellProgress = (events: Events, request: ProgressRequest, signatures: SignsProgress): Events =>
  isWanted(request) ? tell(events, signatures) : events;

const isWanted = ({ headers, chat, plan }: ProgressRequest): boolean =>
  !isDirect(plan) &&
  (headers.get("x-shoal-progress") === "true" ||
    chat.metadata["shoal_progress"] === "true" ||
    chat.thoughts?.summary !== undefined);

async function* tell(events: Events, signatures: SignsProgress): Events {
  const lineOf = createLines();
  const signature = await signatures.sealProgress();
  for await (const batch of events) {
    yield batch.flatMap((event): readonly AnswerEvent[] => {
      const text = lineOf(event);
      return text === null ? [event] : [event, { type: "progress", text, signature }];
    });
  }
}

/** A worker that acts is told of only beside others: in the midst of a task it mostly works alone. */
const createLines = () => {
  let told = false;
  let answered = false;
  return (event: AnswerEvent): string | null => {
    answered ||= words.has(event.type);
    if (answered || (event.type !== "step-start" && event.type !== "step-end")) return null;
    if (!told && (event.type === "step-end" || event.role === "act")) return null;
    told = true;
    return `${event.worker} ${event.type === "step-start" ? (begins[event.role] ?? begins["act"]) : endOf(event)}\n`;
  };
};

const words: ReadonlySet<AnswerEvent["type"]> = new Set(["text-delta", "refusal-delta", "tool-call-start"]);

const begins: Readonly<Record<string, string>> = {
  answer: "is answering.",
  think: "is thinking.",
  verify: "is checking.",
  judge: "is judging.",
  act: "is working.",
  revise: "is revising.",
};

const endOf = ({ outcome, skipped }: Extract<AnswerEvent, { type: "step-end" }>): string =>
  ends[skipped?.reason === "accepted" ? "canceled" : outcome];

const ends: Readonly<Record<StepOutcome, string>> = {
  done: "is done.",
  failed: "failed.",
  skipped: "was skipped.",
  canceled: "was no longer needed.",
};
