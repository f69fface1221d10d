import type { Arm } from "../rollout/figures.ts";
import type { TenantBias } from "../../shared/feedback.ts";
import type { MicroDollars } from "../../shared/pricing.ts";
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
};

/** Dollars set aside for one isolate for ten seconds. `amount` null: no budget, nothing to draw down. */
export type Lease = { readonly id: string; readonly amount: MicroDollars | null; readonly expiresAt: number };

export type AdmitRequest = {
  readonly keyId: string;
  readonly keyHash: string;
  /** The most that the request at hand can cost; the lease covers it or is refused. 0 when not known yet. */
  readonly need: MicroDollars;
  /** The local start's key, which the tenant object then makes known to itself. */
  readonly dev: boolean;
  /** Conversation whose worker is looked up on the way; null for a first turn. */
  readonly affinity: string | null;
};

export type Refusal =
  | { readonly kind: "invalid_key" }
  | { readonly kind: "insufficient_budget"; readonly limit: string; readonly retryAfterSeconds: number | null };

export type Admission = { readonly record: KeyRecord; readonly lease: Lease; readonly affinityWorker: string | null };

/** Reported beside the first upstream call: from here on the reservation is charged unless settled. */
export type Opening = {
  readonly requestId: string;
  /** 0 for the plan; counts up for what a failover adds. */
  readonly part: number;
  readonly keyId: string;
  readonly leaseId: string;
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
  readonly usage: Usage;
  readonly cost: MicroDollars | null;
};

/** One request's row: written once, whatever happened to the client. */
export type Settlement = {
  readonly requestId: string;
  readonly keyId: string;
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
