import type { WorkerCard } from "../../shared/workers.ts";
import { anthropic } from "./anthropic.ts";
import { azure } from "./azure.ts";
import { bedrock } from "./bedrock.ts";
import { google } from "./google.ts";
import { local } from "./local.ts";
import { configuredHosts, litellm, openrouter } from "./openai-compatible.ts";
import { openai } from "./openai.ts";
import { vertex } from "./vertex.ts";
import type { Connection, Provider, ProviderEnv } from "./provider.ts";
import { readStatedRegions, stateRegion } from "./stated-regions.ts";

/** One line per vendor; hosts that speak Chat Completions need none, they come from `SHOAL_PROVIDERS`. */
const builtIn: readonly Provider[] = [openai, anthropic, google, azure, vertex, bedrock, openrouter, litellm, local];

export type Connected = { readonly provider: Provider; readonly connection: Connection };

export type Registry = {
  /** Providers that the environment configures, by the name that stands in worker cards. */
  readonly connected: ReadonlyMap<string, Connected>;
  /** The others, and what they need. */
  readonly unconfigured: readonly { readonly provider: string; readonly needs: string }[];
  /** Workers of the operator's own hosts. */
  readonly cards: readonly WorkerCard[];
};

/** Throws when `SHOAL_PROVIDERS` or `SHOAL_PROVIDER_REGIONS` is wrong, naming what: the operator has to know at the start. */
export const createRegistry = (env: ProviderEnv): Registry => {
  const hosts = configuredHosts(env, new Set(builtIn.map(({ name }) => name)));
  if (!hosts.ok) throw new Error(hosts.error);
  const providers = [...builtIn, ...hosts.value.providers];
  const stated = readStatedRegions(
    env,
    providers.map(({ name }) => name),
  );
  const found = providers.map((provider) => {
    const connection = provider.connect(env);
    return { provider, connection: connection && stateRegion(provider.name, connection, stated.get(provider.name)) };
  });
  return {
    connected: new Map(
      found.flatMap(({ provider, connection }) => (connection ? [[provider.name, { provider, connection }]] : [])),
    ),
    unconfigured: found.flatMap(({ provider, connection }) =>
      connection ? [] : [{ provider: provider.name, needs: provider.needs }],
    ),
    cards: hosts.value.cards,
  };
};
