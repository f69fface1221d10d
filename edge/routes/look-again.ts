import { gatherMs } from "../objects/outbox.ts";
import { pause, type Clock } from "../runtime/clock.ts";

/** Longer than another isolate gathers before it tells of a request that has ended. */
const patienceMs = gatherMs.settlements + 150;

/**
 * Looks for a request's records, and where they are not there once more a moment later: whoever asks right after an
 * answer may meet another isolate than the one that gave it, whose records are still on their way.
 */
export const lookAgain = async <Found>(
  look: () => Promise<Found>,
  isThere: (found: Found) => boolean,
  { clock }: { readonly clock: Clock },
): Promise<Found> => {
  const found = await look();
  if (isThere(found)) return found;
  await pause(clock, patienceMs);
  return look();
};
