import { isFields } from "./narrow.ts";
import { createOpenaiProtocol, openaiAbilities, sendToOpenai } from "./openai.ts";
import type { Connection, DataRegion, Offer, Provider } from "./provider.ts";
import { notServed, readError } from "./upstream-error.ts";

const name = "azure";

/** Data zones of a deployment; the platform calls the Asian one `apac`. */
const zones: Readonly<Record<string, DataRegion>> = { global: "global", us: "us", eu: "eu", apac: "ap" };

/**
 * `gpt-6.1-sol=prod-sol,gpt-6-luna`: deployments by the model they serve; one without a name has the model's. Without
 * a list, every model is expected under its own name.
 */
const readDeployments = (list: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    list
      .split(",")
      .map((entry) => entry.trim().split("="))
      .filter(([model]) => model !== "")
      .map(([model = "", deployment = model]) => [model, deployment]),
  );

const deploymentOf = (model: string, { account }: Connection): string | null => {
  const deployments = account ?? {};
  return Object.keys(deployments).length === 0 ? model : (deployments[model] ?? null);
};

/**
 * Zones cost more than deployments anywhere: that of the United States a tenth, that of the Union a fifth since GPT-6
 * and a tenth before. Nothing is known of the others.
 * https://azure.microsoft.com/en-us/blog/gpt-6-astra-sol-and-luna-for-production-agents-in-microsoft-foundry/
 */
const priceFactorOf = (model: string, region: DataRegion | undefined): Offer["priceFactor"] => {
  if (region === undefined || region === "global") return 1;
  if (region === "us") return 1.1;
  if (region === "eu") return /^gpt-[6-9]/.test(model) ? 1.2 : 1.1;
  return null;
};

const readZone = (zone: string | undefined): DataRegion => {
  const region = zones[zone || "global"];
  if (region === undefined) throw new Error(`AZURE_OPENAI_DATA_ZONE: must be one of ${Object.keys(zones).join(", ")}`);
  return region;
};

/** OpenAI's models at Microsoft, by the API without dated versions. https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle */
export const azure: Provider = {
  ...createOpenaiProtocol(name, { filesByResponses: true }),
  name,
  needs: "AZURE_OPENAI_ENDPOINT or AZURE_OPENAI_API_KEY is not set",
  abilities: openaiAbilities,
  connect: ({
    AZURE_OPENAI_ENDPOINT: endpoint,
    AZURE_OPENAI_API_KEY: apiKey,
    AZURE_OPENAI_DEPLOYMENTS: deployments,
    AZURE_OPENAI_DATA_ZONE: zone,
  }) =>
    endpoint && apiKey
      ? {
          apiKey,
          baseUrl: `${endpoint.replace(/\/+$/, "")}/openai/v1`,
          dataRegion: readZone(zone),
          account: readDeployments(deployments ?? ""),
        }
      : null,
  offer: (model, connection) =>
    deploymentOf(model, connection) === null
      ? null
      : { priceFactor: priceFactorOf(model, connection.dataRegion), lacks: [] },
  /** The body names a model, where the platform wants the deployment. */
  send(body, connection, io) {
    if (!isFields(body) || typeof body["model"] !== "string") throw new TypeError("not a body of this provider");
    return sendToOpenai({ ...body, model: deploymentOf(body["model"], connection) }, connection, io);
  },
  error: (status, headers, body) => (status === 404 ? notServed(name) : readError(name, status, headers, body)),
};
