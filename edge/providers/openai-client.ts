import type { OpenAI } from "openai";
import type { Provider } from "./provider.ts";
import { keepClients, original, sdkTimeoutMs, withoutFailures } from "./sdk.ts";

/** The SDK is half of the Worker's code, so it is evaluated when it is first needed. */
const clientOf = keepClients<OpenAI>(async ({ baseUrl, apiKey }, fetcher) => {
  const { OpenAI } = await import("openai");
  return new OpenAI({
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
});

/** Sends a body to one of the two protocols of OpenAI and of the hosts that speak them. */
export const sendTo =
  (path: "/chat/completions" | "/responses"): Provider["send"] =>
  async (body, connection, { fetch: fetcher, signal }) => {
    const client = await clientOf(connection, fetcher);
    return original(await client.post(path, { body, signal, stream: true }).asResponse());
  };
