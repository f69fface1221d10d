import { describe, expect, it } from "vitest";
import { readKnown } from "../../../edge/plan/edge-head.ts";
import { readRoster } from "../../../edge/pool/roster.ts";
import { workerCards } from "../../../shared/worker-cards.ts";

const rosterOf = (env: Readonly<Record<string, string>>) => readRoster(env, { localChat: false, known: readKnown() });

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
