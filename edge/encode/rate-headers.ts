import type { Rate, Rates } from "../objects/records.ts";

const minuteMs = 60_000;

/**
 * What is left of the minute's requests and tokens, under the names by which the clients of both families look for it.
 * https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
 * https://platform.claude.com/docs/en/api/rate-limits#response-headers
 */
export const rateHeaders = (rates: Rates | null, now: number): Record<string, string> => ({
  ...(rates?.requests && headersOf("requests", rates.requests, now)),
  ...(rates?.tokens && headersOf("tokens", rates.tokens, now)),
});

const headersOf = (name: "requests" | "tokens", { limit, left }: Rate, now: number): Record<string, string> => {
  const remaining = String(Math.max(0, Math.floor(left)));
  const fullAfterMs = Math.ceil(((limit - left) / limit) * minuteMs);
  return {
    [`x-ratelimit-limit-${name}`]: String(limit),
    [`x-ratelimit-remaining-${name}`]: remaining,
    [`x-ratelimit-reset-${name}`]: writeDuration(fullAfterMs),
    [`anthropic-ratelimit-${name}-limit`]: String(limit),
    [`anthropic-ratelimit-${name}-remaining`]: remaining,
    [`anthropic-ratelimit-${name}-reset`]: `${new Date(now + fullAfterMs).toISOString().slice(0, 19)}Z`,
  };
};

/** `6m0s`, `1.5s`, `17ms`. */
const writeDuration = (ms: number): string => {
  if (ms < 1_000) return `${ms}ms`;
  const seconds = (ms % minuteMs) / 1_000;
  return ms < minuteMs ? `${seconds}s` : `${Math.floor(ms / minuteMs)}m${seconds}s`;
};
