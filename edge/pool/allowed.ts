import type { KeyRecord } from "../objects/records.ts";
import { withinDataRegions, type RosterEntry } from "./roster.ts";

type Entries = readonly RosterEntry[];

/** Whether the key may ask for this name, given as clients give it. A worker's name stands for all of its efforts. */
export const allowsModel = ({ allowedModels }: Pick<KeyRecord, "allowedModels">, name: string): boolean =>
  allowedModels === null || allowedModels.includes(name) || allowedModels.includes(name.split("@")[0] ?? "");

/** What of the roster the key may use, whatever the request. */
export const allowedEntries = (entries: Entries, key: KeyRecord): Entries =>
  withinDataRegions(
    withinVendors(
      entries.filter(({ card }) => allowsWorker(key, card.id)),
      key.allowedVendors,
    ),
    key.allowedDataRegions,
  );

export const allowsWorker = ({ allowedWorkers }: Pick<KeyRecord, "allowedWorkers">, worker: string): boolean =>
  allowedWorkers === null || allowedWorkers.includes(worker);

/** Workers whose maker is listed, each at the first provider that is listed as well; null lists all. */
export const withinVendors = (entries: Entries, vendors: readonly string[] | null): Entries => {
  if (vendors === null) return entries;
  return entries.flatMap((entry) => {
    const places = [entry, ...(entry.elsewhere ?? [])];
    const [first, ...elsewhere] = places.filter(
      ({ card, provider }) => vendors.includes(card.provider) && vendors.includes(provider.name),
    );
    return first ? [{ ...first, elsewhere }] : [];
  });
};
