import type { Ability } from "../../shared/workers.ts";
import { createChatDecoder } from "./openai-chat-answer.ts";
import { chatBody, type Dialect } from "./openai-chat-request.ts";
import { sendTo } from "./openai-client.ts";
import { createResponseDecoder } from "./openai-responses-answer.ts";
import { responseBody } from "./openai-responses-request.ts";
import { isFields } from "./narrow.ts";
import type { Call, Provider } from "./provider.ts";
import { unseal } from "./signature.ts";
import { readError } from "./upstream-error.ts";

const name = "openai";

const dialect: Dialect = {
  provider: name,
  cap: "max_completion_tokens",
  systemRole: "developer",
  endUser: "safety_identifier",
  reasoning: "effort",
  fixed: { store: false },
};

const sendChat = sendTo("/chat/completions");
const sendResponse = sendTo("/responses");

const originOf = (call: Call) => ({ provider: name, upstream: call.upstream });

/** Reasoning models from GPT-5.4 on refuse function tools in Chat Completions unless their effort is `none`. */
const needsResponsesForTools = /^gpt-(5\.[4-9]|[6-9])/;

/** GPT-5.4 does not reason by default; GPT-6 does. */
const reasonsByDefault = /^gpt-[6-9]/;

const hasImageResult = ({ chat }: Call) =>
  chat.messages.some((message) => message.role === "tool" && message.content.some((part) => part.type === "image"));

const reasons = ({ upstream, reasoningEffort }: Call) =>
  reasoningEffort === null ? reasonsByDefault.test(upstream) : reasoningEffort !== "none";

/** Parameters that Responses has no field for: with them the vendor must refuse the call, not we drop them. */
const isBeyondResponses = ({ chat: { stop, sampling } }: Call) =>
  stop.length > 0 ||
  sampling.seed !== undefined ||
  sampling.frequencyPenalty !== undefined ||
  sampling.presencePenalty !== undefined;

/** Whether the model's own thoughts are in the conversation, or wanted from it: Chat Completions neither takes nor gives any. */
const hasThoughts = (call: Call): boolean =>
  (call.chat.thoughts !== undefined && reasons(call)) ||
  call.chat.messages.some(
    (message) =>
      message.role === "assistant" &&
      message.content.some((part) => part.type === "reasoning" && unseal(originOf(call), part.signature) !== null),
  );

/** Chat Completions, except for what only Responses takes: effort `max`, tools while reasoning, images from tools, thoughts. */
const speaksResponses = (call: Call): boolean =>
  !isBeyondResponses(call) &&
  (call.reasoningEffort === "max" ||
    hasImageResult(call) ||
    hasThoughts(call) ||
    (call.chat.tools.length > 0 && needsResponsesForTools.test(call.upstream) && reasons(call)));

export const openai: Provider = {
  name,
  needs: "OPENAI_API_KEY is not set",
  abilities: new Set<Ability>([
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
  ]),
  connect: ({ OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl }) =>
    apiKey ? { apiKey, baseUrl: baseUrl || "https://api.openai.com/v1" } : null,
  request: (call) => (speaksResponses(call) ? responseBody(call, originOf(call)) : chatBody(call, dialect)),
  send: (body, connection, io) => (isFields(body) && "input" in body ? sendResponse : sendChat)(body, connection, io),
  decoder: (call) =>
    speaksResponses(call) ? createResponseDecoder(originOf(call)) : createChatDecoder(originOf(call)),
  error: (status, headers, body) => readError(name, status, headers, body),
};
