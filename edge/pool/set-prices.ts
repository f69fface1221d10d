import type { SetPrice } from "../objects/region/prices.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Roster, RosterEntry } from "./roster.ts";

/** Prices are used for five seconds, used while they are read again behind for five more, and then waited for. */
const freshMs = 5_000;
const staleMs = 10_000;
/**
 * For so long at most: a region's object that does not answer leaves the prices that were known last, and nobody waits
 * for it again until it is asked again, five seconds later.
 */
const patienceMs = 100;

export interface PricedRoster {
  /** The roster with the prices that the operator has set in the place of the cards'. Waits only in an isolate that was idle. */
  current(waitUntil: (work: Promise<unknown>) => void): Roster | Promise<Roster>;
}

export type PricedRosterDeps = {
  readonly roster: Roster;
  readonly clock: Clock;
  readonly readPrices: () => Promise<readonly SetPrice[]>;
};

export const createPricedRoster = ({ roster, clock, readPrices }: PricedRosterDeps): PricedRoster => {
  let known: { readonly roster: Roster; readonly prices: string; readonly readAt: number } | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let answers = true;

  const read = async (): Promise<void> => {
    askedAt = clock.now();
    try {
      const prices = await readPrices();
      const text = JSON.stringify(prices);
      // The same object as long as nothing has changed: others remember what they made of it.
      const priced = known?.prices === text ? known.roster : withPrices(roster, prices);
      known = { roster: priced, prices: text, readAt: clock.now() };
      answers = true;
    } catch {
      answers = false;
    }
  };
  const waited = async (reading: Promise<void>): Promise<Roster> => {
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(patienceMs, () => {
      answers = false;
      late.resolve();
    });
    await Promise.race([reading, late.promise]);
    cancel();
    return known?.roster ?? roster;
  };

  return {
    current(waitUntil) {
      const now = clock.now();
      const held = known?.roster ?? roster;
      const age = now - (known?.readAt ?? Number.NEGATIVE_INFINITY);
      if (age < freshMs) return held;
      // Each request that has to wait asks by itself: a promise does not cross from one to another.
      const isOld = age >= staleMs;
      if (now - askedAt < freshMs && !(isOld && answers)) return held;
      const reading = read();
      waitUntil(reading);
      return isOld ? waited(reading) : held;
    },
  };
};

const withPrices = (roster: Roster, prices: readonly SetPrice[]): Roster => {
  if (prices.length === 0) return roster;
  const byWorker = new Map(prices.map(({ worker, price }) => [worker, price]));
  const priced = <Has extends { readonly card: RosterEntry["card"] }>(entry: Has): Has => {
    const price = byWorker.get(entry.card.id);
    if (!price) return entry;
    const { priceChanges: _, ...card } = entry.card;
    return { ...entry, card: { ...card, price } };
  };
  return {
    ...roster,
    cards: roster.cards.map((card) => priced({ card }).card),
    entries: roster.entries
      .map(priced)
      .map((entry) => (entry.elsewhere ? { ...entry, elsewhere: entry.elsewhere.map(priced) } : entry)),
  };
};
