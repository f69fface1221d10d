import type { Grant } from "../admit.ts";
import type { OwnMeans } from "../objects/records.ts";
import type { Connected } from "../providers/index.ts";
import { createEnvelope } from "../runtime/envelope.ts";
import type { Settings } from "../runtime/settings.ts";
import { connect, type Roster, type RosterEntry } from "./roster.ts";

export type TenantRosterDeps = {
  readonly roster: Roster;
  readonly settings: Pick<Settings, "keySecret">;
  readonly newId: () => string;
};

/** As long as the key's record is used, and no longer: five to ten seconds. */
const made = new WeakMap<OwnMeans, { readonly from: Roster; readonly roster: Roster }>();

/**
 * The roster as the tenant has it: its own workers besides, and its own keys in the place of the operator's. A provider
 * whose key does not open is left out: nothing of the tenant's is ever asked for with the operator's key. Reads nothing
 * but the key's record.
 */
export const rosterFor = async (
  { identity, record: { own } }: Grant,
  { roster, settings, newId }: TenantRosterDeps,
): Promise<Roster> => {
  if (!own) return roster;
  const known = made.get(own);
  if (known?.from === roster) return known.roster;
  const keys = await openKeys(own, createEnvelope(identity.tenant, settings.keySecret, newId));
  const withOwn = extend(roster, own, keys);
  made.set(own, { from: roster, roster: withOwn });
  return withOwn;
};

/** By provider; null for one that does not open. */
type Keys = ReadonlyMap<string, string | null>;

const openKeys = async (own: OwnMeans, envelope: ReturnType<typeof createEnvelope>): Promise<Keys> =>
  new Map(
    await Promise.all(
      Object.entries(own.vendorKeys).map(
        async ([provider, sealed]) => [provider, await envelope.open(own.dataKey, provider, sealed)] as const,
      ),
    ),
  );

const extend = (roster: Roster, own: OwnMeans, keys: Keys): Roster => {
  const taken = new Set(roster.cards.map(({ id }) => id));
  const cards = own.workers.filter(({ id }) => !taken.has(id));
  const reach = rekey(keys);
  const ofOthers = roster.entries.flatMap((entry): readonly RosterEntry[] => {
    const [first, ...elsewhere] = [entry, ...(entry.elsewhere ?? [])].flatMap(reach);
    return first ? [elsewhere.length > 0 ? { ...first, elsewhere } : withoutElsewhere(first)] : [];
  });
  const ofOwn = cards
    .flatMap((card) => connect(card, roster.connected))
    .flatMap(reach)
    .map((entry): RosterEntry => ({ ...entry, own: true }));
  return { ...roster, cards: [...roster.cards, ...cards], entries: [...ofOthers, ...ofOwn] };
};

const withoutElsewhere = (entry: RosterEntry): RosterEntry => {
  const { elsewhere: _, ...rest } = entry;
  return rest;
};

const rekey =
  (keys: Keys) =>
  (entry: RosterEntry): readonly RosterEntry[] => {
    const apiKey = keys.get(entry.provider.name);
    if (apiKey === undefined) return [entry];
    return apiKey === null ? [] : [{ ...entry, connection: { ...entry.connection, apiKey }, own: true, ownKey: true }];
  };

/** Whether a key alone takes the place of another: not where a call is signed, or is our own inference service's. */
export const takesOwnKey = ({ provider, connection }: Connected): boolean =>
  provider.name !== "local" && connection.account === undefined;
