import type { Arm } from "../rollout/figures.ts";
import type { TenantBias } from "../../shared/feedback.ts";
import type { MicroDollars } from "../../shared/pricing.ts";
import type { WorkerCard } from "../../shared/workers.ts";
import type { Usage, UsageSource } from "../../shared/usage.ts";

/** What a key may be used for: answers and embeddings, reading back what they cost and how they came about, scoring them. */
export const scopes = ["answers", "embeddings", "traces", "usage", "feedback"] as const;
export type Scope = (typeof scopes)[number];

/** What a key may do; the isolate keeps it for at most ten seconds. A list that is null allows all. */
export type KeyRecord = {
  readonly keyId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Names as clients give them: tiers, pins, `<provider>/<model>`. */
  readonly allowedModels: readonly string[] | null;
  /** Worker ids, for both tiers. */
  readonly allowedWorkers: readonly string[] | null;
  /** Providers of the workers, and of the hosts that serve them. */
  readonly allowedVendors: readonly string[] | null;
  readonly allowedDataRegions: readonly string[] | null;
  /** Default preference, as `x-shoal-preference` would say it; null: balanced. */
  readonly preference: string | null;
  /** Upper bound of output tokens per call; null: none of its own. */
  readonly outputCap: number | null;
  /** The most tokens that a request has to set aside: the smallest limit per minute; null: none. */
  readonly tokensPerMinute: number | null;
  /** Whether dollars are limited: then a worker without a known price is refused. */
  readonly hasBudget: boolean;
  /** How far the conductor decides in the baseline's place. */
  readonly rollout: {
    readonly mode: "off" | "shadow" | "canary" | "on";
    /** Of conversations; 0 when the mode is another. */
    readonly canaryPercent: number;
    /** Worker id; null: the tenant has named none. */
    readonly baseline: string | null;
    /** Under which the tenant's object counts what happens; absent where there is nothing to compare with. */
    readonly stage?: number;
    /**
     * The least and the most of conversations, in percent, that the conductor has had within a day: one between them may
     * have begun on either side. Absent where they are the same.
     */
    readonly unsettled?: { readonly least: number; readonly most: number };
  };
  /** How long an answer may be replayed; null: the key has no cache. */
  readonly cacheSeconds: number | null;
  /** Counts up with each purge of the tenant's cache: answers of an earlier epoch are not found any more. */
  readonly cacheEpoch: number;
  /** Share of requests whose worker may be drawn at random, 0 to 0.1. */
  readonly exploration: number;
  /** What the tenant's feedback corrects; absent before any. */
  readonly bias?: TenantBias;
  /** Workers and vendors' keys of the tenant's own; absent when it has none. */
  readonly own?: OwnMeans;
};

/** What a tenant has of its own. Encrypted: the data key under the region's secret, vendors' keys under the data key. */
export type OwnMeans = {
  readonly workers: readonly WorkerCard[];
  readonly dataKey: string;
  /** By the provider's name; they take the place of the operator's. */
  readonly vendorKeys: Readonly<Record<string, string>>;
};

/** What requests draw on: `slots` are requests at once, `amount` is micro-dollars. */
export type Amounts = {
  readonly requests: number;
  readonly slots: number;
  readonly tokens: number;
  readonly amount: MicroDollars;
};

export type Wish = Pick<Amounts, "tokens" | "amount">;

export const noAmounts: Amounts = { requests: 0, slots: 0, tokens: 0, amount: 0 };

/** Set aside for one isolate for ten seconds, each drawn once. Null where nothing limits it: nothing to draw down. */
export type Lease = { readonly id: string; readonly expiresAt: number } & {
  readonly [Resource in keyof Amounts]: number | null;
};

/** What a minute's limit still leaves of itself. */
export type Rate = { readonly limit: number; readonly left: number };
/** The tightest of the key's and the tenant's; null where there is none. */
export type Rates = { readonly requests: Rate | null; readonly tokens: Rate | null };

export type AdmitRequest = {
  readonly keyId: string;
  readonly keyHash: string;
  /** The most that the request at hand can use; the lease covers it or is refused. 0 of what is not known yet. */
  readonly need: Amounts;
  /**
   * What it is likely to need besides, before that is known: granted as well where there is plenty, so that it does not
   * have to ask again, and never a reason to refuse. Absent where nothing is foreseen.
   */
  readonly wish?: Wish;
  /** The local start's key, which the tenant object then makes known to itself. */
  readonly dev: boolean;
  /** Conversation whose worker is looked up on the way; null for a first turn. */
  readonly affinity: string | null;
};

