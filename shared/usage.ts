/** How a count of tokens is known: from the vendor, bounded by us after an abort, or not at all (isolate lost). */
export type UsageSource = "reported" | "estimated" | "unknown";

/** Tokens of one upstream call. `cached` and `cacheWrite` are parts of `input`, `reasoning` is part of `output`. */
export type Usage = {
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly source: UsageSource;
  /** Micro-dollars that the host itself says it charges for the call; absent where it does not say. Never in sums. */
  readonly billed?: number;
};

/** The answer's own tokens, and apart from them those of inner steps (Fugu's "orchestration tokens"). */
export type UsageTotals = { readonly answer: Usage; readonly orchestration: Usage };

export const noUsage: Usage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  source: "reported",
};

const sourceRank: Record<UsageSource, number> = { reported: 0, estimated: 1, unknown: 2 };

/** Sums tokens; the sum is known only as well as its least known part. */
export const addUsage = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  source: sourceRank[a.source] >= sourceRank[b.source] ? a.source : b.source,
});
