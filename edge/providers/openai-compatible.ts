import * as z from "zod";
import { reasoningEfforts } from "../../shared/chat.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { abilities, type Ability, type WorkerCard } from "../../shared/workers.ts";
import { createChatDecoder } from "./openai-chat-answer.ts";
import { chatBody, type Dialect } from "./openai-chat-request.ts";
import { sendTo } from "./openai-client.ts";
import type { Fields } from "./narrow.ts";
import type { Connection, Provider, ProviderEnv } from "./provider.ts";
import { readError } from "./upstream-error.ts";

export type CompatibleHost = {
  readonly name: string;
  readonly connect: (env: ProviderEnv) => Connection | null;
  readonly needs: string;
  /** Without the list: everything Chat Completions can express. */
  readonly abilities?: readonly Ability[];
  readonly reasoning?: Dialect["reasoning"];
  readonly fixed?: Fields;
};

/** A host that speaks Chat Completions at an address of its own. */
export const createCompatible = (host: CompatibleHost): Provider => {
  const { name, connect, needs } = host;
  const dialect: Dialect = {
    provider: name,
    cap: "max_tokens",
    systemRole: "system",
    endUser: "user",
    reasoning: host.reasoning ?? "effort",
    fixed: host.fixed ?? {},
  };
  return {
    name,
    needs,
    connect,
    abilities: new Set(host.abilities ?? abilities),
    request: (call) => chatBody(call, dialect),
    send: sendTo("/chat/completions"),
    decoder: (call) => createChatDecoder({ provider: name, upstream: call.upstream }),
    error: (status, headers, body) => readError(name, status, headers, body),
  };
};

/** https://openrouter.ai/docs/api-reference/chat-completion */
export const openrouter = createCompatible({
  name: "openrouter",
  needs: "OPENROUTER_API_KEY is not set",
  connect: ({ OPENROUTER_API_KEY: apiKey }) => (apiKey ? { apiKey, baseUrl: "https://openrouter.ai/api/v1" } : null),
  reasoning: "object",
  // Left to itself, OpenRouter drops parameters that the host it picks does not take.
  fixed: { provider: { require_parameters: true } },
});

/** https://docs.litellm.ai/docs/proxy/user_keys */
export const litellm = createCompatible({
  name: "litellm",
  needs: "LITELLM_BASE_URL or LITELLM_API_KEY is not set",
  connect: ({ LITELLM_BASE_URL: baseUrl, LITELLM_API_KEY: apiKey }) => (baseUrl && apiKey ? { apiKey, baseUrl } : null),
});

const rate = z.number().min(0).max(100_000);
const rates = { input: rate, output: rate, cached_input: rate.optional(), cache_write: rate.optional() };
const tokens = z.int().min(1);

const hostSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  base_url: z.url({ protocol: /^https?$/ }),
  /** The variable that holds the key, so that no key stands in this one. */
  api_key_env: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  models: z
    .array(
      z.strictObject({
        id: z.string().min(1).max(96),
        context_tokens: tokens,
        max_output_tokens: tokens,
        /** Dollars per million tokens; null when unknown. */
        price: z
          .strictObject({
            ...rates,
            tiers: z.array(z.strictObject({ ...rates, above_input_tokens: z.int().min(0) })).optional(),
          })
          .nullable(),
        abilities: z.array(z.enum(abilities)),
        efforts: z.array(z.enum(reasoningEfforts)).optional(),
        /** The recorded model or relative whose strengths stand in. */
        profile: z.string().optional(),
      }),
    )
    .min(1),
});
type Host = z.infer<typeof hostSchema>;
type Model = Host["models"][number];
type Rates = Omit<NonNullable<Model["price"]>, "tiers">;

const hostsSchema = z
  .array(hostSchema)
  .refine((hosts) => new Set(hosts.map((host) => host.name)).size === hosts.length, "two hosts have the same name");

export type ConfiguredHosts = { readonly providers: readonly Provider[]; readonly cards: readonly WorkerCard[] };

/**
 * The hosts in the operator's `SHOAL_PROVIDERS`, a JSON list of
 * `{name, base_url, api_key_env, models: [{id, context_tokens, max_output_tokens, price, abilities}]}`.
 * The error is for the operator and names the field.
 */
export const configuredHosts = (env: ProviderEnv, taken: ReadonlySet<string>): Result<ConfiguredHosts, string> => {
  const text = env["SHOAL_PROVIDERS"];
  if (!text) return ok({ providers: [], cards: [] });
  const parsed = hostsSchema.safeParse(parseJson(text));
  if (!parsed.success) return err(`SHOAL_PROVIDERS: ${z.prettifyError(parsed.error)}`);
  const hosts = parsed.data;
  const clash = hosts.find((host) => taken.has(host.name));
  if (clash) return err(`SHOAL_PROVIDERS: ${clash.name} is the name of a built-in provider`);
  return ok({
    providers: hosts.map(readHost),
    cards: hosts.flatMap((host) => host.models.map((model) => readModel(host, model))),
  });
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const readHost = ({ name, base_url: baseUrl, api_key_env: variable }: Host): Provider =>
  createCompatible({
    name,
    needs: `${variable} is not set`,
    connect: (env) => {
      const apiKey = env[variable];
      return apiKey ? { apiKey, baseUrl } : null;
    },
  });

const readModel = (host: Host, model: Model): WorkerCard => ({
  id: `${host.name}/${model.id}`,
  provider: host.name,
  upstream: model.id,
  resold: {},
  profile: model.profile ?? null,
  strengths: model.profile === undefined ? "none" : "prior",
  contextTokens: model.context_tokens,
  maxOutputTokens: model.max_output_tokens,
  efforts: model.efforts ?? [],
  abilities: model.abilities,
  price: model.price && {
    ...readRates(model.price),
    ...(model.price.tiers && {
      tiers: model.price.tiers.map((tier) => ({ ...readRates(tier), aboveInputTokens: tier.above_input_tokens })),
    }),
  },
  source: { url: "SHOAL_PROVIDERS", date: "set by the operator" },
});

const readRates = ({ input, output, cached_input, cache_write }: Rates) => ({
  input,
  output,
  ...(cached_input !== undefined && { cachedInput: cached_input }),
  ...(cache_write !== undefined && { cacheWrite: cache_write }),
});
