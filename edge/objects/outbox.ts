import type { Clock } from "../runtime/clock.ts";
import type { LateForecast, Opening, Settlement } from "./records.ts";
import type { Objects } from "./objects.ts";
import type { Trace } from "../account/trace.ts";

/**
 * What this isolate still has to tell the tenants' objects. Requests put records in, and one of them sends what all have
 * put: each call is a transaction on the object's disk, which costs more than the records in it. Only records cross from
 * one request to another, never promises or streams.
 */
export interface Outbox {
  open(tenant: string, opening: Opening): void;
  /** `trace` null: nothing was planned. */
  settle(tenant: string, settlement: Settlement, trace: Trace | null): void;
  /** What was found out behind a settled request: null where it has no price. The trace goes before the one it had. */
  foresee(tenant: string, forecast: LateForecast | null, trace: Trace): void;
  /**
   * Waits `delayMs` for others to add theirs, then sends all of the tenant's records; leaves them to a request that is
   * about to send, unless they are to go at once (0). Rejects after three failures.
   */
  send(tenant: string, delayMs: number): Promise<void>;
  /** Whether a request of the tenant's has ended of which its object has not been told. */
  hasEnded(tenant: string): boolean;
  /** A trace that has not been sent yet. */
  findTrace(tenant: string, id: string): Trace | null;
}

type Pending = {
  readonly openings: Opening[];
  readonly settlements: Settlement[];
  readonly forecasts: LateForecast[];
  readonly traces: Trace[];
  /** When a request has promised to send these, in milliseconds since the epoch; null when none has. */
  promisedAt: number | null;
};
const empty = (): Pending => ({ openings: [], settlements: [], forecasts: [], traces: [], promisedAt: null });
/** A request this late with what it promised was torn down: the next one sends. */
const lostMs = 1_000;
const attempts = 3;
const backoffMs = 100;

export const createOutbox = (objects: Objects, clock: Clock): Outbox => {
  const pending = new Map<string, Pending>();
  /** Traces on their way: out of the outbox, not yet in the log. */
  const traveling = new Map<string, Trace>();

  const boxOf = (tenant: string): Pending => {
    const box = pending.get(tenant) ?? empty();
    pending.set(tenant, box);
    return box;
  };
  const isPromised = ({ promisedAt }: Pending) => promisedAt !== null && clock.now() < promisedAt + lostMs;
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

  const putBack = (tenant: string, batch: Pending): void => {
    const box = boxOf(tenant);
    box.openings.unshift(...batch.openings);
    box.settlements.unshift(...batch.settlements);
    box.forecasts.unshift(...batch.forecasts);
    box.traces.unshift(...batch.traces);
  };

  const sendOnce = async (tenant: string): Promise<void> => {
    const batch = pending.get(tenant);
    if (!batch) return;
    pending.delete(tenant);
    for (const trace of batch.traces) traveling.set(trace.id, trace);
    try {
      const { openings, settlements, forecasts, traces } = batch;
      await Promise.all([
        openings.length + settlements.length + forecasts.length > 0
          ? objects.tenant(tenant).record({ openings, settlements, forecasts })
          : null,
        traces.length > 0 ? objects.tenantLog(tenant).write(traces) : null,
      ]);
    } catch (cause) {
      putBack(tenant, batch);
      throw cause;
    } finally {
      for (const trace of batch.traces) traveling.delete(trace.id);
    }
  };

  return {
    open: (tenant, opening) => void boxOf(tenant).openings.push(opening),
    settle(tenant, settlement, trace) {
      const box = boxOf(tenant);
      box.settlements.push(settlement);
      if (trace) box.traces.push(trace);
    },
    foresee(tenant, forecast, trace) {
      const box = boxOf(tenant);
      if (forecast) box.forecasts.push(forecast);
      box.traces.push(trace);
    },
    async send(tenant, delayMs) {
      const box = pending.get(tenant);
      if (!box || (delayMs > 0 && isPromised(box))) return;
      box.promisedAt = clock.now() + delayMs;
      await pause(delayMs);
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await sendOnce(tenant);
        } catch (cause) {
          if (attempt === attempts) throw cause;
          await pause(backoffMs * attempt);
        }
      }
    },
    hasEnded: (tenant) => (pending.get(tenant)?.settlements.length ?? 0) > 0,
    findTrace(tenant, id) {
      const trace = pending.get(tenant)?.traces.findLast((candidate) => candidate.id === id) ?? traveling.get(id);
      return trace?.tenant === tenant ? trace : null;
    },
  };
};
