import type {
  AssistantPart,
  ChatRequest,
  ImagePart,
  Message,
  ReasoningEffort,
  Tool,
  UserPart,
} from "../../shared/chat.ts";
import { parseArguments, type Fields } from "./narrow.ts";
import type { Call } from "./provider.ts";
import { withTurn } from "./system-alone.ts";
import { unseal, type Origin } from "./signature.ts";

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

/** Canonical → the SDK's parameters of `generateContentStream`. https://ai.google.dev/api/generate-content */
export const contentBody = (call: Call, origin: Origin): Body => {
  const { upstream, reasoningEffort, maxOutputTokens } = call;
  const chat = { ...call.chat, messages: withTurn(call.chat.messages) };
  const system = chat.messages.flatMap((message) => (message.role === "system" ? [{ text: message.text }] : []));
  return {
    model: upstream,
    contents: mergeContents(writeContents(chat.messages, origin)),
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

const writeTool = ({ name, description, parameters }: Tool) => ({
  name: writeName(name),
  ...(description !== undefined && { description }),
  ...(parameters !== undefined && { parametersJsonSchema: parameters }),
});

/** The vendor's names begin with a letter or an underscore; other formats' may begin with a digit or a hyphen. */
const writeName = (name: string): string => (/^[a-zA-Z_]/.test(name) ? name : `_${name}`);

/** The client's name of a function by the vendor's. */
export const namesOf = ({ tools }: ChatRequest): ReadonlyMap<string, string> =>
  new Map(tools.map(({ name }) => [writeName(name), name]));

/** `VALIDATED` is `AUTO` that holds to the schemas, which `ANY` does by itself. */
const writeChoice = (tools: readonly Tool[], choice: ChatRequest["toolChoice"]) => {
  if (typeof choice !== "string") return { mode: "ANY", allowedFunctionNames: [writeName(choice.name)] };
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
  ...(sampling.topK !== undefined && { topK: sampling.topK }),
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
    if (last?.role === role) for (const part of parts) last.parts.push(part);
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
        const args =
          parseArguments(part.arguments) ?? (part.arguments.trim() === "" ? {} : { arguments: part.arguments });
        return [
          {
            functionCall: { id: part.id, name: writeName(part.name), args },
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
      name: writeName(functionName),
      response: result.isError === true ? { error: text } : { output: text },
      ...(images.length > 0 && { parts: images }),
    },
  };
};
