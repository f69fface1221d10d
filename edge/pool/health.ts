import { createMemory } from "../runtime/memory.ts";

/**
 * What this isolate has seen of each worker lately in one tenant's requests: whether it answers, how fast, and at what
 * cost. Bounded by the number of cards.
 */
export interface Health {
  /** False while a worker that kept failing rests. */
  isUp(worker: string, now: number): boolean;
  /** Moving average of a whole answer in ms; null before the first. */
  latencyMs(worker: string): number | null;
  /** Dollars of settled calls over those foreseen for them: above 1, the worker writes more than its profile says. */
  costFactor(worker: string): number;
  succeeded(worker: string, ms: number): void;
  failed(worker: string, now: number): void;
  /** A call has been settled, whose cost had been foreseen by `costFactor` times what the profile says. */
  settled(worker: string, dollars: { readonly foreseen: number; readonly charged: number }): void;
}

/** So many failures in a row open the circuit, for so long. */
const failuresToOpen = 3;
const restMs = 15_000;
const newestWeight = 0.2;

/** Each settled call weighs this much of the one after it; the profile itself counts as so many of the first. */
const costMemory = 0.95;
const foreseenCalls = 5;
const costBounds = { least: 0.2, most: 5 } as const;

type State = {
  readonly failures: number;
  readonly restsUntil: number;
  readonly latencyMs: number | null;
  /** Sums in dollars, fading; null before the first settled call. */
  readonly cost: { readonly foreseen: number; readonly charged: number } | null;
};
const unseen: State = { failures: 0, restsUntil: 0, latencyMs: null, cost: null };

/** So many tenants are remembered at once. */
const mostTenants = 1_000;

/**
 * Of each tenant apart: its requests decide how long answers take, what they cost and whether a vendor stumbles over
 * them, and with that it must not turn another's requests away from a worker.
 */
export const createHealths = (): ((tenant: string) => Health) => {
  const healths = createMemory<Health>(mostTenants);
  return (tenant) => {
    const health = healths.get(tenant) ?? createHealth();
    healths.set(tenant, health);
    return health;
  };
};

export const createHealth = (): Health => {
  const states = new Map<string, State>();
  const stateOf = (worker: string) => states.get(worker) ?? unseen;
  const costFactor = (worker: string): number => {
    const { cost } = stateOf(worker);
    return cost === null ? 1 : Math.min(costBounds.most, Math.max(costBounds.least, cost.charged / cost.foreseen));
  };
  return {
    isUp: (worker, now) => stateOf(worker).restsUntil <= now,
    latencyMs: (worker) => stateOf(worker).latencyMs,
    costFactor,
    succeeded(worker, ms) {
      const state = stateOf(worker);
      const { latencyMs } = state;
      states.set(worker, {
        ...state,
        failures: 0,
        restsUntil: 0,
        latencyMs: latencyMs === null ? ms : latencyMs + newestWeight * (ms - latencyMs),
      });
    },
    failed(worker, now) {
      const state = stateOf(worker);
      const failures = state.failures + 1;
      states.set(worker, {
        ...state,
        failures,
        restsUntil: failures >= failuresToOpen ? now + restMs : state.restsUntil,
      });
    },
    settled(worker, dollars) {
      const { charged } = dollars;
      const foreseen = dollars.foreseen / costFactor(worker);
      if (foreseen <= 0) return;
      const state = stateOf(worker);
      const before = state.cost ?? { foreseen: foreseenCalls * foreseen, charged: foreseenCalls * foreseen };
      states.set(worker, {
        ...state,
        cost: {
          foreseen: costMemory * before.foreseen + foreseen,
          charged: costMemory * before.charged + charged,
        },
      });
    },
  };
};
