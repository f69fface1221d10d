import type { Clock } from "../../edge/runtime/clock.ts";

type Task = { readonly at: number; readonly run: () => void };

/** A turn of the event loop: everything that waits for nothing has run. */
export const settle = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0));

/** A clock that stands still until it is moved. */
export const createHandClock = (start = Date.UTC(2026, 10, 22)) => {
  let now = start;
  const tasks = new Set<Task>();
  const clock: Clock = {
    now: () => now,
    after(ms, run) {
      const task = { at: now + ms, run };
      tasks.add(task);
      return () => void tasks.delete(task);
    },
  };
  const nextDue = (until: number) => [...tasks].filter((task) => task.at <= until).toSorted((a, b) => a.at - b.at)[0];

  return {
    ...clock,
    /** Moves on by `ms`; what falls due runs at its time, and all that follows from it. */
    async advance(ms: number): Promise<void> {
      const until = now + ms;
      await settle();
      for (let task = nextDue(until); task; task = nextDue(until)) {
        tasks.delete(task);
        now = task.at;
        task.run();
        await settle();
      }
      now = until;
    },
    /** Timers that are set. */
    pending: () => tasks.size,
  };
};

/** The same time, on which whoever waits is woken in the next turn of the event loop. */
export const withoutWaits = (clock: Pick<Clock, "now">): Clock => ({
  now: clock.now,
  after(_, run) {
    const timer = setTimeout(run, 0);
    return () => clearTimeout(timer);
  },
});
