import { OpenAI } from "openai";
import { type BuildClient, sdkTimeoutMs, withoutFailures } from "./sdk.ts";

export const buildClient: BuildClient<OpenAI> = ({ baseUrl, apiKey }, fetcher) =>
  new OpenAI({
    apiKey,
    baseURL: baseUrl,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    fetch: withoutFailures(fetcher),
    maxRetries: 0,
    timeout: sdkTimeoutMs,
  });
