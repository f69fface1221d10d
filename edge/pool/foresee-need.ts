import type { ChatRequest } from "../../shared/chat.ts";
import { boundOf, type MicroDollars } from "../../shared/pricing.ts";
import { boundInput, countInput, type InputTokens } from "../../shared/tokens.ts";
import { priceAt, type WorkerCard } from "../../shared/workers.ts";
import type { Wish } from "../objects/records.ts";
import type { Settings } from "../runtime/settings.ts";
import type { ModelChoice } from "./resolve-model.ts";
import type { Roster } from "./roster.ts";

export type ForeseeDeps = {
  readonly roster: Pick<Roster, "entries">;
  readonly settings: Pick<Settings, "maxOutputTokens">;
  readonly arrivedAt: number;
};

/**
 * What a request is likely to set aside, told before its key's record and its plan are known, so that an isolate that is
 * cold asks for everything at once: one call of the worker that it names, else of one in the middle of the roster.
 */
export const foreseeNeed = (
  chat: ChatRequest,
  choice: ModelChoice | null,
  { roster, settings, arrivedAt }: ForeseeDeps,
): Wish => {
  const input = countInput(chat);
  const cards = roster.entries.map(({ card }) => card);
  const asked = choice?.kind === "worker" ? cards.filter(({ id }) => id === choice.id) : cards;
  const cap = Math.min(chat.maxOutputTokens ?? Infinity, settings.maxOutputTokens);
  const bounds = asked.map((card) => boundCall(card, input, { cap, now: arrivedAt })).toSorted((a, b) => a - b);
  return {
    tokens: input.likely + (chat.maxOutputTokens ?? 0),
    amount: bounds[Math.floor(bounds.length / 2)] ?? 0,
  };
};

const boundCall = (
  card: WorkerCard,
  input: InputTokens,
  { cap, now }: { readonly cap: number; readonly now: number },
): MicroDollars => {
  const price = priceAt(card, now);
  return price === null ? 0 : boundOf(price, boundInput(input, card), Math.min(cap, card.maxOutputTokens));
};
