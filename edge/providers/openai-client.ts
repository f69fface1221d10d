import type { Provider } from "./provider.ts";
import { keepClients, original } from "./sdk.ts";

const clientOf = keepClients(() => import("./openai-sdk.ts"));

/** Sends a body to one of the two protocols of OpenAI and of the hosts that speak them. */
export const sendTo =
  (path: "/chat/completions" | "/responses"): Provider["send"] =>
  async (body, connection, { fetch: fetcher, signal }) => {
    const client = await clientOf(connection, fetcher);
    return original(await client.post(path, { body, signal, stream: true }).asResponse());
  };
