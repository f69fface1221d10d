import { dataRegionOf, type Connection, type DataRegion, type ProviderEnv } from "./provider.ts";

/**
 * What the operator says of where providers process, where their address does not tell: `SHOAL_PROVIDER_REGIONS`, e.g.
 * `litellm=eu,openai=eu` for a proxy, a private endpoint or a contract. Throws when it names no provider or no region.
 */
export const readStatedRegions = (env: ProviderEnv, providers: readonly string[]): ReadonlyMap<string, DataRegion> =>
  new Map(
    (env["SHOAL_PROVIDER_REGIONS"] ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .map((entry) => readEntry(entry, providers)),
  );

const readEntry = (entry: string, providers: readonly string[]): [string, DataRegion] => {
  const [provider = "", name, ...rest] = entry.split("=").map((field) => field.trim());
  const region = dataRegionOf(name);
  if (rest.length > 0 || !region) {
    throw new Error(`SHOAL_PROVIDER_REGIONS: '${entry}' must be <provider>=us, eu, ap or global`);
  }
  if (!providers.includes(provider)) throw new Error(`SHOAL_PROVIDER_REGIONS: there is no provider '${provider}'`);
  return [provider, region];
};

/** Throws when the address says another place than the operator. */
export const stateRegion = (name: string, connection: Connection, stated: DataRegion | undefined): Connection => {
  const { dataRegion } = connection;
  if (stated === undefined || stated === dataRegion) return connection;
  if (dataRegion !== undefined && dataRegion !== "global") {
    throw new Error(`SHOAL_PROVIDER_REGIONS: ${name} is in ${dataRegion} by its address, not in ${stated}`);
  }
  return { ...connection, dataRegion: stated };
};
