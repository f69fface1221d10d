import * as z from "zod";
import { reasoningEfforts } from "../../shared/chat.ts";
import { cardSchema } from "../../shared/card-schema.ts";
import type { Price, Rates } from "../../shared/pricing.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { abilities, type Ability, type WorkerCard } from "../../shared/workers.ts";
import { createChatDecoder, type BilledDollars } from "./openai-chat-answer.ts";
import { chatBody, type Dialect } from "./openai-chat-request.ts";
import { sendTo } from "./openai-client.ts";
import { fieldsOf, type Fields } from "./narrow.ts";
import { dataRegions, type Connection, type Provider, type ProviderEnv } from "./provider.ts";
import { readError } from "./upstream-error.ts";

export type CompatibleHost = {
  readonly name: string;
  readonly connect: (env: ProviderEnv) => Connection | null;
  readonly needs: string;
  /** Without the list: everything Chat Completions can express. */
  readonly abilities?: readonly Ability[];
  readonly reasoning?: Dialect["reasoning"];
  readonly fixed?: Fields;
  /** Without the function: every model as its card says. */
  readonly offer?: NonNullable<Provider["offer"]>;
  readonly billedDollars?: BilledDollars;
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
    decoder: (call) => createChatDecoder({ provider: name, upstream: call.upstream }, host.billedDollars),
    error: (status, headers, body) => readError(name, status, headers, body),
    ...(host.offer && { offer: host.offer }),
  };
};

/**
 * Hosts that keep a request in a part of the world; that of Europe takes Britain and Switzerland for a part of it, which
 * are not in the Union. Their prices differ from the others' and are not known.
 * https://openrouter.ai/docs/guides/features/in-region-routing https://openrouter.ai/business/eu
 */
const openrouterRegion = /^https:\/\/(eu|us)\.openrouter\.ai(\/|$)/;

const openrouterPlace = (baseUrl: string): Pick<Connection, "dataRegion"> => {
  if (/^https:\/\/openrouter\.ai(\/|$)/.test(baseUrl)) return { dataRegion: "global" };
  return openrouterRegion.exec(baseUrl)?.[1] === "us" ? { dataRegion: "us" } : {};
};

const connectOpenrouter = (baseUrl: string, apiKey: string): Connection => ({
  apiKey,
  baseUrl,
  ...openrouterPlace(baseUrl),
});

/**
 * Credits are dollars. With the account's own key at the host, that host's bill comes on top of the fee.
 * https://openrouter.ai/docs/use-cases/usage-accounting
 */
const readBill: BilledDollars = ({ cost, is_byok, cost_details }) => {
  if (typeof cost !== "number" || !(cost >= 0)) return null;
  const beside = is_byok === true ? fieldsOf(cost_details)["upstream_inference_cost"] : 0;
  return cost + (typeof beside === "number" && beside > 0 ? beside : 0);
};

/** https://openrouter.ai/docs/api-reference/chat-completion */
export const openrouter = createCompatible({
  name: "openrouter",
  needs: "OPENROUTER_API_KEY is not set",
  connect: ({ OPENROUTER_API_KEY: apiKey, OPENROUTER_BASE_URL: baseUrl }) =>
    apiKey ? connectOpenrouter(baseUrl || "https://openrouter.ai/api/v1", apiKey) : null,
  offer: (_model, { baseUrl }) => ({ priceFactor: openrouterRegion.test(baseUrl) ? null : 1, lacks: [] }),
  reasoning: "object",
  // Left to itself, OpenRouter drops parameters that the host it picks does not take.
  fixed: { provider: { require_parameters: true } },
  // Prices are those of whichever host it picks: its own word goes before the card's.
  billedDollars: readBill,
});

/** https://docs.litellm.ai/docs/proxy/user_keys */
export const litellm = createCompatible({
  name: "litellm",
  needs: "LITELLM_BASE_URL or LITELLM_API_KEY is not set",
  connect: ({ LITELLM_BASE_URL: baseUrl, LITELLM_API_KEY: apiKey }) => (baseUrl && apiKey ? { apiKey, baseUrl } : null),
});

const rates = {
  input: z.number(),
  output: z.number(),
  cached_input: z.number().optional(),
  cache_write: z.number().optional(),
};
/** Dollars per million tokens; what they must be is for the card's own schema to say. */
export const operatorPrice = z.strictObject({
  ...rates,
  tiers: z.array(z.strictObject({ ...rates, above_input_tokens: z.number() })).optional(),
});

