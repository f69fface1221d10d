import type { Ability } from "../../shared/workers.ts";
import { createChatDecoder } from "./openai-chat-answer.ts";
import { chatBody, type Dialect } from "./openai-chat-request.ts";
import { sendTo } from "./openai-client.ts";
import { createResponseDecoder } from "./openai-responses-answer.ts";
import { responseBody } from "./openai-responses-request.ts";
import { isFields, type Fields } from "./narrow.ts";
import type { Call, Connection, DataRegion, Provider } from "./provider.ts";
import { unseal, type Origin } from "./signature.ts";
import { readError } from "./upstream-error.ts";

const sendChat = sendTo("/chat/completions");
const sendResponse = sendTo("/responses");

/** Reasoning models from GPT-5.4 on refuse function tools in Chat Completions unless their effort is `none`. */
const needsResponsesForTools = /^gpt-(5\.[4-9]|[6-9])/;

/** GPT-5.4 does not reason by default; GPT-6 does. */
const reasonsByDefault = /^gpt-[6-9]/;

const hasImageResult = ({ chat }: Call) =>
  chat.messages.some((message) => message.role === "tool" && message.content.some((part) => part.type === "image"));

const hasFile = ({ chat }: Call) =>
  chat.messages.some((message) => message.role === "user" && message.content.some((part) => part.type === "file"));

const reasons = ({ upstream, reasoningEffort }: Call) =>
  reasoningEffort === null ? reasonsByDefault.test(upstream) : reasoningEffort !== "none";

/** Parameters that Responses has no field for: with them the vendor must refuse the call, not we drop them. */
const isBeyondResponses = ({ chat: { stop, sampling, logprobs } }: Call) =>
  stop.length > 0 ||
  logprobs !== undefined ||
  sampling.seed !== undefined ||
  sampling.frequencyPenalty !== undefined ||
  sampling.presencePenalty !== undefined;

/** Whether the model's own thoughts are in the conversation, or wanted from it: Chat Completions neither takes nor gives any. */
const hasThoughts = (call: Call, origin: Origin): boolean =>
  (call.chat.thoughts !== undefined && reasons(call)) ||
  call.chat.messages.some(
    (message) =>
      message.role === "assistant" &&
      message.content.some((part) => part.type === "reasoning" && unseal(origin, part.signature) !== null),
  );

/** Chat Completions, except for what only Responses takes: effort `max`, tools while reasoning, images from tools, thoughts. */
const speaksResponses = (call: Call, origin: Origin): boolean =>
  !isBeyondResponses(call) &&
  (call.reasoningEffort === "max" ||
    hasImageResult(call) ||
    hasThoughts(call, origin) ||
    (call.chat.tools.length > 0 && needsResponsesForTools.test(call.upstream) && reasons(call)));

/** Decides by the name of OpenAI's model, without what a host puts before it. */
const familiar = (call: Call): Call => ({ ...call, upstream: call.upstream.replace(/^openai\./, "") });

/** In what hosts of OpenAI's models differ. */
type Variant = {
  /** Fields that every body of Chat Completions carries. */
  readonly fixed?: Fields;
  /**
   * Every call asks for the standard tier: otherwise the account's own setting decides, and with it the price.
   * https://developers.openai.com/api/reference/resources/chat
   */
  readonly namesTier?: boolean;
  /** Chat Completions takes no files there. */
  readonly filesByResponses?: boolean;
};

/** What OpenAI's models take and give, wherever they run: which of the two protocols carries a call, and how. */
export const createOpenaiProtocol = (
  provider: string,
  { fixed = { store: false }, namesTier = false, filesByResponses = false }: Variant = {},
): Pick<Provider, "request" | "decoder"> => {
  const tier = namesTier ? { service_tier: "default" as const } : {};
  const dialect: Dialect = {
    provider,
    cap: "max_completion_tokens",
    systemRole: "developer",
    endUser: "safety_identifier",
    reasoning: "effort",
    fixed: { ...fixed, ...tier },
  };
  const originOf = ({ upstream }: Call): Origin => ({ provider, upstream });
  const isResponse = (call: Call) =>
    speaksResponses(familiar(call), originOf(call)) || (filesByResponses && hasFile(call) && !isBeyondResponses(call));
  return {
    request: (call) =>
      isResponse(call) ? { ...responseBody(call, originOf(call)), ...tier } : chatBody(call, dialect),
    decoder: (call) => (isResponse(call) ? createResponseDecoder : createChatDecoder)(originOf(call)),
  };
};

export const isResponseBody = (body: unknown): boolean => isFields(body) && "input" in body;

export const openaiAbilities: ReadonlySet<Ability> = new Set<Ability>([
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "vision",
  "image_url",
  "file",
  "json_object",
  "json_schema",
  "temperature",
  "top_p",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "stop",
  "logprobs",
  "verbosity",
]);

export const sendToOpenai: Provider["send"] = (body, connection, io) =>
  (isResponseBody(body) ? sendResponse : sendChat)(body, connection, io);

const name = "openai";

/** Hosts that keep a request in a region, for a tenth more. https://developers.openai.com/api/docs/guides/data-residency */
const regionalHost = /^https:\/\/([a-z]{2})\.api\.openai\.com(\/|$)/;
const regions: Readonly<Record<string, DataRegion>> = { us: "us", eu: "eu", au: "ap", in: "ap", jp: "ap" };

const hostAnywhere = /^https:\/\/api\.openai\.com(\/|$)/;

const connectTo = (baseUrl: string, apiKey: string): Connection => {
  const dataRegion = hostAnywhere.test(baseUrl) ? "global" : regions[regionalHost.exec(baseUrl)?.[1] ?? ""];
  return { apiKey, baseUrl, ...(dataRegion && { dataRegion }) };
};

export const openai: Provider = {
  ...createOpenaiProtocol(name, { namesTier: true }),
  name,
  needs: "OPENAI_API_KEY is not set",
  abilities: openaiAbilities,
  connect: ({ OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl }) =>
    apiKey ? connectTo(baseUrl || "https://api.openai.com/v1", apiKey) : null,
  offer: (_model, { baseUrl }) => ({ priceFactor: regionalHost.test(baseUrl) ? 1.1 : 1, lacks: [] }),
  send: sendToOpenai,
  error: (status, headers, body) => readError(name, status, headers, body),
};
