import { isDirect } from "../../shared/plan.ts";
import { toDollars } from "../../shared/pricing.ts";
import { rememberWorker } from "../conversation/affinity.ts";
import type { Events } from "../execute/execute.ts";
import type { CallRow } from "../objects/records.ts";
import { gatherMs, type Outbox } from "../objects/outbox.ts";
import type { Health } from "../pool/health.ts";
import type { Member } from "../pool/pool.ts";
import { rememberArm } from "../rollout/choose-arm.ts";
import { toForecast } from "../rollout/sample.ts";
import type { Shadow } from "../rollout/shadow.ts";
import { logBug } from "../runtime/log-bug.ts";
import type { Trace } from "./trace.ts";
import { createBook, isPlanning, type BookDeps, type Booked, type Closed } from "./book.ts";

/** Whose answer it is, and how it was planned. */
export type Subject = Booked & {
  readonly pool: readonly Pick<Member, "worker" | "own">[];
  /** What the conductor would have done, asked once all else is done; absent where nobody wants to know. */
  readonly shadow?: (() => Promise<Shadow>) | null;
};

export type AccountDeps = BookDeps & {
  readonly outbox: Outbox;
  readonly health: Pick<Health, "settled">;
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** Ends every upstream call of the request. */
  readonly abort: () => void;
};

/**
 * The tap: passes events on and writes the request's ledger row and trace once, when the answer has ended, failed, or
 * its reader has left. In the last case it first ends the upstream calls and reads what they still have to say.
 */
export async function* account(events: Events, subject: Subject, deps: AccountDeps): Events {
  const book = createBook(subject, deps);
  const settled = Promise.withResolvers<void>();
  // Pending until the row is written: without it the isolate may be torn down before an abort is told.
  deps.waitUntil(settled.promise);
  const settle = ({ settlement, trace, planned }: Closed) => {
    const { tenant } = subject.grant.identity;
    if (settlement.affinity) rememberWorker(settlement.affinity.key, settlement.affinity.worker);
    if (settlement.affinity?.arm) rememberArm(settlement.affinity.key, settlement.affinity.arm);
    deps.outbox.settle(tenant, settlement, trace);
    compareCosts({ ...subject, planned }, settlement.calls, deps.health);
    settled.resolve(deps.outbox.send(tenant, gatherMs.settlements));
    if (subject.shadow) deps.waitUntil(tellShadow(subject.shadow, trace, deps).catch(logBug));
  };
  let done = false;
  try {
    for (;;) {
      const next = await events.next();
      if (next.done) break;
      book.read(next.value);
      yield next.value;
    }
    done = true;
  } finally {
    if (!done) deps.abort();
    try {
      if (!done) for await (const batch of events) book.drain(batch);
    } finally {
      settle(book.close());
    }
  }
}

/** Behind the request, which waits for none of it. */
const tellShadow = async (ask: () => Promise<Shadow>, trace: Trace, { outbox }: AccountDeps): Promise<void> => {
  const shadow = await ask();
  const foreseen = toForecast(shadow, trace.status);
  const { id: requestId, tenant, rollout } = trace;
  outbox.foresee(tenant, foreseen && { requestId, foreseen }, {
    ...trace,
    ...(rollout && { rollout: { ...rollout, shadow } }),
  });
  await outbox.send(tenant, gatherMs.settlements);
};

/** What calls that got the user's own words cost beside what was foreseen; inner steps of a workflow have other texts. */
const compareCosts = (
  { planned: { decision, revision }, pool }: Pick<Subject, "planned" | "pool">,
  calls: readonly CallRow[],
  health: AccountDeps["health"],
): void => {
  if (revision?.plan || (!isDirect(decision.plan) && decision.plan.kind !== "ballot")) return;
  for (const { step, worker, usage, cost } of calls) {
    if (isPlanning({ step })) continue;
    const foreseen = decision.scores.find((score) => score.worker === worker)?.costDollars ?? null;
    if (foreseen === null || cost === null || usage.source !== "reported") continue;
    // What one tenant has of its own says nothing to others.
    if (pool.some((member) => member.own && member.worker.card.id === worker)) continue;
    health.settled(worker, { foreseen, charged: toDollars(cost) });
  }
};
