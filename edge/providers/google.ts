import type { GenerateContentParameters } from "@google/genai/web";
import type {
  AssistantPart,
  ChatRequest,
  ImagePart,
  Message,
  ReasoningEffort,
  Tool,
  UserPart,
} from "../../shared/chat.ts";
import type { CallEvent, EndReason } from "../../shared/events.ts";
import type { Usage } from "../../shared/usage.ts";
import type { Ability } from "../../shared/workers.ts";
import { countOf, fieldsOf, isFields, listOf, parseFields, textOf, type Fields } from "./narrow.ts";
import type { Call, Decoder, Provider } from "./provider.ts";
import { keepClients } from "./sdk.ts";
import { seal, unseal, type Origin } from "./signature.ts";
import { protocolError, readError, readStreamError, upstreamError } from "./upstream-error.ts";

const name = "google";

type Part = {
  text?: string;
  thoughtSignature?: string;
  inlineData?: { mimeType: string; data: string };
  fileData?: { fileUri: string };
  functionCall?: { id: string; name: string; args: Fields };
  functionResponse?: { id: string; name: string; response: Fields; parts?: Part[] };
};
type Content = { role: "user" | "model"; parts: Part[] };

/** What the SDK takes, with the names of its enums as plain text. */
type Body = { model: string; contents: Content[]; config: Fields };

const originOf = ({ upstream }: Call): Origin => ({ provider: name, upstream });

/** https://ai.google.dev/api/generate-content */
const writeBody = (call: Call): Body => {
  const { chat, upstream, reasoningEffort, maxOutputTokens } = call;
  const system = chat.messages.flatMap((message) => (message.role === "system" ? [{ text: message.text }] : []));
  return {
    model: upstream,
    contents: mergeContents(writeContents(chat.messages, originOf(call))),
    config: {
      ...(system.length > 0 && { systemInstruction: { parts: system } }),
      maxOutputTokens,
      thinkingConfig: {
        includeThoughts: true,
        ...(reasoningEffort !== null && { thinkingLevel: thinkingLevels[reasoningEffort] }),
      },
      ...(chat.tools.length > 0 && writeTools(chat)),
      ...writeFormat(chat),
      ...writeSampling(chat),
      // The vendor keeps requests of new projects unless told otherwise.
      store: false,
    },
  };
};

const thinkingLevels: Readonly<Record<ReasoningEffort, string>> = {
  none: "MINIMAL",
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "HIGH",
  max: "HIGH",
};

const writeTools = ({ tools, toolChoice }: ChatRequest) => ({
  tools: [{ functionDeclarations: tools.map(writeTool) }],
  toolConfig: { functionCallingConfig: writeChoice(tools, toolChoice) },
});

const writeTool = ({ name: toolName, description, parameters }: Tool) => ({
  name: toolName,
  ...(description !== undefined && { description }),
  ...(parameters !== undefined && { parametersJsonSchema: parameters }),
});

/** `VALIDATED` is `AUTO` that holds to the schemas, which `ANY` does by itself. */
const writeChoice = (tools: readonly Tool[], choice: ChatRequest["toolChoice"]) => {
  if (typeof choice !== "string") return { mode: "ANY", allowedFunctionNames: [choice.name] };
  if (choice === "none") return { mode: "NONE" };
  if (choice === "required") return { mode: "ANY" };
  return { mode: tools.some((tool) => tool.strict) ? "VALIDATED" : "AUTO" };
};

const writeFormat = ({ output }: ChatRequest) => {
  if (output.type === "text") return {};
  return {
    responseMimeType: "application/json",
    ...(output.type === "json_schema" && { responseJsonSchema: output.schema }),
  };
};

const writeSampling = ({ sampling, stop }: ChatRequest) => ({
  ...(sampling.temperature !== undefined && { temperature: sampling.temperature }),
  ...(sampling.topP !== undefined && { topP: sampling.topP }),
  ...(sampling.frequencyPenalty !== undefined && { frequencyPenalty: sampling.frequencyPenalty }),
  ...(sampling.presencePenalty !== undefined && { presencePenalty: sampling.presencePenalty }),
  ...(sampling.seed !== undefined && { seed: sampling.seed }),
  ...(stop.length > 0 && { stopSequences: [...stop] }),
});

