import { err, ok, type Result } from "../shared/result.ts";

/** Something lent; `giveBack` may be called more than once. */
export type Lease<T> = { readonly item: T; readonly giveBack: () => void };

type Refusal = "full" | "aborted";

/** Lends each item to one borrower at a time, in order of asking, and refuses when too many already wait. */
export type Pool<T> = {
  /** Waits for a free item. `full`: the queue is; `aborted`: the signal fired before an item was free. */
  lend(signal: AbortSignal): Promise<Result<Lease<T>, Refusal>>;
  readonly busy: () => number;
  readonly waiting: () => number;
};

export const createPool = <T>(items: readonly T[], options: { readonly maxWaiting: number }): Pool<T> => {
  const free = [...items];
  const queue = new Set<(item: T) => void>();

  const release = (item: T) => {
    const next = queue.values().next();
    if (next.done) free.push(item);
    else next.value(item);
  };

  const lease = (item: T): Lease<T> => {
    let lent = true;
    const giveBack = () => {
      if (!lent) return;
      lent = false;
      release(item);
    };
    return { item, giveBack };
  };

  const wait = (signal: AbortSignal) =>
    new Promise<Result<Lease<T>, Refusal>>((resolve) => {
      const leave = () => {
        queue.delete(take);
        resolve(err("aborted"));
      };
      const take = (item: T) => {
        queue.delete(take);
        signal.removeEventListener("abort", leave);
        resolve(ok(lease(item)));
      };
      queue.add(take);
      signal.addEventListener("abort", leave, { once: true });
    });

  return {
    async lend(signal) {
      if (signal.aborted) return err("aborted");
      const item = free.pop();
      if (item !== undefined) return ok(lease(item));
      return queue.size < options.maxWaiting ? wait(signal) : err("full");
    },
    busy: () => items.length - free.length,
    waiting: () => queue.size,
  };
};
