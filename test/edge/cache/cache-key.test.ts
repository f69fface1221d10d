import { describe, expect, it } from "vitest";
import { cacheKey, type KeyDeps, type KeyedRequest } from "../../../edge/cache/cache-key.ts";
import type { KeyRecord } from "../../../edge/objects/records.ts";
import { preferenceTable } from "../../../shared/preference.ts";
import { cardOf, entryOf, keyOf, settingsOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";

const rosterOf = (...ids: readonly string[]) => ({
  entries: ids.map((id) => entryOf(cardOf(id))),
  weightsDate: "2026-11-01",
});
const deps: KeyDeps = { settings: settingsOf(), roster: rosterOf("north/a", "north/b") };

const ask = (rest: Partial<KeyedRequest> = {}, record: Partial<KeyRecord> = {}, tenant = "acme"): KeyedRequest => ({
  chat: chatOf("Why?"),
  choice: { kind: "tier", tier: "mini" },
  preference: preferenceTable.balanced,
  rounds: 1,
  grant: { identity: { tenant, keyId: "key00001", keyHash: "hash", dev: false }, record: keyOf(record) },
  ...rest,
});

const plain = cacheKey(ask(), deps);

describe("the key of a cached answer", () => {
  it("is the same for two keys of one tenant that may do the same", async () => {
    const other = ask({}, { keyId: "key00002", name: "another", cacheSeconds: 5, exploration: 0.1 });
    expect(await cacheKey(other, deps)).toBe(await plain);
  });

  it("does not depend on the order in which workers are allowed or configured", async () => {
    const some = await cacheKey(ask({}, { allowedWorkers: ["north/a", "north/b"] }), deps);
    const turned = { ...deps, roster: rosterOf("north/b", "north/a") };
    expect(await cacheKey(ask({}, { allowedWorkers: ["north/b", "north/a"] }), turned)).toBe(some);
  });

  const strangers: readonly [string, KeyedRequest][] = [
    ["another tenant", ask({}, {}, "other")],
    ["another epoch", ask({}, { cacheEpoch: 1 })],
    ["other words", ask({ chat: chatOf("Why not?") })],
    ["another tier", ask({ choice: { kind: "tier", tier: "ultra" } })],
    ["a worker by name", ask({ choice: { kind: "worker", id: "north/a", effort: null } })],
    ["another preference", ask({ preference: preferenceTable.economy })],
    ["other allowed workers", ask({}, { allowedWorkers: ["north/a"] })],
    ["other allowed vendors", ask({}, { allowedVendors: ["north"] })],
    ["other data regions", ask({}, { allowedDataRegions: ["eu"] })],
    ["another cap", ask({}, { outputCap: 100 })],
    ["a budget", ask({}, { hasBudget: true })],
  ];
  it.each(strangers)("differs for %s", async (_, request) => {
    expect(await cacheKey(request, deps)).not.toBe(await plain);
  });

  it("differs for a second round in the tier that may take one", async () => {
    const ultra = ask({ choice: { kind: "tier", tier: "ultra" } });
    expect(await cacheKey({ ...ultra, rounds: 2 }, deps)).not.toBe(await cacheKey(ultra, deps));
    expect(await cacheKey(ask({ rounds: 2 }), deps)).toBe(await plain);
  });

  const places: readonly [string, KeyDeps][] = [
    ["another region", { ...deps, settings: settingsOf({ SHOAL_REGION: "eu" }) }],
    ["another secret", { ...deps, settings: settingsOf({ KEY_SECRET: "secret-number-two" }) }],
    ["another roster", { ...deps, roster: rosterOf("north/a") }],
    ["other weights", { ...deps, roster: { ...deps.roster, weightsDate: "2026-12-01" } }],
  ];
  it.each(places)("differs in %s", async (_, place) => {
    expect(await cacheKey(ask(), place)).not.toBe(await plain);
  });
});
