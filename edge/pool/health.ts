/** What this isolate has seen of each worker lately: whether it answers, and how fast. Bounded by the number of cards. */
export interface Health {
  /** False while a worker that kept failing rests. */
  isUp(worker: string, now: number): boolean;
  /** Moving average of a whole answer in ms; null before the first. */
  latencyMs(worker: string): number | null;
  succeeded(worker: string, ms: number): void;
  failed(worker: string, now: number): void;
}

/** So many failures in a row open the circuit, for so long. */
const failuresToOpen = 3;
const restMs = 15_000;
const newestWeight = 0.2;

type State = { readonly failures: number; readonly restsUntil: number; readonly latencyMs: number | null };
const unseen: State = { failures: 0, restsUntil: 0, latencyMs: null };

export const createHealth = (): Health => {
  const states = new Map<string, State>();
  const stateOf = (worker: string) => states.get(worker) ?? unseen;
  return {
    isUp: (worker, now) => stateOf(worker).restsUntil <= now,
    latencyMs: (worker) => stateOf(worker).latencyMs,
    succeeded(worker, ms) {
      const { latencyMs } = stateOf(worker);
      states.set(worker, {
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
  };
};
