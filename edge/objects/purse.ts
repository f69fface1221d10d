import type { Amounts, Lease } from "./records.ts";

/** An isolate stops drawing this long before a lease expires, so that its opening arrives in time. */
const leaseMarginMs = 2_000;

/** What this isolate may hand to requests of one key; null where nothing limits it. */
export type Purse = {
  readonly id: string;
  readonly expiresAt: number;
  readonly granted: Lease;
  readonly left: Record<keyof Amounts, number | null>;
};

export const resources = ["requests", "slots", "tokens", "amount"] as const;

export const toPurse = (lease: Lease): Purse => {
  const { id, expiresAt, requests, slots, tokens, amount } = lease;
  return { id, expiresAt, granted: lease, left: { requests, slots, tokens, amount } };
};

export const isLive = ({ expiresAt }: Pick<Purse, "expiresAt">, now: number): boolean =>
  expiresAt - leaseMarginMs > now;

export const covers = ({ left, expiresAt }: Purse, need: Amounts, now: number): boolean =>
  resources.every((resource) => {
    const held = left[resource];
    return held === null || need[resource] === 0 || (held >= need[resource] && isLive({ expiresAt }, now));
  });

export const spend = ({ left }: Purse, need: Amounts): void => {
  for (const resource of resources) {
    const held = left[resource];
    if (held !== null) left[resource] = held - need[resource];
  }
};

export const putInto = ({ left }: Purse, amounts: Amounts): void => {
  for (const resource of resources) {
    const held = left[resource];
    if (held !== null) left[resource] = held + amounts[resource];
  }
};

/** Something is in it, and the same is limited as now. */
export const isWorthKeeping = (held: Purse, newest: Purse, now: number): boolean =>
  isLive(held, now) &&
  resources.some((resource) => (held.left[resource] ?? 0) > 0) &&
  resources.every((resource) => (held.left[resource] === null) === (newest.left[resource] === null));

export const sumLeft = (purses: readonly Purse[], resource: keyof Amounts): number =>
  purses.reduce((sum, { left }) => sum + (left[resource] ?? 0), 0);
