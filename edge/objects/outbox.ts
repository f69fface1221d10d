import { pause, type Clock } from "../runtime/clock.ts";
import type { LateForecast, Opening, Settlement } from "./records.ts";
import type { Objects } from "./objects.ts";
import type { Trace } from "../account/trace.ts";
import { packTrace, sizeOfTrace } from "./packed-trace.ts";

/**
 * What this isolate still has to tell the tenants' objects. Requests put records in, and one of them sends what all have
 * put: each call is a transaction on the object's disk, which costs more than the records in it. Only records cross from
 * one request to another, never promises or streams.
 *
 * While a tenant's object is away its records wait here. Openings and settlements are never dropped: there are as many as
 * requests were let in, and ten seconds after its object was last heard a key lets none in any more. Traces are, beyond
 * some megabytes in all, which is told in the log.
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
  /** The same behind a request, of openings alone: what has settled by then goes as one, with the settlements. */
  sendOpenings(tenant: string, delayMs: number, waitUntil: (work: Promise<unknown>) => void): void;
  /** Whether a request of the tenant's has ended of which its object has not been told. */
  hasEnded(tenant: string): boolean;
  /** A trace that has not been sent yet. */
  findTrace(tenant: string, id: string): Trace | null;
}

type Records = {
  readonly openings: readonly Opening[];
  readonly settlements: readonly Settlement[];
  readonly forecasts: readonly LateForecast[];
};

type Pending = { -readonly [Kind in keyof Records]: Records[Kind][number][] } & {
  traces: Trace[];
  /** By when requests have promised to send all of it, and its openings; in milliseconds since the epoch, null: none has. */
  allBy: number | null;
  openingsBy: number | null;
};
const empty = (): Pending => ({
  openings: [],
  settlements: [],
  forecasts: [],
  traces: [],
  allBy: null,
  openingsBy: null,
});
/** How long records wait for those of other requests, to share a message: openings far less than a model takes to answer. */
export const gatherMs = { openings: 20, settlements: 100 } as const;
/** A request this late with what it promised was torn down: the next one sends. */
const lostMs = 1_000;
const attempts = 3;
const backoffMs = 100;
/** Of traces that wait or are on their way, as they are sent. */
const mostTraceBytes = 8 * 1024 * 1024;

export const createOutbox = (objects: Objects, clock: Clock): Outbox => {
  const pending = new Map<string, Pending>();
  /** Traces on their way: out of the outbox, not yet in the log. */
  const traveling = new Map<string, Trace>();
  let traceBytes = 0;
  let dropped = 0;

  const boxOf = (tenant: string): Pending => {
    const box = pending.get(tenant) ?? empty();
    pending.set(tenant, box);
    return box;
  };
  const isPromised = (by: number | null) => by !== null && clock.now() < by + lostMs;

  const keepTrace = (box: Pending, trace: Trace): void => {
    const size = sizeOfTrace(trace);
    if (traceBytes + size > mostTraceBytes) {
      dropped += 1;
      return;
    }
    traceBytes += size;
    box.traces.push(trace);
  };
  const tellDropped = (): void => {
    if (dropped > 0) console.warn({ event: "traces_dropped", count: dropped });
    dropped = 0;
  };

  const record = async (tenant: string, records: Records): Promise<void> => {
    const { openings, settlements, forecasts } = records;
    if (openings.length + settlements.length + forecasts.length === 0) return;
    try {
      await objects.tenant(tenant).record(records);
    } catch (cause) {
      const box = boxOf(tenant);
      box.openings.unshift(...openings);
      box.settlements.unshift(...settlements);
      box.forecasts.unshift(...forecasts);
      throw cause;
    }
  };

  const writeTraces = async (tenant: string, traces: readonly Trace[]): Promise<void> => {
    if (traces.length > 0) await objects.tenantLog(tenant).write(traces.map(packTrace));
  };

  const sendAll = async (tenant: string): Promise<void> => {
    const batch = pending.get(tenant);
    if (!batch) return;
    pending.delete(tenant);
    tellDropped();
    const { openings, settlements, forecasts, traces } = batch;
    for (const trace of traces) traveling.set(trace.id, trace);
    try {
      // Both leave at once: who asks either object from now on asks after them.
      const sent = await Promise.allSettled([
        record(tenant, { openings, settlements, forecasts }),
        writeTraces(tenant, traces),
      ]);
      for (const outcome of sent) if (outcome.status === "rejected") throw outcome.reason;
      for (const trace of traces) traceBytes -= sizeOfTrace(trace);
    } catch (cause) {
      boxOf(tenant).traces.unshift(...traces);
      throw cause;
    } finally {
      for (const trace of traces) traveling.delete(trace.id);
    }
  };

  const sendOpen = async (tenant: string): Promise<void> => {
    const box = pending.get(tenant);
    if (!box) return;
    box.openingsBy = null;
    const settled = new Set(box.settlements.map(({ requestId }) => requestId));
    const openings = box.openings.filter(({ requestId }) => !settled.has(requestId));
    box.openings = box.openings.filter(({ requestId }) => settled.has(requestId));
    await record(tenant, { openings, settlements: [], forecasts: [] });
  };

  const insist = async (send: () => Promise<void>): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (cause) {
        if (attempt === attempts) throw cause;
        await pause(clock, backoffMs * attempt);
      }
    }
  };

  return {
    open: (tenant, opening) => void boxOf(tenant).openings.push(opening),
    settle(tenant, settlement, trace) {
      const box = boxOf(tenant);
      box.settlements.push(settlement);
      if (trace) keepTrace(box, trace);
    },
    foresee(tenant, forecast, trace) {
      const box = boxOf(tenant);
      if (forecast) box.forecasts.push(forecast);
      keepTrace(box, trace);
    },
    async send(tenant, delayMs) {
      const box = pending.get(tenant);
      if (!box || (delayMs > 0 && isPromised(box.allBy))) return;
      box.allBy = clock.now() + delayMs;
      await pause(clock, delayMs);
      await insist(() => sendAll(tenant));
    },
    sendOpenings(tenant, delayMs, waitUntil) {
      const box = pending.get(tenant);
      if (!box || isPromised(box.openingsBy)) return;
      box.openingsBy = clock.now() + delayMs;
      waitUntil(pause(clock, delayMs).then(() => insist(() => sendOpen(tenant))));
    },
    hasEnded: (tenant) => (pending.get(tenant)?.settlements.length ?? 0) > 0,
    findTrace(tenant, id) {
      const trace = pending.get(tenant)?.traces.findLast((candidate) => candidate.id === id) ?? traveling.get(id);
      return trace?.tenant === tenant ? trace : null;
    },
  };
};
