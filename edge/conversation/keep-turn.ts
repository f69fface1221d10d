import { createCollector } from "../../shared/events.ts";
import type { Events } from "../execute/execute.ts";
import { createBill } from "../formats/bill.ts";
import type { AnswerHead, ClientRequest } from "../formats/format.ts";
import { logBug } from "../runtime/log-bug.ts";
import type { KeptTurns } from "./kept-turns.ts";

export type KeepTurnDeps = {
  readonly requestId: string;
  readonly turns: Pick<KeptTurns, "keep">;
  readonly waitUntil: (work: Promise<unknown>) => void;
};

/**
 * Passes events on and keeps the turn once its answer is whole, before the last event leaves: who has read that can
 * continue from it anywhere. An answer that cannot be kept is given all the same.
 */
export async function* keepTurn(
  events: Events,
  { previous, messages, head: { now, ...head } }: NonNullable<ClientRequest["keep"]> & { readonly head: AnswerHead },
  { requestId: id, turns, waitUntil }: KeepTurnDeps,
): Events {
  const collector = createCollector();
  const bill = createBill();
  for await (const batch of events) {
    for (const event of batch) {
      collector.push(event);
      bill.read(event);
    }
    if (batch.some(({ type }) => type === "end")) {
      const answered = { answer: collector.answer(), bill: bill.total(), endedAt: now() };
      const kept = turns.keep({ id, previous, messages, head, ...answered }).catch(logBug);
      waitUntil(kept);
      await kept;
    }
    yield batch;
  }
}
