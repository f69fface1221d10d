import { createMemory } from "../runtime/memory.ts";

const windowMs = 1_000;
/** So often within a second the tenant's object is asked about a key that it refuses. */
const mostAsks = 5;

/** Refusals of the second that runs, by the key's hash. */
const refusals = createMemory<{ readonly since: number; readonly count: number }>(10_000);

const runs = (since: number, now: number): boolean => now < since + windowMs;

/** The tenant's object has refused the key. */
export const noteRefusal = (keyHash: string, now: number): void => {
  const noted = refusals.get(keyHash);
  refusals.set(
    keyHash,
    noted && runs(noted.since, now) ? { ...noted, count: noted.count + 1 } : { since: now, count: 1 },
  );
};

/** Whether there is no need to ask again: who has a dead key must not keep its tenant's object from those that live. */
export const isDead = (keyHash: string, now: number): boolean => {
  const noted = refusals.get(keyHash);
  return noted !== undefined && runs(noted.since, now) && noted.count >= mostAsks;
};
