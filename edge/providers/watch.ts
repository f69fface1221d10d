import type { UpstreamError } from "../../shared/errors.ts";
import type { Clock } from "../runtime/clock.ts";

/** Milliseconds. The first three follow one another; `totalMs` runs beside them. */
export type Deadlines = {
  /** From holding a slot to the response's headers. */
  readonly headersMs: number;
  /** From holding a slot to the first piece of the answer; in `whole` mode it cannot be seen. */
  readonly firstTokenMs: number;
  /** Between two chunks of the body after that. */
  readonly gapMs: number;
  /** From holding a slot to the end of the body. */
  readonly totalMs: number;
};

/** What ends a call before its answer does: a deadline, the request's abort, a lost connection. */
export type Watch = {
  /** Aborted when the call has to end. */
  readonly signal: AbortSignal;
  /** Why it had to. */
  failure(): UpstreamError | null;
  /** Resolves when it has to, never rejects. */
  readonly failing: Promise<UpstreamError>;
  /** Starts the clock: the slot is held. */
  start(): void;
  /** What is awaited next, and by when; the time counts from `start` unless it is a gap. */
  expect(what: "first token" | "next chunk" | "end"): void;
  /** Nobody awaits anything: a reader that takes its time is not the worker's fault. The total still runs. */
  pause(): void;
  /** Ends the call, unless something has before. Gives the reason that holds. */
  fail(cause: "timeout" | "network", message: string): UpstreamError;
  onFailure(task: () => void): void;
  /** The body has been read to its end: there is nothing left to abort. */
  finished(): void;
  close(): void;
};

type WatchIo = { readonly clock: Clock; readonly signal: AbortSignal; readonly deadlines: Deadlines };

export const createWatch = (provider: string, { clock, signal, deadlines }: WatchIo): Watch => {
  const controller = new AbortController();
  const { promise: failing, resolve } = Promise.withResolvers<UpstreamError>();
  let failure: UpstreamError | null = null;
  let startedAt = 0;
  let endsAt = Number.POSITIVE_INFINITY;
  let over = false;

  const fail = (cause: "timeout" | "network", message: string): UpstreamError => {
    if (failure) return failure;
    failure = { kind: "upstream", provider, cause, status: null, message, retryAfterSeconds: null };
    resolve(failure);
    if (!over) controller.abort();
    return failure;
  };

  const deadline = createDeadline(clock, (what) => void fail("timeout", `no ${what} within the deadline`));
  const awaitUntil = (what: string, at: number) => {
    if (!over) deadline.set(at < endsAt ? what : "end", Math.min(at, endsAt));
  };
  const cancel = () => void fail("network", "the call was canceled");

  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });

  const unwatch = () => {
    deadline.clear();
    signal.removeEventListener("abort", cancel);
  };

  return {
    signal: controller.signal,
    failing,
    failure: () => failure,
    fail,
    onFailure: (task) => controller.signal.addEventListener("abort", task, { once: true }),
    start() {
      startedAt = clock.now();
      endsAt = startedAt + deadlines.totalMs;
      awaitUntil("headers", startedAt + deadlines.headersMs);
    },
    expect(what) {
      const by = {
        "first token": startedAt + deadlines.firstTokenMs,
        "next chunk": clock.now() + deadlines.gapMs,
        end: endsAt,
      };
      awaitUntil(what, by[what]);
    },
    pause: () => awaitUntil("end", endsAt),
    finished() {
      over = true;
      unwatch();
    },
    close() {
      unwatch();
      if (!over) controller.abort();
      over = true;
    },
  };
};

/** The moment by which something must have come. Moving it later costs no timer: the one that is set looks again. */
const createDeadline = (clock: Clock, onMiss: (what: string) => void) => {
  let awaited = "";
  let due = Number.POSITIVE_INFINITY;
  let wakesAt = Number.POSITIVE_INFINITY;
  let cancel: (() => void) | null = null;

  const arm = () => {
    cancel?.();
    wakesAt = due;
    cancel = clock.after(Math.max(0, due - clock.now()), () => {
      wakesAt = Number.POSITIVE_INFINITY;
      if (clock.now() >= due) onMiss(awaited);
      else arm();
    });
  };

  return {
    set(what: string, at: number) {
      awaited = what;
      due = at;
      if (due < wakesAt) arm();
    },
    clear() {
      cancel?.();
      due = Number.POSITIVE_INFINITY;
      wakesAt = Number.POSITIVE_INFINITY;
    },
  };
};
