import { withoutControlTokens } from "../../shared/control-tokens.ts";

/** A worker's result is cut to this many bytes before another sees it. */
export const maxResultBytes = 100_000;

/**
 * A worker's text as others may see it: cut to `maxResultBytes`, and with a space in what a host would read as a control
 * token. What the client gets of a text is the text itself.
 */
export const quotable = (text: string): string => cut(withoutControlTokens(text));

const encoder = new TextEncoder();

/** Never amid a character. */
const cut = (text: string): string => {
  // A UTF-16 unit takes three bytes at most.
  if (text.length * 3 <= maxResultBytes) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(maxResultBytes));
  return read < text.length ? `${text.slice(0, read)}\n[cut]` : text;
};
