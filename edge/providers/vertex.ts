import { anthropicAbilities } from "./anthropic.ts";
import { createMessagesDecoder } from "./anthropic-answer.ts";
import { messagesBody } from "./anthropic-request.ts";
import { googleAbilities, readGoogleError, sendContent } from "./google.ts";
import { createContentDecoder } from "./google-answer.ts";
import { contentBody, namesOf } from "./google-request.ts";
import { withoutAutomaticCaching } from "./hosted-claude.ts";
import { isFields, textOf, type Fields } from "./narrow.ts";
import type { Call, Connection, DataRegion, Offer, Provider, SendIo } from "./provider.ts";
import { keepClients } from "./sdk.ts";
import { forgetAccessToken, getAccessToken, parseCredentials } from "./service-account.ts";
import { notServed } from "./upstream-error.ts";

const name = "vertex";
const credentialsName = "VERTEX_CREDENTIALS";

/** Models are named `<publisher>/<model>`, as in the platform's paths. */
const isClaude = (model: string): boolean => model.startsWith("anthropic/");
const modelOf = (upstream: string): string => upstream.slice(upstream.indexOf("/") + 1);

const originOf = ({ upstream }: Call) => ({ provider: name, upstream });

const clientOf = keepClients(() => import("./vertex-sdk.ts"));

/** https://docs.cloud.google.com/gemini-enterprise-agent-platform/resources/locations */
const hostOf = (location: string): string => {
  if (location === "global") return "https://aiplatform.googleapis.com";
  if (location === "us" || location === "eu") return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
};

const regionOf = (location: string): DataRegion | null => {
  if (location === "global") return "global";
  if (/^us(-|$)/.test(location)) return "us";
  // London and Zürich are in Europe and not in the Union.
  if (/^eu(rope-|$)/.test(location) && !/^europe-west[26]$/.test(location)) return "eu";
  return /^(asia|australia)-/.test(location) ? "ap" : null;
};

const locationSchema = /^[a-z0-9-]+$/;

const connect: Provider["connect"] = ({
  VERTEX_PROJECT: project,
  VERTEX_LOCATION: location,
  VERTEX_CREDENTIALS: credentials,
  VERTEX_BASE_URL: baseUrl,
}) => {
  if (!project || !location || !credentials) return null;
  if (!locationSchema.test(location)) throw new Error("VERTEX_LOCATION: not a location");
  parseCredentials(credentialsName, credentials);
  const dataRegion = regionOf(location);
  return {
    apiKey: credentials,
    baseUrl: baseUrl || hostOf(location),
    ...(dataRegion && { dataRegion }),
    account: { project, location },
  };
};

/**
 * Everywhere but `global` costs a tenth more. Claude takes images as data only, and structured output only where the
 * organization's policy was changed to allow it.
 * https://cloud.google.com/vertex-ai/generative-ai/pricing https://platform.claude.com/docs/en/build-with-claude/vision
 * https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/structured_outputs
 */
const offer = (model: string, { account }: Connection): Offer => ({
  priceFactor: account?.["location"] === "global" ? 1 : 1.1,
  lacks: isClaude(model) ? ["image_url", "json_schema"] : [],
});

/** Claude's body names its version and leaves the model to the path; Gemini's has no say on storage. */
const request = (call: Call): Fields => {
  if (isClaude(call.upstream)) {
    const body = withoutAutomaticCaching(messagesBody(call, originOf(call)));
    return { ...body, anthropic_version: "vertex-2023-10-16" };
  }
  const body = contentBody(call, originOf(call));
  const { store: _, ...config } = body.config;
  return { ...body, config };
};

const send: Provider["send"] = async (body, connection, io) => {
  if (!isFields(body)) throw new TypeError("not a body of this provider");
  const token = await getAccessToken(credentialsName, connection.apiKey, io);
  if (typeof token !== "string") return token;
  const model = textOf(body["model"]);
  const path = pathOf(model, connection);
  const response = isClaude(model)
    ? await sendClaude(body, `${connection.baseUrl}/v1/${path}:streamRawPredict`, token, io)
    : await sendGemini({ ...body, model: path }, connection, token, io);
  if (response.status === 401) forgetAccessToken(connection.apiKey, io);
  return response;
};

const pathOf = (model: string, { account }: Connection): string => {
  const { project = "", location = "" } = account ?? {};
  const publisher = isClaude(model) ? "anthropic" : "google";
  return `projects/${project}/locations/${location}/publishers/${publisher}/models/${modelOf(model)}`;
};

const headersOf = (token: string) => ({ authorization: `Bearer ${token}`, "content-type": "application/json" });

const sendClaude = (
  body: Fields,
  url: string,
  token: string,
  { fetch: fetcher, signal }: SendIo,
): Promise<Response> => {
  const { model: _, ...rest } = body;
  return fetcher(url, { method: "POST", headers: headersOf(token), body: JSON.stringify(rest), signal });
};

/** The SDK for Workers knows keys alone, so it writes address and body, and the head is ours. */
const sendGemini = async (body: Fields, connection: Connection, token: string, io: SendIo): Promise<Response> => {
  const withToken: typeof fetch = (input, init) => io.fetch(input, { ...init, headers: headersOf(token) });
  return sendContent(body, await clientOf(connection, io.fetch), { fetch: withToken, signal: io.signal });
};

/** https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai */
export const vertex: Provider = {
  name,
  needs: "VERTEX_PROJECT, VERTEX_LOCATION or VERTEX_CREDENTIALS is not set",
  abilities: new Set([...googleAbilities, ...anthropicAbilities]),
  connect,
  offer,
  request,
  send,
  decoder: (call) =>
    isClaude(call.upstream)
      ? createMessagesDecoder(originOf(call))
      : createContentDecoder(originOf(call), namesOf(call.chat)),
  /** Claude's errors and Gemini's differ in nothing that `readGoogleError` looks at. */
  error: (status, headers, body) => (status === 404 ? notServed(name) : readGoogleError(name, status, headers, body)),
};
