/**
 * What stands between an SDK's own tests and the system: those tests ask for fixed models with a fixed key, and fill in
 * every parameter that the vendor has. The front puts in the system's key, its names of models and ids of its own, and
 * when a request is refused for a parameter by name, it sends the request again without that parameter. So every test
 * also shows that what is refused is named, and everything else of the request arrives.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import * as z from "zod";

export type FrontOptions = {
  /** Where the system is, with the path that the SDK expects before its own. */
  readonly target: string;
  readonly key: string;
  /** Names in bodies and paths by what the system knows instead. */
  readonly names: Readonly<Record<string, string>>;
  /** Fields that the tests leave out and the system wants. */
  readonly defaults?: (path: string) => Readonly<Record<string, unknown>>;
  /** The parameter that an error names; null when it names none. */
  readonly paramOf: (error: unknown) => string | null;
};

export type Front = {
  readonly url: string;
  /** Parameters that were refused by name, by the path of the request. */
  readonly refused: ReadonlyMap<string, ReadonlySet<string>>;
  [Symbol.asyncDispose](): Promise<void>;
};

type Json = Readonly<Record<string, unknown>>;

const jsonObject = z.record(z.string(), z.unknown());

/** `tools[0].strict` as its steps; what is of a refused `type` goes as a whole. */
const stepsOf = (param: string): readonly string[] =>
  param
    .replace(/\.type$/, "")
    .split(/[.[\]]+/)
    .filter((step) => step !== "");

/** The value without what is at the end of these steps; the same value when there is nothing. */
const without = (value: unknown, [step, ...rest]: readonly string[]): unknown => {
  if (step === undefined || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return rest.length === 0
      ? value.filter((_, index) => String(index) !== step)
      : value.map((entry: unknown, index) => (String(index) === step ? without(entry, rest) : entry));
  }
  const entries = Object.entries(value);
  if (rest.length === 0) return Object.fromEntries(entries.filter(([key]) => key !== step));
  return Object.fromEntries(entries.map(([key, entry]) => [key, key === step ? without(entry, rest) : entry]));
};

/** More parameters than any test has. */
const mostRefusals = 50;

export const startFront = async ({ target, key, names, defaults, paramOf }: FrontOptions): Promise<Front> => {
  const refused = new Map<string, Set<string>>();
  const nameOf = (name: unknown) => (typeof name === "string" ? (names[name] ?? name) : name);

  const send = (path: string, method: string, headers: Headers, body: Json | null): Promise<Response> =>
    fetch(`${target}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });

  const sendUntilTaken = async (path: string, method: string, headers: Headers, first: Json): Promise<Response> => {
    let body = first;
    for (let attempt = 0; ; attempt += 1) {
      const response = await send(path, method, headers, body);
      if (response.status !== 400 || attempt === mostRefusals) return response;
      const param = paramOf(await response.clone().json());
      if (param === null) return response;
      const fewer = jsonObject.parse(without(body, stepsOf(param)));
      if (JSON.stringify(fewer) === JSON.stringify(body)) return response;
      body = fewer;
      refused.set(path, (refused.get(path) ?? new Set<string>()).add(param));
    }
  };

  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const [asked = "", query] = (request.url ?? "/").split("?");
    const path = asked
      .split("/")
      .map((segment) => String(nameOf(decodeURIComponent(segment))))
      .join("/");
    const method = request.method ?? "GET";
    const headers = headersOf(request, key);
    const text = await readText(request);
    const given = text === "" ? null : jsonObject.parse(JSON.parse(text));
    const body = given && { ...defaults?.(path), ...given };
    const named = body && "model" in body ? { ...body, model: nameOf(body["model"]) } : body;
    const whole = query === undefined ? path : `${path}?${query}`;
    const answer = named
      ? await sendUntilTaken(whole, method, headers, named)
      : await send(whole, method, headers, null);
    response.writeHead(answer.status, {
      "content-type": answer.headers.get("content-type") ?? "application/json",
    });
    response.end(Buffer.from(await answer.arrayBuffer()));
  };

  const server = createServer((request, response) => {
    pass(request, response).catch((error: unknown) => {
      response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the front has no port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    refused,
    async [Symbol.asyncDispose]() {
      const over = once(server, "close");
      server.close();
      server.closeAllConnections();
      await over;
    },
  };
};

/** What the transport itself sets is not passed on. */
const ofTransport = new Set(["host", "connection", "content-length", "transfer-encoding", "accept-encoding"]);

const headersOf = (request: IncomingMessage, key: string): Headers => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    if (!ofTransport.has(name) && typeof value === "string") headers.set(name, value);
  if (headers.has("x-api-key")) headers.set("x-api-key", key);
  if (headers.has("authorization")) headers.set("authorization", `Bearer ${key}`);
  return headers;
};
