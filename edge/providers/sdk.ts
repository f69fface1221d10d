import { createMemory, type Memory } from "../runtime/memory.ts";
import type { Connection } from "./provider.ts";

/** Milliseconds an SDK may wait: `call.ts` keeps the deadlines, so theirs only has to be out of the way. */
export const sdkTimeoutMs = 60 * 60 * 1000;

const mostClients = 200;

const behindStandIn = new WeakMap<Response, Response>();

/**
 * A `fetch` for an SDK that shows it a failure as an empty success: left to itself it would read the body of the
 * failure and throw. `original` gives the response back.
 */
export const withoutFailures =
  (fetcher: typeof fetch): typeof fetch =>
  async (...request: Parameters<typeof fetch>) => {
    const response = await fetcher(...request);
    if (response.ok) return response;
    const standIn = new Response(null, { status: 200 });
    behindStandIn.set(standIn, response);
    return standIn;
  };

export const original = (response: Response): Response => behindStandIn.get(response) ?? response;

export type BuildClient<Client> = (connection: Connection, fetcher: typeof fetch) => Client;

/**
 * SDK clients, built at first use and kept in the isolate, one per connection and `fetch`, tenants' own keys among them:
 * as many as an isolate has room for. They hold no request.
 * An SDK is most of the Worker's code, so it stands in a module of its own that is evaluated when it is first needed;
 * imported from there by name, since an import of the whole package would keep the bundler from leaving parts out.
 */
export const keepClients = <Client>(load: () => Promise<{ readonly buildClient: BuildClient<Client> }>) => {
  const kept = new WeakMap<typeof fetch, Memory<Client>>();
  return async (connection: Connection, fetcher: typeof fetch): Promise<Client> => {
    const clients = kept.get(fetcher) ?? createMemory<Client>(mostClients);
    kept.set(fetcher, clients);
    const key = `${connection.baseUrl}\n${connection.apiKey}`;
    const client = clients.get(key) ?? (await load()).buildClient(connection, fetcher);
    clients.set(key, client);
    return client;
  };
};
