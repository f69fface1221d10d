import { env } from "cloudflare:workers";
import type { Grant } from "../../edge/admit.ts";
import type { Identity } from "../../edge/authenticate/authenticate.ts";
import {
  noAmounts,
  scopes,
  type Amounts,
  type KeyRecord,
  type Opening,
  type Settlement,
} from "../../edge/objects/records.ts";
import { createObjects, type Objects } from "../../edge/objects/objects.ts";
import type { Member } from "../../edge/pool/pool.ts";
import { createCompatible } from "../../edge/providers/openai-compatible.ts";
import type { Provider } from "../../edge/providers/provider.ts";
import type { RosterEntry } from "../../edge/pool/roster.ts";
import { readSettings, type Settings } from "../../edge/runtime/settings.ts";
import type { NewKey } from "../../edge/objects/tenant/keys.ts";
import type { Policy } from "../../edge/objects/tenant/policy.ts";
import type { Trace } from "../../edge/account/trace.ts";
import { toDollars } from "../../shared/pricing.ts";
import { abilities, type WorkerCard } from "../../shared/workers.ts";
import { usageOf } from "./events.ts";

/** Settings as an operator would set them. */
export const settingsOf = (variables: Readonly<Record<string, string>> = {}): Settings =>
  readSettings({ SHOAL_REGION: "us", KEY_SECRET: "secret-number-one", ...variables });

export const objectsOf = (): Objects => createObjects(env, settingsOf());

/** A tenant that no other test uses. */
export const newTenant = (): string => `t${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;

/** A card that can do everything, at one dollar per million tokens of input and two of output. */
export const cardOf = (id: string, rest: Partial<WorkerCard> = {}): WorkerCard => ({
  id,
  provider: "north",
  upstream: id.split("/")[1] ?? id,
  resold: {},
  profile: null,
  strengths: "none",
  contextTokens: 100_000,
  maxOutputTokens: 8_000,
  efforts: ["low", "high"],
  abilities,
  price: { input: 1, output: 2 },
  source: { url: "https://example.com", date: "2026-11-22" },
  ...rest,
});

export const connection = { baseUrl: "https://north.example.com/v1", apiKey: "north-key" } as const;

/** A host that speaks Chat Completions. */
export const north: Provider = createCompatible({
  name: "north",
  needs: "NORTH_KEY is not set",
  connect: () => connection,
});

export const entryOf = (card: WorkerCard, provider: Provider = north): RosterEntry => ({
  card,
  upstream: card.upstream,
  provider,
  connection,
});

export const memberOf = (card: WorkerCard): Member => ({
  worker: { card, provider: "north", upstream: card.upstream, reasoningEffort: null },
  provider: north,
  connection,
});

export const keyOf = (rest: Partial<KeyRecord> = {}): KeyRecord => ({
  keyId: "key00001",
  name: "a key",
  scopes,
  allowedModels: null,
  allowedWorkers: null,
  allowedVendors: null,
  allowedDataRegions: null,
  preference: null,
  outputCap: null,
  tokensPerMinute: null,
  hasBudget: false,
  rollout: { mode: "on", canaryPercent: 0, baseline: null },
  cacheSeconds: null,
  cacheEpoch: 0,
  exploration: 0,
  ...rest,
});

export const newKeyOf = (rest: Partial<NewKey> = {}): NewKey => ({
  id: "key00001",
  hash: crypto.randomUUID(),
  name: "a key",
  expiresAt: null,
  policy: {},
  ...rest,
});

/** What a request needs that costs so many micro-dollars at most. */
export const costing = (amount: number): Amounts => ({ ...noAmounts, amount });

/** A budget of so many micro-dollars a month. */
export const monthly = (budget: number): Policy => ({ limits: { usd_per_month: toDollars(budget) } });

/** A tenant with one key and, when given, a monthly budget in micro-dollars. */
export const createTenant = async (
  budget: number | null = null,
  key: Partial<NewKey> = {},
): Promise<{ readonly identity: Identity; readonly grant: Grant; readonly objects: Objects }> => {
  const objects = objectsOf();
  const tenant = newTenant();
  const made = newKeyOf(key);
  await objects.tenant(tenant).createKey(made);
  if (budget !== null) await objects.tenant(tenant).writePolicy(monthly(budget));
  const identity = { tenant, keyId: made.id, keyHash: made.hash, dev: false };
  return { identity, grant: { identity, record: keyOf({ hasBudget: budget !== null }) }, objects };
};

export const openingOf = (requestId: string, rest: Partial<Opening> = {}): Opening => ({
  requestId,
  part: 0,
  keyId: "key00001",
  leaseId: "none",
  tokens: 0,
  amount: 1000,
  at: Date.now(),
  expiresAt: Date.now() + 60_000,
  model: "shoal-mini",
  worker: "north/a",
  ...rest,
});

export const settlementOf = (requestId: string, cost: number | null, rest: Partial<Settlement> = {}): Settlement => ({
  requestId,
  keyId: "key00001",
  at: Date.now(),
  model: "shoal-mini",
  worker: "north/a",
  status: "complete",
  calls: [{ step: "answer", worker: "north/a", usage: usageOf(100, 20), cost }],
  affinity: null,
  ...rest,
});

export const traceOf = (id: string, tenant: string, rest: Partial<Trace> = {}): Trace => ({
  id,
  object: "trace",
  at: Date.now(),
  tenant,
  key_id: "key00001",
  region: "us",
  model: "shoal-mini",
  tier: "mini",
  stream: false,
  status: "complete",
  error: null,
  worker: "north/a",
  upstream_model: null,
  plan: {
    source: "edge_head",
    fallback: null,
    kind: "workflow",
    workers: ["north/a"],
    reason: "",
    task_type: null,
    support: null,
    weights: null,
    scores: [],
  },
  steps: [],
  cost_usd: 0,
  usage_source: "reported",
  timing: {},
  ...rest,
});
