/** What each model is good at: outcomes per task type, shrunk to the model's domain and that to its mean. */
import type { Outcome } from "../recordings/recordings.ts";

/** Recorded outcomes as strengths see them. Prompts without text count for their domain. */
export type Labeled = {
  /** Index of the task type; null where only the domain is known. */
  readonly type: number | null;
  readonly domain: string;
  readonly weight: number;
  readonly models: Readonly<Record<string, Outcome>>;
};

export type Strengths = {
  readonly mean: number;
  readonly strengths: readonly number[];
  readonly evidence: readonly number[];
  readonly outputTokens: readonly (number | null)[];
  readonly latencyMs: readonly (number | null)[];
};

/** Outcomes that the value one level up is worth: the model's mean to a domain, the domain to a type. */
export type Priors = { readonly toMean: number; readonly toDomain: number };
export const shippedPriors: Priors = { toMean: 3, toDomain: 10 };
/** Tokens and times vary by a factor of ten within a type: two outcomes' worth is enough to bridge an empty one. */
const amountPrior = 2;
/**
 * What a call that failed takes off, in quality. Failures are masked: they say nothing of the model's answers. But they
 * are not free to those who then wait for another worker.
 */
const failedCall = 0.25;
const charactersPerToken = 4;

export const fitStrengths = (
  model: string,
  prompts: readonly Labeled[],
  domainOfType: readonly string[],
  { toMean, toDomain } = shippedPriors,
): Strengths => {
  const seen = prompts.flatMap((prompt): Seen[] => {
    const outcome = prompt.models[model];
    return outcome ? [{ ...prompt, outcome }] : [];
  });
  const quality = byType(seen, domainOfType, ({ outcome }) => (outcome.outage ? null : outcome.correct), [
    toMean,
    toDomain,
  ]);
  const evidence = domainOfType.map((_, type) => seen.filter((row) => row.type === type && !row.outcome.outage).length);
  const failures = byType(seen, domainOfType, ({ outcome }) => (outcome.outage ? 1 : 0), [toMean, toDomain]);
  return {
    mean: quality.mean ?? 0.5,
    strengths: quality.types.map((value, type) =>
      Math.max(0, (value ?? quality.mean ?? 0.5) - failedCall * (failures.types[type] ?? 0)),
    ),
    evidence,
    outputTokens: byType(seen, domainOfType, ({ outcome }) => outputTokensOf(outcome), [amountPrior, amountPrior])
      .types,
    latencyMs: byType(seen, domainOfType, ({ outcome }) => (outcome.imputed ? null : (outcome.latency_ms ?? null)), [
      amountPrior,
      amountPrior,
    ]).types,
  };
};

/** Measured output tokens; where only characters were counted, about four to a token. */
export const outputTokensOf = (outcome: Outcome): number | null => {
  if (outcome.imputed) return null;
  if (outcome.tokens_out !== undefined) return outcome.tokens_out;
  return outcome.chars_out === undefined ? null : outcome.chars_out / charactersPerToken;
};

type Seen = Labeled & { readonly outcome: Outcome };

const average = (
  rows: readonly { value: number; weight: number }[],
  prior: { value: number | null; weight: number },
) => {
  const weight = rows.reduce((sum, row) => sum + row.weight, prior.value === null ? 0 : prior.weight);
  const sum = rows.reduce((total, row) => total + row.weight * row.value, (prior.value ?? 0) * prior.weight);
  return weight === 0 ? null : sum / weight;
};

const byType = (
  seen: readonly Seen[],
  domainOfType: readonly string[],
  valueOf: (row: Seen) => number | null,
  [toMean, toDomain]: readonly [number, number],
) => {
  const known = seen.flatMap((row) => {
    const value = valueOf(row);
    return value === null ? [] : [{ ...row, value }];
  });
  const mean = average(known, { value: null, weight: 0 });
  const domains = new Map(
    [...new Set(domainOfType)].map((domain) => [
      domain,
      average(
        known.filter((row) => row.domain === domain),
        { value: mean, weight: toMean },
      ),
    ]),
  );
  const types = domainOfType.map((domain, type) =>
    average(
      known.filter((row) => row.type === type),
      { value: domains.get(domain) ?? mean, weight: toDomain },
    ),
  );
  return { mean, types };
};
