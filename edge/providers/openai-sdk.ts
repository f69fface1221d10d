import { OpenAI } from "openai";
import { type BuildClient, sdkTimeoutMs } from "./sdk.ts";

export const buildClient: BuildClient<OpenAI> = ({ baseUrl, apiKey }) =>
  new OpenAI({
    apiKey,
    baseURL: baseUrl,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    timeout: sdkTimeoutMs,
  });
