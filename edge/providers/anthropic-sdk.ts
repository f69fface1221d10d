import { BaseAnthropic } from "@anthropic-ai/sdk/client";
import { type BuildClient, sdkTimeoutMs, withoutFailures } from "./sdk.ts";

/** The base client alone: the full one brings four times the code, for endpoints that are not called. */
export const buildClient: BuildClient<BaseAnthropic> = ({ baseUrl, apiKey }, fetcher) =>
  new BaseAnthropic({
    apiKey,
    authToken: null,
    webhookKey: null,
    baseURL: baseUrl,
    fetch: withoutFailures(fetcher),
    maxRetries: 0,
    timeout: sdkTimeoutMs,
  });
