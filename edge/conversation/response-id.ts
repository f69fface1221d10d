import { codeOf } from "./tool-call-id.ts";

/**
 * A kept answer's id is `resp_` + six characters of the worker's code + the request's ulid, an item's a prefix + that
 * ulid + its position: each leads to the turn that is kept, and the first to the worker that the conversation is with.
 */
const responseShape = /^resp_([0-9a-z]{6})([0-9A-HJKMNP-TV-Z]{26})$/;
const itemShape = /^(?:msg|rs|fc|fco)_([0-9A-HJKMNP-TV-Z]{26})(i?)(\d{1,6})$/;

export const makeResponseId = (requestId: string, worker: string): string => `resp_${codeOf(worker)}${requestId}`;

/** The turn that the id stands for; null when it is none of ours. */
export const turnOfResponse = (id: string): string | null => responseShape.exec(id)?.[2] ?? null;

/** Which of the workers answered; null when the id is not ours or its worker is not among them. */
export const ownerOfResponse = (id: string, workers: readonly string[]): string | null => {
  const code = responseShape.exec(id)?.[1];
  return workers.find((worker) => codeOf(worker) === code) ?? null;
};

/** Which item of a turn: of what the client brought (`input`), or of the answer. */
export type ItemPlace = { readonly turn: string; readonly input: boolean; readonly index: number };

type ItemKind = "msg" | "rs" | "fc" | "fco";

export const makeItemId = (kind: ItemKind, { turn, input, index }: ItemPlace): string =>
  `${kind}_${turn}${input ? "i" : ""}${index}`;

/** Where the item is kept; null when its id is none of ours. */
export const placeOfItem = (id: string): ItemPlace | null => {
  const [, turn, input, index] = itemShape.exec(id) ?? [];
  return turn === undefined ? null : { turn, input: input === "i", index: Number(index) };
};
