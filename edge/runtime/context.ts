import pLimit from "p-limit";
import type { LimitFunction } from "p-limit";
import { createRateNote, type RateNote } from "./rates.ts";
import type { Runtime } from "./runtime.ts";
import { startTiming, type Timing } from "./timing.ts";

/** Calls of one request that may wait for headers at once: a Worker has six connections, one is kept for the rest. */
const waitingCalls = 5;

/** Everything that stages of one request depend on: the isolate's runtime, and what is the request's own. */
export type Context = Runtime & {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
  readonly timing: Timing;
  readonly rates: RateNote;
  /** Aborted when the client leaves: ends every upstream call. */
  readonly signal: AbortSignal;
  readonly abort: () => void;
  /** Keeps the isolate alive until the work is done. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly slots: LimitFunction;
  /** 32 characters that nobody can foresee. */
  readonly newId: () => string;
  /** A number in [0, 1), drawn anew at each call. */
  readonly random: () => number;
};

export type RequestIo = {
  readonly requestId: string;
  readonly signal: AbortSignal;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly newId: () => string;
  readonly random: () => number;
};

export const createContext = (runtime: Runtime, io: RequestIo): Context => {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (io.signal.aborted) abort();
  else io.signal.addEventListener("abort", abort, { once: true });
  return {
    ...runtime,
    requestId: io.requestId,
    arrivedAt: runtime.clock.now(),
    timing: startTiming(() => runtime.clock.now()),
    rates: createRateNote(),
    signal: controller.signal,
    abort,
    waitUntil: io.waitUntil,
    slots: pLimit(waitingCalls),
    newId: io.newId,
    random: io.random,
  };
};
