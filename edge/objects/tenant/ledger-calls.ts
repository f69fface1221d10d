import type { UsageSource } from "../../../shared/usage.ts";
import type { CallRow } from "../records.ts";

/** A call as a ledger row holds it. */
type PackedCall = readonly [
  step: string,
  worker: string,
  input: number,
  cachedInput: number,
  cacheWrite: number,
  output: number,
  reasoning: number,
  cost: number | null,
  source: UsageSource,
  provider: string | null,
  ownKey: boolean,
];

export const packCalls = (calls: readonly CallRow[]): string =>
  JSON.stringify(
    calls.map(({ step, worker, provider, ownKey, usage, cost }): PackedCall => [
      step,
      worker,
      usage.inputTokens,
      usage.cachedInputTokens,
      usage.cacheWriteTokens,
      usage.outputTokens,
      usage.reasoningTokens,
      cost,
      usage.source,
      provider ?? null,
      ownKey ?? false,
    ]),
  );

export const unpackCalls = (text: string): readonly CallRow[] => {
  const packed: readonly PackedCall[] = JSON.parse(text);
  return packed.map(
    ([
      step,
      worker,
      inputTokens,
      cachedInputTokens,
      cacheWriteTokens,
      outputTokens,
      reasoningTokens,
      cost,
      source,
      provider,
      ownKey,
    ]) => ({
      step,
      worker,
      usage: { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, source },
      cost,
      ...(provider !== null && { provider }),
      ...(ownKey && { ownKey }),
    }),
  );
};
