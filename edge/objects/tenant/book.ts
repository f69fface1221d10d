import type { MicroDollars } from "../../../shared/pricing.ts";
import type { Amounts } from "../records.ts";
import { addChange, readAccount, writeAccount, type Account, type Change } from "./accounts.ts";
import { createDailySums, dayOf, type DailySums } from "./daily.ts";
import { holdersOf, type Holder } from "./holders.ts";
import { coverBy, readLease, writeLease, type LeaseRow } from "./leases.ts";
import { addSpending, raiseAlarms, type Alarm } from "./spending.ts";

/**
 * What a batch of requests does to leases, accounts, spending and roll-ups. Each row is read once, changed here and
 * written once by `close`, however many requests there are; whoever opens a book holds the transaction.
 */
export type Book = {
  /** Takes what a request has drawn out of its lease, and gives what the lease does not cover. */
  readonly draw: (leaseId: string, drawn: Amounts) => Amounts;
  /** Changes the accounts of the key and of its tenant. */
  readonly change: (keyId: string, change: Change) => void;
  /** The same, and charges the day on which the request came. */
  readonly charge: (keyId: string, change: Change, charge: Charge) => void;
  /** Takes a charge back, and leaves the accounts as they are. */
  readonly refund: (keyId: string, charge: Charge) => void;
  readonly calls: Pick<DailySums, "add" | "takeBack">;
  /** Writes all of it. Gives the alarms that are due now and were not yet. */
  readonly close: () => readonly Alarm[];
};

/** `at`: when the request came, in milliseconds since the epoch. */
export type Charge = { readonly at: number; readonly cost: MicroDollars };

type Open = {
  readonly holder: Holder;
  account: Account;
  /** The most that was in the bucket of dollars after a charge; null: nothing was charged. */
  peak: MicroDollars | null;
  readonly spent: Map<string, MicroDollars>;
};

export const openBook = (sql: SqlStorage, now: number): Book => {
  const leases = new Map<string, LeaseRow | null>();
  const drawnOn = new Set<string>();
  const opened = new Map<string, Open>();
  const byKey = new Map<string, readonly Open[]>();
  const calls = createDailySums();

  const open = (holder: Holder): Open => {
    const known = opened.get(holder.id);
    if (known) return known;
    const made: Open = { holder, account: readAccount(sql, holder, now), peak: null, spent: new Map() };
    opened.set(holder.id, made);
    return made;
  };
  const openAll = (keyId: string): readonly Open[] => {
    const known = byKey.get(keyId) ?? holdersOf(sql, keyId).map(open);
    byKey.set(keyId, known);
    return known;
  };
  const change = (keyId: string, by: Change): void => {
    for (const each of openAll(keyId)) each.account = addChange(each.account, by);
  };
  const spend = (keyId: string, { at, cost }: Charge): void => {
    const day = dayOf(at);
    for (const { spent } of openAll(keyId)) spent.set(day, (spent.get(day) ?? 0) + cost);
  };

  return {
    draw(leaseId, drawn) {
      const known = leases.get(leaseId);
      const lease = known === undefined ? readLease(sql, leaseId) : known;
      const { left, uncovered } = coverBy(lease, drawn);
      leases.set(leaseId, left);
      if (left !== lease) drawnOn.add(leaseId);
      return uncovered;
    },
    change,
    charge(keyId, by, charge) {
      change(keyId, by);
      spend(keyId, charge);
      for (const each of openAll(keyId)) each.peak = Math.max(each.peak ?? 0, each.account.dollars);
    },
    refund: (keyId, { at, cost }) => spend(keyId, { at, cost: -cost }),
    calls,
    close() {
      for (const id of drawnOn) writeLease(sql, id, leases.get(id) ?? null);
      calls.write(sql);
      return [...opened.values()].flatMap((each) => {
        writeAccount(sql, each.holder, each.account, now);
        for (const [day, cost] of each.spent) addSpending(sql, each.holder, day, cost);
        return each.peak === null ? [] : raiseAlarms(sql, each.holder, each.peak, now);
      });
    },
  };
};
