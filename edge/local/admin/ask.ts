import * as z from "zod";
import { CommandError } from "./command-error.ts";
import type { Host } from "./find-host.ts";

export type Question = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/admin`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
};

const errorSchema = z.object({ error: z.object({ message: z.string() }) });

/** The response to a request that succeeded; a refusal is thrown in the system's words. */
export const ask = async (
  host: Host,
  { method, path, query = {}, body }: Question,
  send: typeof fetch,
): Promise<Response> => {
  const url = new URL(`${host.url}/admin${path}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  const headers = { authorization: `Bearer ${host.adminKey}`, "content-type": "application/json" };
  const sent = send(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const response = await sent.catch(() => {
    throw new CommandError(`${host.url} does not answer`);
  });
  if (response.ok) return response;
  throw new CommandError(`${response.status}: ${tellError(await response.text())}`);
};

const tellError = (text: string): string => {
  try {
    return errorSchema.parse(JSON.parse(text)).error.message;
  } catch {
    return text.slice(0, 300);
  }
};
