/**
 * Keys of providers, and the region of the one whose keys many have for other ends. With none of them set, the pool is
 * the inference service's own chat model.
 */
const providerKeys = [
  "ANTHROPIC_API_KEY",
  "AZURE_OPENAI_API_KEY",
  "BEDROCK_REGION",
  "GEMINI_API_KEY",
  "LITELLM_API_KEY",
  "OPENAI_API_KEY",
  "OPENROUTER_API_KEY",
  "SHOAL_PROVIDERS",
  "VERTEX_CREDENTIALS",
] as const;

/** Secrets that are made once where the operator gives none. */
const ownSecrets = ["ADMIN_KEY", "KEY_SECRET", "SHOAL_DEV_KEY"] as const;

/** Where providers are, and the Worker's own settings (`edge/settings.ts`). */
const variables = [
  "ANTHROPIC_BASE_URL",
  "AWS_ACCESS_KEY_ID",
  "AWS_BEARER_TOKEN_BEDROCK",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AZURE_OPENAI_DATA_ZONE",
  "AZURE_OPENAI_DEPLOYMENTS",
  "AZURE_OPENAI_ENDPOINT",
  "BEDROCK_BASE_URL",
  "BEDROCK_PROFILE",
  "GEMINI_BASE_URL",
  "LITELLM_BASE_URL",
  "OPENAI_BASE_URL",
  "OPENROUTER_BASE_URL",
  "PUBLIC_HOSTS",
  "SHOAL_CACHE_READ_MS",
  "SHOAL_DATA_REGIONS",
  "SHOAL_ADMIN_PER_MINUTE",
  "SHOAL_FIRST_TOKEN_MS",
  "SHOAL_GAP_MS",
  "SHOAL_HEADERS_MS",
  "SHOAL_LOCAL_CHAT",
  "SHOAL_MAX_BODY_BYTES",
  "SHOAL_MAX_OUTPUT_TOKENS",
  "SHOAL_PLAN_MINI_MS",
  "SHOAL_PLAN_ULTRA_MS",
  "SHOAL_PLANNER",
  "SHOAL_PLANNER_MS",
  "SHOAL_PROVIDER_REGIONS",
  "SHOAL_REGION",
  "SHOAL_TOTAL_MS",
  "SHOAL_SETTLE_MS",
  "VERTEX_BASE_URL",
  "VERTEX_LOCATION",
  "VERTEX_PROJECT",
] as const;

/** Every name that passes from the launcher's environment into the Worker's, besides the keys `SHOAL_PROVIDERS` names. */
export const workerNames: readonly string[] = [...providerKeys, ...ownSecrets, ...variables];

/** Values by name; a name that is absent is not set. */
export type Variables = Readonly<Record<string, string>>;

/** The named variables that are set and not empty. */
export const pick = (env: NodeJS.ProcessEnv, names: readonly string[]): Variables =>
  Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));

/** The environment without the named variables. */
export const omit = (env: NodeJS.ProcessEnv, names: readonly string[]): Variables =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !names.includes(entry[0]),
    ),
  );

/** Whether the operator has configured any provider besides the inference service. */
export const hasProvider = (worker: Variables): boolean => providerKeys.some((name) => worker[name] !== undefined);