/** A result names its function here, where the canonical one only has the call's id. */
const writeContents = (messages: readonly Message[], origin: Origin): Content[] => {
  const names = new Map<string, string>();
  return messages.flatMap((message): Content[] => {
    switch (message.role) {
      case "system":
        return [];
      case "user":
        return content("user", message.content.map(writePart));
      case "assistant":
        for (const part of message.content) if (part.type === "tool-call") names.set(part.id, part.name);
        return content("model", writeAnswer(message.content, origin));
      case "tool":
        return content("user", [writeResult(message, names.get(message.toolCallId) ?? message.toolCallId)]);
      default:
        return message satisfies never;
    }
  });
};

const content = (role: Content["role"], parts: Part[]): Content[] => (parts.length > 0 ? [{ role, parts }] : []);

const mergeContents = (contents: readonly Content[]): Content[] => {
  const merged: Content[] = [];
  for (const { role, parts } of contents) {
    const last = merged.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else merged.push({ role, parts: [...parts] });
  }
  return merged;
};

const writePart = (part: UserPart): Part => {
  switch (part.type) {
    case "text":
      return { text: part.text };
    case "image":
      return writeImage(part);
    case "file":
      return { inlineData: { mimeType: part.mediaType, data: part.base64 } };
    default:
      return part satisfies never;
  }
};

const writeImage = ({ source }: ImagePart): Part =>
  "url" in source
    ? { fileData: { fileUri: source.url } }
    : { inlineData: { mimeType: source.mediaType, data: source.base64 } };

/**
 * The first call of a turn must be signed. For a call that another model made, the vendor names this value to be sent
 * in place of a signature. https://ai.google.dev/gemini-api/docs/thought-signatures
 */
const unsigned = "skip_thought_signature_validator";

const writeAnswer = (parts: readonly AssistantPart[], origin: Origin): Part[] => {
  const firstCall = parts.find((part) => part.type === "tool-call");
  return parts.flatMap((part): Part[] => {
    switch (part.type) {
      case "text":
      case "refusal":
        return part.text === "" ? [] : [{ text: part.text }];
      case "tool-call": {
        const signature = unseal(origin, part.signature) ?? (part === firstCall ? unsigned : null);
        const args = parseFields(part.arguments) ?? (part.arguments.trim() === "" ? {} : { arguments: part.arguments });
        return [
          {
            functionCall: { id: part.id, name: part.name, args },
            ...(signature !== null && { thoughtSignature: signature }),
          },
        ];
      }
      case "reasoning": {
        const signature = unseal(origin, part.signature);
        return signature === null ? [] : [{ text: "", thoughtSignature: signature }];
      }
      default:
        return part satisfies never;
    }
  });
};

type ToolResult = Extract<Message, { role: "tool" }>;

const writeResult = (result: ToolResult, functionName: string): Part => {
  const text = result.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  const images = result.content.flatMap((part) => (part.type === "image" ? [writeImage(part)] : []));
  return {
    functionResponse: {
      id: result.toolCallId,
      name: functionName,
      response: result.isError === true ? { error: text } : { output: text },
      ...(images.length > 0 && { parts: images }),
    },
  };
};

const endReasons: Readonly<Record<string, EndReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  // The vendor's own bound of one call: the answer would go on.
  CONTINUATION: "length",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  LANGUAGE: "content_filter",
  BLOCKLIST: "content_filter",
  PROHIBITED_CONTENT: "content_filter",
  SPII: "content_filter",
};

/** `candidatesTokenCount` leaves out the thoughts, which are billed as output. */
const readUsage = (usage: Fields): Usage => {
  const reasoningTokens = countOf(usage["thoughtsTokenCount"]);
  return {
    inputTokens: countOf(usage["promptTokenCount"]) + countOf(usage["toolUsePromptTokenCount"]),
    cachedInputTokens: countOf(usage["cachedContentTokenCount"]),
    cacheWriteTokens: 0,
    outputTokens: countOf(usage["candidatesTokenCount"]) + reasoningTokens,
    reasoningTokens,
    source: "reported",
  };
};

const fail = (message: string): CallEvent => ({ type: "error", error: protocolError(name, message) });

const blocked = ({ blockReason, blockReasonMessage }: Fields): CallEvent => ({
  type: "error",
  error: upstreamError({
    provider: name,
    status: null,
    code: "content_filter",
    message: textOf(blockReasonMessage) || `the prompt was blocked: ${textOf(blockReason)}`,
  }),
});