/** `limit`: which, and whose. */
export type LimitReached =
  | { readonly kind: "rate_limited"; readonly limit: string; readonly retryAfterSeconds: number }
  | { readonly kind: "insufficient_budget"; readonly limit: string; readonly retryAfterSeconds: number | null };

export type Refusal = { readonly kind: "invalid_key" } | (LimitReached & { readonly rates: Rates });

export type Admission = {
  readonly record: KeyRecord;
  /** Counts up whenever a key or the tenant's policy changes. */
  readonly version: number;
  readonly lease: Lease;
  /** Less the lease. */
  readonly rates: Rates;
  readonly affinityWorker: string | null;
};

/** Reported beside the first upstream call: from here on the reservation is charged unless settled. */
export type Opening = {
  readonly requestId: string;
  /** 0 for the plan; counts up for what a failover adds. */
  readonly part: number;
  readonly keyId: string;
  /** The lease under which the request was let in; absent in what a failover adds, which is no request of its own. */
  readonly permit?: string;
  /** The lease from which tokens and dollars come. */
  readonly leaseId: string;
  readonly tokens: number;
  readonly amount: MicroDollars;
  readonly at: number;
  /** When the request is lost if it has not been settled. */
  readonly expiresAt: number;
  readonly model: string;
  readonly worker: string;
};

export type CallRow = {
  readonly step: string;
  readonly worker: string;
  /** Who served it, hence who bills it. */
  readonly provider?: string;
  /** Called with the tenant's own key: its bill does not come to the operator. */
  readonly ownKey?: true;
  readonly usage: Usage;
  readonly cost: MicroDollars | null;
};

/** One request's row: written once, whatever happened to the client. */
export type Settlement = {
  readonly requestId: string;
  readonly keyId: string;
  /** The lease under which the request was let in; counts where the request asked no worker and so never opened. */
  readonly permit?: string;
  readonly at: number;
  readonly model: string;
  /** The worker that wrote the answer; null when none did. */
  readonly worker: string | null;
  readonly status: "complete" | "aborted" | "failed";
  readonly calls: readonly CallRow[];
  /** The conversation that this request continues as, its worker, and its arm where its key has one. */
  readonly affinity: { readonly key: string; readonly worker: string; readonly arm?: Arm } | null;
  /** What is counted of it where the key moves from its baseline. */
  readonly rollout?: RolloutSample;
};

/** What a settled request says of the arm that served it. */
export type RolloutSample = {
  readonly stage: number;
  readonly arm: Arm;
  readonly conversation: string;
  /** Milliseconds of the whole answer; null when it was not complete. */
  readonly latencyMs: number | null;
  readonly firstTokenMs: number | null;
  /** What the other arm would have come to, where that is known by then. */
  readonly foreseen: RolloutForecast | null;
};

/** What a request would have cost in the other arm: the calls that are sure to be made, and all that may be. */
export type RolloutForecast = {
  readonly worker: string;
  readonly cost: MicroDollars;
  readonly most: MicroDollars;
};

/** A forecast that was made behind the request. */
export type LateForecast = { readonly requestId: string; readonly foreseen: RolloutForecast };

/** As the tenant's object keeps it. Amounts in micro-dollars. */
export type LedgerRow = {
  readonly requestId: string;
  readonly keyId: string;
  readonly at: number;
  readonly model: string;
  readonly worker: string | null;
  readonly status: "complete" | "aborted" | "failed" | "lost";
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly cost: MicroDollars;
  readonly usageSource: UsageSource;
  /** What was asked of whom; empty for a request that was lost. */
  readonly calls: readonly CallRow[];
};

/** A vendor's signature of a tool call, encrypted by who keeps it; `call` is the tool call's id. */
export type KeptSignature = { readonly call: string; readonly sealed: string };

/** A turn of a conversation, encrypted by who keeps it here, and the turn before it. */
export type StoredTurn = { readonly id: string; readonly previous: string | null; readonly sealed: string };
