import { describe, expect, it } from "vitest";
import { readKnown } from "../../../edge/plan/edge-head.ts";
import { readRoster, withinDataRegions } from "../../../edge/pool/roster.ts";
import type { DataRegion } from "../../../edge/providers/provider.ts";
import { workerCards } from "../../../shared/worker-cards.ts";

const rosterOf = (env: Readonly<Record<string, string>>, dataRegions: readonly DataRegion[] = ["global"]) =>
  readRoster(env, { localChat: true, dataRegions, known: readKnown() });

const find = (env: Readonly<Record<string, string>>, id: string) =>
  rosterOf(env).entries.find((entry) => entry.card.id === id);

const azure = { AZURE_OPENAI_ENDPOINT: "https://fish.openai.azure.com", AZURE_OPENAI_API_KEY: "key" };
const bedrock = { BEDROCK_REGION: "eu-west-1", AWS_BEARER_TOKEN_BEDROCK: "key" };

describe("the roster", () => {
  it("asks the vendor itself where its key is set, else a cloud, else a reseller", () => {
    const id = "openai/gpt-6.1-sol";
    const all = { OPENAI_API_KEY: "key", ...azure, OPENROUTER_API_KEY: "key" };
    expect(find(all, id)?.provider.name).toBe("openai");
    expect(find({ ...all, OPENAI_API_KEY: "" }, id)?.provider.name).toBe("azure");
    expect(find({ OPENROUTER_API_KEY: "key" }, id)?.provider.name).toBe("openrouter");
  });

  it("goes on to the next host where one does not have the model", () => {
    const deployed = { ...azure, AZURE_OPENAI_DEPLOYMENTS: "gpt-6-luna" };
    expect(find({ ...deployed, OPENROUTER_API_KEY: "key" }, "openai/gpt-6.1-sol")?.provider.name).toBe("openrouter");
    expect(find(deployed, "openai/gpt-6.1-sol")).toBeUndefined();
    expect(find(bedrock, "anthropic/claude-fable-5-1")).toBeUndefined();
  });

  it("prices a worker as its host does, tiers included", () => {
    const card = find({ ...azure, AZURE_OPENAI_DATA_ZONE: "eu" }, "openai/gpt-6.1-sol")?.card;
    expect(card?.price).toEqual({
      input: 2.4,
      output: 12,
      cachedInput: 0.12,
      cacheWrite: 3,
      tiers: [{ aboveInputTokens: 272000, input: 4.8, output: 18, cachedInput: 0.24, cacheWrite: 6 }],
    });
  });

  it("knows no price where the host's is unknown", () => {
    expect(find({ ...azure, AZURE_OPENAI_DATA_ZONE: "apac" }, "openai/gpt-6.1-sol")?.card.price).toBeNull();
  });

  it("takes from a worker what it cannot do there", () => {
    const id = "anthropic/claude-opus-5-5";
    const { card, connection } = find(bedrock, id) ?? {};
    const own = workerCards.find((known) => known.id === id);
    expect(card?.abilities).toEqual(own?.abilities.filter((ability) => ability !== "image_url"));
    expect(connection?.dataRegion).toBe("eu");
    expect(find({ ANTHROPIC_API_KEY: "key" }, id)?.card.abilities).toEqual(own?.abilities);
  });
});

/** `SHOAL_PROVIDERS` with one host in this data region. */
const host = (dataRegion: string) =>
  JSON.stringify([
    {
      name: "fish",
      base_url: "https://fish.example.com/v1",
      api_key_env: "FISH_KEY",
      data_region: dataRegion,
      models: [{ id: "cod", context_tokens: 1000, max_output_tokens: 100, price: null, abilities: [] }],
    },
  ]);

const placesOf = ({ entries }: ReturnType<typeof rosterOf>) =>
  [...new Set(entries.map(({ provider, connection }) => `${provider.name} ${connection.dataRegion}`))].toSorted();

describe("a region's data regions", () => {
  const direct = { OPENAI_API_KEY: "key", ANTHROPIC_API_KEY: "key", GEMINI_API_KEY: "key" };
  const inEurope = { ...azure, AZURE_OPENAI_DATA_ZONE: "eu", ...bedrock };

  it("leave out every provider that may process elsewhere, and the next in line takes its place", () => {
    expect(placesOf(rosterOf({ ...direct, ...inEurope }))).toEqual([
      "anthropic global",
      "google global",
      "openai global",
    ]);
    expect(placesOf(rosterOf({ ...direct, ...inEurope }, ["eu"]))).toEqual(["azure eu", "bedrock eu"]);
    expect(rosterOf(direct, ["eu"]).entries).toEqual([]);
  });

  it("tell the operator which providers they leave out", () => {
    expect(rosterOf({ ...direct, LITELLM_BASE_URL: "http://a", LITELLM_API_KEY: "b" }, ["eu"]).unconfigured).toEqual(
      expect.arrayContaining([
        { provider: "anthropic", needs: "its data region is global, and SHOAL_DATA_REGIONS admits eu" },
        { provider: "litellm", needs: "its data region is unknown, and SHOAL_DATA_REGIONS admits eu" },
      ]),
    );
  });

  it("hold the vendor's regional host, and the region's own inference service", () => {
    const env = { OPENAI_API_KEY: "key", OPENAI_BASE_URL: "https://eu.api.openai.com/v1", SHOAL_REGION: "eu" };
    const service = { INFERENCE_URL: "http://127.0.0.1:1", INFERENCE_SECRET: "secret" };
    expect(placesOf(rosterOf({ ...env, ...service }, ["eu"]))).toEqual(["local eu", "openai eu"]);
    expect(placesOf(rosterOf({ ...env, ...service }, ["us"]))).toEqual([]);
  });

  it("hold a host where the operator says that it is", () => {
    const proxy = { OPENAI_API_KEY: "key", OPENAI_BASE_URL: "https://proxy.example.com/v1" };
    const env = { ...proxy, FISH_KEY: "key", SHOAL_PROVIDERS: host("eu"), SHOAL_PROVIDER_REGIONS: "openai = eu" };
    expect(placesOf(rosterOf(env, ["eu"]))).toEqual(["fish eu", "openai eu"]);
    expect(placesOf(rosterOf({ ...env, SHOAL_PROVIDERS: host("ap"), SHOAL_PROVIDER_REGIONS: "" }, ["eu"]))).toEqual([]);
  });

  it.each([
    ["openai=mars", "'openai=mars' must be <provider>=us, eu, ap or global"],
    ["nobody=eu", "there is no provider 'nobody'"],
    ["azure=us", "azure is in eu by its address, not in us"],
  ])("cannot be claimed by %s", (stated, message) => {
    expect(() => rosterOf({ ...inEurope, SHOAL_PROVIDER_REGIONS: stated })).toThrow(message);
  });
});

describe("a key's data regions", () => {
  it("take a worker to its first provider within them, at that provider's price", () => {
    const env = { OPENAI_API_KEY: "key", ...azure, AZURE_OPENAI_DATA_ZONE: "us" };
    const entries = rosterOf(env).entries.filter(({ card }) => card.id === "openai/gpt-6.1-sol");
    const placesFor = (admitted: readonly string[] | null) =>
      withinDataRegions(entries, admitted).map(({ provider, card }) => [provider.name, card.price?.input]);
    expect(placesFor(null)).toEqual([["openai", 2]]);
    expect(placesFor(["global"])).toEqual([["openai", 2]]);
    expect(placesFor(["us"])).toEqual([["azure", 2.2]]);
    expect(placesFor(["eu"])).toEqual([]);
  });
});