/** A model at a host, as an operator describes it. */
export const modelSchema = z.strictObject({
  id: z.string().min(1).max(96),
  context_tokens: z.number(),
  max_output_tokens: z.number(),
  image_tokens: z.number().optional(),
  /** Null when unknown. */
  price: operatorPrice.nullable(),
  price_changes: z.array(z.strictObject({ from: z.string(), price: operatorPrice })).optional(),
  abilities: z.array(z.enum(abilities)),
  efforts: z.array(z.enum(reasoningEfforts)).optional(),
  /** The recorded model or relative whose strengths stand in. */
  profile: z.string().optional(),
});

const hostSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  base_url: z.url({ protocol: /^https?$/ }),
  /** The variable that holds the key, so that no key stands in this one. */
  api_key_env: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  /** Where the host processes requests; unknown when not said. */
  data_region: z.enum(dataRegions).optional(),
  models: z.array(modelSchema).min(1),
});
type Host = z.infer<typeof hostSchema>;
type Model = z.infer<typeof modelSchema>;
type OperatorPrice = z.infer<typeof operatorPrice>;
type OperatorRates = Omit<OperatorPrice, "tiers">;

const hostsSchema = z
  .array(hostSchema)
  .refine((hosts) => new Set(hosts.map((host) => host.name)).size === hosts.length, "two hosts have the same name");

export type ConfiguredHosts = { readonly providers: readonly Provider[]; readonly cards: readonly WorkerCard[] };

/**
 * The hosts in the operator's `SHOAL_PROVIDERS`, a JSON list of
 * `{name, base_url, api_key_env, data_region, models: [{id, context_tokens, max_output_tokens, price, abilities}]}`.
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
  const cards = hosts.flatMap((host) => host.models.map((model) => readModel(host.name, model, operatorsOwn)));
  const problem = cards.map(problemOf).find((found) => found !== null);
  return problem === undefined ? ok({ providers: hosts.map(readHost), cards }) : err(`SHOAL_PROVIDERS: ${problem}`);
};

const operatorsOwn = { url: "SHOAL_PROVIDERS", date: "set by the operator" };

/** What makes a card wrong, by the operator's names of the fields. */
export const problemOf = (card: WorkerCard): string | null => {
  const issue = cardSchema.safeParse(card).error?.issues[0];
  return issue ? `${card.id}: ${issue.path.map(snakeCase).join(".")}: ${issue.message}` : null;
};

const snakeCase = (key: PropertyKey): string =>
  String(key).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const readHost = ({ name, base_url: baseUrl, api_key_env: variable, data_region: dataRegion }: Host): Provider =>
  createCompatible({
    name,
    needs: `${variable} is not set`,
    connect: (env) => {
      const apiKey = env[variable];
      return apiKey ? { apiKey, baseUrl, ...(dataRegion && { dataRegion }) } : null;
    },
  });

/** The card of a model at a provider. `source`: who says so. */
export const readModel = (provider: string, model: Model, source: WorkerCard["source"]): WorkerCard => ({
  id: `${provider}/${model.id}`,
  provider,
  upstream: model.id,
  resold: {},
  profile: model.profile ?? null,
  strengths: model.profile === undefined ? "none" : "prior",
  contextTokens: model.context_tokens,
  maxOutputTokens: model.max_output_tokens,
  ...(model.image_tokens !== undefined && { imageTokens: model.image_tokens }),
  efforts: model.efforts ?? [],
  abilities: model.abilities,
  price: model.price && readPrice(model.price),
  ...(model.price_changes && {
    priceChanges: model.price_changes.map((change) => ({ from: change.from, price: readPrice(change.price) })),
  }),
  source,
});

export const readPrice = ({ tiers, ...base }: OperatorPrice): Price => ({
  ...readRates(base),
  ...(tiers && {
    tiers: tiers.map((tier) => ({ ...readRates(tier), aboveInputTokens: tier.above_input_tokens })),
  }),
});

const readRates = ({ input, output, cached_input, cache_write }: OperatorRates): Rates => ({
  input,
  output,
  ...(cached_input !== undefined && { cachedInput: cached_input }),
  ...(cache_write !== undefined && { cacheWrite: cache_write }),
});
