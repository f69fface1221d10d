import type { AnswerEvent } from "../../shared/events.ts";
import type { Gate } from "./answer.ts";
import { accounting } from "./inner-step.ts";

/** Nothing but the word, and which result it is about where there are several. */
const acceptance = /^[\s*_#`"']*ACCEPT(?:[\s:]+(?:RESULT\s+)?#?(\d+))?[\s.!*_`"']*$/i;

/** What may still become an acceptance. */
const beginning = /^[\s*_#`"']*(?:A(?:C(?:C(?:E(?:P(?:T(?:[\s:.!*_`"'#]+[\w\s#.!*_`"']*)?)?)?)?)?)?)?$/i;
const longestAcceptance = 40;

/**
 * Which result a verifier accepts as the final answer, counted from 0; null when it accepts none. Anything but the bare
 * verdict is an objection; where several results could be meant it has to say which. `acceptable`: of each result that
 * the verifier sees, whether it can be an answer at all.
 */
export const readAcceptance = (text: string, acceptable: readonly boolean[]): number | null => {
  const found = acceptance.exec(text);
  if (!found) return null;
  const candidates = acceptable.flatMap((can, index) => (can ? [index] : []));
  if (found[1] === undefined) return candidates.length === 1 ? (candidates[0] ?? null) : null;
  const index = Number(found[1]) - 1;
  return candidates.includes(index) ? index : null;
};

/** Holds a verifier's words back until they can no longer be an acceptance: then they are the answer, and stream. */
export const createVerdictGate = () => {
  let held: AnswerEvent[] = [];
  let text = "";
  let open = false;
  const release = (): readonly AnswerEvent[] => {
    const released = held;
    held = [];
    return released;
  };
  const passOne = (event: AnswerEvent): readonly AnswerEvent[] => {
    if (open || accounting.has(event.type)) return [event];
    // Thoughts on whether to accept are none on the answer.
    if (event.type === "reasoning-delta" || event.type === "reasoning-signature") return [];
    held.push(event);
    if (event.type === "start") return [];
    if (event.type === "text-delta") text += event.text;
    open = event.type !== "text-delta" || text.length > longestAcceptance || !beginning.test(text);
    return open ? release() : [];
  };
  return {
    pass: (batch) => batch.flatMap(passOne),
    spoke: () => open,
    clear: () => {
      held = [];
      text = "";
    },
    release,
    text: () => text,
  } satisfies Gate & Record<string, unknown>;
};
