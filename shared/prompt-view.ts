import { lastUserText, systemText, type ChatRequest } from "./chat.ts";

/** The parts of a prompt that the conductor reads, white space collapsed. Empty where there is nothing. */
export type PromptView = { readonly system: string; readonly head: string; readonly tail: string };

/**
 * Characters kept of each part. 96 tokens of the encoder's vocabulary would have to average more than ten characters
 * to reach beyond `head` or `tail`; the system prompt is kept short so that it never crowds out the user's words.
 */
const limits = { system: 160, head: 1000, tail: 1000 } as const;

/** What the encoder reads of a text: its first and its last tokens. */
export const tokenLimits = { head: 96, tail: 96 } as const;

/** The head of the system prompt, and the first and last characters of the last user turn. */
export const promptView = (chat: Pick<ChatRequest, "messages">): PromptView =>
  viewOf(systemText(chat.messages), lastUserText(chat.messages));

/** The view of texts that are not in a chat: recordings have one user turn and mostly no system prompt. */
export const viewOf = (system: string, user: string): PromptView => {
  const text = collapse(user);
  const head = firstCharacters(text, limits.head);
  return {
    system: firstCharacters(collapse(system), limits.system),
    head,
    tail: lastCharacters(text.slice(head.length), limits.tail),
  };
};

/** The one text of a view that is encoded, hashed and trained on. */
export const viewText = (view: PromptView): string =>
  [view.system, view.head, view.tail].filter((part) => part !== "").join("\n");

/** The tokens of a text that are encoded: all of a short one, else the first and the last. */
export const cutTokens = <Token>(tokens: readonly Token[]): readonly Token[] =>
  tokens.length <= tokenLimits.head + tokenLimits.tail
    ? tokens
    : [...tokens.slice(0, tokenLimits.head), ...tokens.slice(-tokenLimits.tail)];

/** The encoder's vocabulary has no white space, and indentation would fill the view. */
const collapse = (text: string): string =>
  bounded(text)
    .replaceAll(/\s+/g, (run) => (run.includes("\n") ? "\n" : " "))
    .trim();

/** Far more than the view keeps, so that a prompt of megabytes costs no more than one of a page. */
const maxScanned = 16_000;

const bounded = (text: string): string =>
  text.length <= 2 * maxScanned ? text : `${firstCharacters(text, maxScanned)}\n${lastCharacters(text, maxScanned)}`;

const isLowSurrogate = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
};

const firstCharacters = (text: string, limit: number): string => {
  if (text.length <= limit) return text;
  return text.slice(0, isLowSurrogate(text, limit) ? limit - 1 : limit);
};

const lastCharacters = (text: string, limit: number): string => {
  if (text.length <= limit) return text;
  const start = text.length - limit;
  return text.slice(isLowSurrogate(text, start) ? start + 1 : start);
};