/** There is no closing event: the answer is over when the body ends after a finish reason. */
const createDecoder = (origin: Origin): Decoder => {
  let id = "";
  let started = false;
  let calls = 0;
  let closed = false;
  let finish = "";
  let explanation = "";

  const close = (last: CallEvent): readonly CallEvent[] => {
    closed = true;
    return [last];
  };

  const start = (chunk: Fields): readonly CallEvent[] => {
    if (started) return [];
    started = true;
    id = textOf(chunk["responseId"]);
    const model = textOf(chunk["modelVersion"]);
    return [{ type: "start", ...(model !== "" && { model }), ...(id !== "" && { id }) }];
  };

  const readCall = (called: Fields, signature: string): readonly CallEvent[] => {
    const index = calls;
    calls += 1;
    return [
      {
        type: "tool-call-start",
        index,
        id: textOf(called["id"]) || `call_${id}_${index}`,
        name: textOf(called["name"]),
        ...(signature !== "" && { signature: seal(origin, signature) }),
      },
      { type: "tool-call-delta", index, arguments: JSON.stringify(fieldsOf(called["args"])) },
    ];
  };

  const readPart = (part: Fields): readonly CallEvent[] => {
    const signature = textOf(part["thoughtSignature"]);
    if (isFields(part["functionCall"])) return readCall(part["functionCall"], signature);
    const text = textOf(part["text"]);
    const type = part["thought"] === true ? ("reasoning-delta" as const) : ("text-delta" as const);
    return [
      ...(text === "" ? [] : [{ type, text }]),
      ...(signature === "" ? [] : [{ type: "reasoning-signature" as const, signature: seal(origin, signature) }]),
    ];
  };

  /** Reasons that are in the table end an answer; all others say that the model produced none. */
  const lastEvent = (): CallEvent => {
    if (finish === "") return fail("the answer was cut before its end");
    const reason = endReasons[finish] ?? (finish.startsWith("IMAGE_") ? "content_filter" : null);
    if (reason === null) return fail(`the answer ended with ${finish}${explanation && `: ${explanation}`}`);
    return { type: "end", reason: reason === "stop" && calls > 0 ? "tool_calls" : reason };
  };

  return {
    push({ data }) {
      if (closed) return [];
      const chunk = parseFields(data);
      if (!chunk) return close(fail("sent an event that is not JSON"));
      if (isFields(chunk["error"])) return close({ type: "error", error: readStreamError(name, chunk["error"]) });
      const candidate = fieldsOf(listOf(chunk["candidates"])[0]);
      const events = [
        ...start(chunk),
        ...listOf(fieldsOf(candidate["content"])["parts"]).flatMap((part) => readPart(fieldsOf(part))),
      ];
      finish = textOf(candidate["finishReason"]) || finish;
      explanation = textOf(candidate["finishMessage"]) || explanation;
      const usage = chunk["usageMetadata"];
      if (isFields(usage)) events.push({ type: "usage", usage: readUsage(usage) });
      const feedback = fieldsOf(chunk["promptFeedback"]);
      return feedback["blockReason"] ? [...events, ...close(blocked(feedback))] : events;
    },
    end: () => (closed ? [] : close(lastEvent())),
  };
};

const clientOf = keepClients(() => import("./google-sdk.ts"));

const isBody = (body: unknown): body is GenerateContentParameters => isFields(body) && Array.isArray(body["contents"]);

/** The SDK has no raw response, so the first one that `fetch` brings is kept and the SDK sees an empty success. */
const send: Provider["send"] = async (body, connection, { fetch: fetcher, signal }) => {
  const client = await clientOf(connection, fetcher);
  let response: Response | undefined;
  const keep: typeof fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
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
const readGoogleError: Provider["error"] = (status, headers, body) => {
  const error = readError(name, status, headers, body);
  const details = listOf(fieldsOf(parseFields(body)?.["error"])["details"]).map(fieldsOf);
  if (details.some(({ reason }) => reason === "API_KEY_INVALID")) {
    return upstreamError({ provider: name, status, code: "API_KEY_INVALID", message: "" });
  }
  const delay = details.map(({ retryDelay }) => secondsOf(retryDelay)).find((seconds) => seconds !== null);
  return { ...error, retryAfterSeconds: error.retryAfterSeconds ?? delay ?? null };
};

export const google: Provider = {
  name,
  needs: "GEMINI_API_KEY is not set",
  abilities: new Set<Ability>([
    "tools",
    "tool_choice",
    "vision",
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
  connect: ({ GEMINI_API_KEY: apiKey, GEMINI_BASE_URL: baseUrl }) =>
    apiKey ? { apiKey, baseUrl: baseUrl || "https://generativelanguage.googleapis.com" } : null,
  request: writeBody,
  send,
  decoder: (call) => createDecoder(originOf(call)),
  error: readGoogleError,
};
