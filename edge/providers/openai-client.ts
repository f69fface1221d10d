import type { OpenAI } from "openai";
import type { Provider } from "./provider.ts";
import { keepClients } from "./sdk.ts";

const clientOf = keepClients(() => import("./openai-sdk.ts"));

type Path = "/chat/completions" | "/responses";

/** What goes before a body: address, authentication, versions. The same for every call of a client. */
type Head = { readonly url: string; readonly headers: Headers };

const heads = new WeakMap<OpenAI, Map<Path, Head>>();

const headOf = async (client: OpenAI, path: Path): Promise<Head> => {
  const kept = heads.get(client) ?? new Map<Path, Head>();
  heads.set(client, kept);
  const known = kept.get(path);
  if (known) return known;
  const { url, req } = await client.buildRequest({ method: "post", path, body: {} });
  const head = { url, headers: req.headers };
  kept.set(path, head);
  return head;
};

/**
 * Sends a body to one of the two protocols of OpenAI and of the hosts that speak them. The SDK writes the head, `fetch`
 * sends it: the SDK's own sending (log lines, a timer, retries, six sets of headers) costs as much as the rest of a call.
 */
export const sendTo =
  (path: Path): Provider["send"] =>
  async (body, connection, { fetch: fetcher, signal }) => {
    const { url, headers } = await headOf(await clientOf(connection, fetcher), path);
    return fetcher(url, { method: "POST", headers, body: JSON.stringify(body), signal });
  };
