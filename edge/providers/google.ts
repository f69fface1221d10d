import type { GenerateContentParameters, GoogleGenAI } from "@google/genai/web";
import type { UpstreamError } from "../../shared/errors.ts";
import type { Ability } from "../../shared/workers.ts";
import { createContentDecoder } from "./google-answer.ts";
import { contentBody, namesOf } from "./google-request.ts";
import { fieldsOf, isFields, listOf, parseFields, textOf } from "./narrow.ts";
import type { Call, Connection, Provider, SendIo } from "./provider.ts";
import { keepClients } from "./sdk.ts";
import { readError, upstreamError } from "./upstream-error.ts";

const name = "google";

const originOf = ({ upstream }: Call) => ({ provider: name, upstream });

const clientOf = keepClients(() => import("./google-sdk.ts"));

const isBody = (body: unknown): body is GenerateContentParameters => isFields(body) && Array.isArray(body["contents"]);

/** The SDK has no raw response, so the first one that `fetch` brings is kept and the SDK sees an empty success. */
export const sendContent = async (
  body: unknown,
  client: Pick<GoogleGenAI, "models">,
  { fetch: fetcher, signal }: Pick<SendIo, "fetch" | "signal">,
): Promise<Response> => {
  let response: Response | undefined;
  const keep: typeof fetch = async (...[input, init]: Parameters<typeof fetch>) => {
    response = await fetcher(input, { ...init, signal });
    return new Response(null, { status: 200 });
  };
  if (!isBody(body)) throw new TypeError("not a body of this provider");
  const { model, contents, config } = body;
  const single = { automaticContinuation: false, automaticFunctionCalling: { disable: true } };
  await client.models.generateContentStream({
    model,
    contents,
    config: { ...config, ...single, abortSignal: signal, httpOptions: { fetch: keep } },
  });
  if (!response) throw new Error("the SDK sent no request");
  return response;
};

const secondsOf = (delay: unknown): number | null => {
  const seconds = Number.parseFloat(textOf(delay));
  return seconds >= 0 ? seconds : null;
};

/** A wrong key is a 400 here, and the time to wait stands in the body. https://google.aip.dev/193 */
export const readGoogleError = (
  provider: string,
  ...[status, headers, body]: Parameters<Provider["error"]>
): UpstreamError => {
  const error = readError(provider, status, headers, body);
  const details = listOf(fieldsOf(parseFields(body)?.["error"])["details"]).map(fieldsOf);
  if (details.some(({ reason }) => reason === "API_KEY_INVALID")) {
    return upstreamError({ provider, status, code: "API_KEY_INVALID", message: "" });
  }
  const delay = details.map(({ retryDelay }) => secondsOf(retryDelay)).find((seconds) => seconds !== null);
  return { ...error, retryAfterSeconds: error.retryAfterSeconds ?? delay ?? null };
};

export const googleAbilities: ReadonlySet<Ability> = new Set<Ability>([
  "tools",
  "tool_choice",
  "vision",
  "file",
  "json_object",
  "json_schema",
  "temperature",
  "top_p",
  "top_k",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "stop",
]);

/** One host for the world. */
const ownHost = "https://generativelanguage.googleapis.com";

const connectTo = (baseUrl: string, apiKey: string): Connection => ({
  apiKey,
  baseUrl,
  ...(baseUrl === ownHost && { dataRegion: "global" }),
});

export const google: Provider = {
  name,
  needs: "GEMINI_API_KEY is not set",
  abilities: googleAbilities,
  connect: ({ GEMINI_API_KEY: apiKey, GEMINI_BASE_URL: baseUrl }) =>
    apiKey ? connectTo(baseUrl || ownHost, apiKey) : null,
  request: (call) => contentBody(call, originOf(call)),
  send: async (body, connection, io) => sendContent(body, await clientOf(connection, io.fetch), io),
  decoder: (call) => createContentDecoder(originOf(call), namesOf(call.chat)),
  error: (...failure) => readGoogleError(name, ...failure),
};
