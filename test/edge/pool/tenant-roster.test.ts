import { describe, expect, it } from "vitest";
import type { OwnMeans } from "../../../edge/objects/records.ts";
import { readRoster } from "../../../edge/pool/roster.ts";
import { rosterFor, takesOwnKey } from "../../../edge/pool/tenant-roster.ts";
import { createEnvelope } from "../../../edge/runtime/envelope.ts";
import { cardOf, keyOf, settingsOf } from "../../support/edge.ts";

const hostOf = (name: string) => ({
  name,
  base_url: `https://${name}.example.com/v1`,
  api_key_env: `${name.toUpperCase()}_KEY`,
  models: [{ id: "a", context_tokens: 1000, max_output_tokens: 100, price: null, abilities: [] }],
});

const roster = readRoster(
  {
    SHOAL_PROVIDERS: JSON.stringify([hostOf("north"), hostOf("south")]),
    NORTH_KEY: "operators-north",
    SOUTH_KEY: "operators-south",
  },
  { localChat: false, dataRegions: ["global"], known: { date: "2026-11-22", profiles: new Map() } },
);

const newId = () => crypto.randomUUID().replaceAll("-", "");

const sealed = async (tenant: string, provider: string, key: string, keySecret = "secret-number-one") => {
  const envelope = createEnvelope(tenant, keySecret, newId);
  const dataKey = await envelope.make();
  return { dataKey, vendorKeys: { [provider]: (await envelope.seal(dataKey, provider, key)) ?? "" } };
};

const setUp = (own: OwnMeans | undefined, tenant = "acme") => {
  const identity = { tenant, keyId: "key00001", keyHash: "hash", dev: false };
  const grant = { identity, record: keyOf(own && { own }) };
  const read = () => rosterFor(grant, { roster, settings: settingsOf(), newId });
  return { read };
};

const keysIn = ({ entries }: typeof roster) =>
  Object.fromEntries(entries.map(({ card, connection }) => [card.id, connection.apiKey]));

describe("a tenant's roster", () => {
  it("is everybody's where it has nothing of its own", async () => {
    expect(await setUp(undefined).read()).toBe(roster);
  });

  it("has its own keys in the place of the operator's, and no others", async () => {
    const own = { workers: [], ...(await sealed("acme", "north", "tenants-north")) };
    const { read } = setUp(own);
    expect(keysIn(await read())).toEqual({ "north/a": "tenants-north", "south/a": "operators-south" });
    expect(keysIn(roster)).toEqual({ "north/a": "operators-north", "south/a": "operators-south" });
    expect(await read()).toBe(await read());
  });

  it("has nothing of a provider whose key does not open", async () => {
    const ofAnother = { workers: [], ...(await sealed("other", "north", "others-north")) };
    expect(keysIn(await setUp(ofAnother).read())).toEqual({ "south/a": "operators-south" });
    const ofLostSecret = { workers: [], ...(await sealed("acme", "north", "tenants-north", "secret-0")) };
    expect(keysIn(await setUp(ofLostSecret).read())).toEqual({ "south/a": "operators-south" });
  });

  it("has its own workers at the operator's providers, with its own key where it has one", async () => {
    const workers = [cardOf("north/tuned"), cardOf("nowhere/x", { provider: "nowhere" })];
    const own = { workers, ...(await sealed("acme", "north", "tenants-north")) };
    const mine = await setUp(own).read();
    expect(keysIn(mine)).toEqual({
      "north/a": "tenants-north",
      "south/a": "operators-south",
      "north/tuned": "tenants-north",
    });
    expect(mine.entries.filter((entry) => entry.own).map(({ card }) => card.id)).toEqual(["north/a", "north/tuned"]);
  });

  it("has a worker of everybody's as everybody has it", async () => {
    const workers = [cardOf("north/a", { contextTokens: 5 })];
    const mine = await setUp({ workers, dataKey: "", vendorKeys: {} }).read();
    expect(mine.entries.map(({ card }) => card.contextTokens)).toEqual([1000, 1000]);
  });
});

describe("a tenant's own key", () => {
  it("is taken where a key is all that it takes", () => {
    const north = roster.connected.get("north");
    if (!north) throw new Error("north is not connected");
    expect(takesOwnKey(north)).toBe(true);
    expect(takesOwnKey({ ...north, connection: { ...north.connection, account: { project: "p" } } })).toBe(false);
  });
});
