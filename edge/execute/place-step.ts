import type { ChatRequest } from "../../shared/chat.ts";
import type { Step } from "../../shared/plan.ts";
import { boundInput, countInput } from "../../shared/tokens.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import type { ExecuteDeps } from "./answer.ts";
import { capOutput } from "./compose-step.ts";

/** Code and digits take more tokens for their bytes than words do. */
const caution = 4 / 3;
/** Tokens of output below which a worker had better not begin. */
const leastOutput = 1_024;

export type FitOptions = {
  readonly cardOf: (worker: string) => WorkerCard;
  /** Output tokens that a call may use. */
  readonly outputCap: (card: WorkerCard) => number;
};

/** Whether a request fits a worker's context, and with how much output: vendors refuse what may not end within it. */
export const createFit =
  ({ cardOf, outputCap }: FitOptions): ExecuteDeps["fit"] =>
  (worker, chat) => {
    const card = cardOf(worker);
    const input = countInput(chat);
    const room = card.contextTokens - Math.min(boundInput(input, card), Math.ceil(input.likely * caution));
    const cap = Math.min(outputCap(card), chat.maxOutputTokens ?? Infinity);
    return room < Math.min(cap, leastOutput) ? null : room < cap ? capOutput(chat, room) : chat;
  };

export type Placed = { readonly step: Step; readonly chat: ChatRequest };

/**
 * The step at its own worker where the request fits it, else at the best other that it fits and whose dollars can be had;
 * null where there is none.
 */
export const placeStep = async (
  step: Step,
  chat: ChatRequest,
  { fit, alternates, extend }: Pick<ExecuteDeps, "fit" | "alternates" | "extend">,
): Promise<Placed | null> => {
  const own = fit(step.worker, chat);
  if (own) return { step, chat: own };
  for (const worker of alternates) {
    const fitted = worker === step.worker ? null : fit(worker, chat);
    if (fitted && (await extend(worker, fitted))) return { step: { ...step, worker }, chat: fitted };
  }
  return null;
};
