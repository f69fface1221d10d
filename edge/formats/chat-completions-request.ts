import type { AssistantPart, ChatRequest, Message, OutputFormat, Sampling, Tool, UserPart } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { bodySchema, type Body, type WireMessage } from "./chat-completions-schema.ts";
import { readDataUrl, readImageUrl } from "./data-url.ts";
import type { ClientRequest } from "./format.ts";
import { toRequestError } from "./request-error.ts";

/** A body of Chat Completions as a canonical request; the error names the field. */
export const readRequest = (body: unknown): Result<ClientRequest, ShoalError> => {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) return err(toRequestError(parsed.error, body));
  const messages = readMessages(parsed.data.messages);
  if (!messages.ok) return messages;
  const mismatch = findToolMismatch(parsed.data) ?? findChoiceMismatch(parsed.data);
  if (mismatch) return err(mismatch);
  if (parsed.data.top_logprobs && !parsed.data.logprobs) {
    return err(invalid("top_logprobs needs logprobs to be true", "top_logprobs"));
  }
  return ok({
    chat: toChat(parsed.data, messages.value),
    stream: parsed.data.stream ?? false,
    includeUsage: parsed.data.stream_options?.include_usage ?? false,
  });
};

const invalid = (message: string, param: string): ShoalError => ({ kind: "invalid_request", message, param });

/** Every tool result answers a call before it, and every call that is followed by anything has its result. */
const findToolMismatch = ({ messages }: Body): ShoalError | null => {
  const open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id)) {
        const param = `messages[${index}].tool_call_id`;
        return invalid(`no preceding assistant message has a tool call with the id '${message.tool_call_id}'`, param);
      }
      continue;
    }
    const [missing] = open;
    if (missing !== undefined) {
      return invalid(`the tool call '${missing}' has no tool message that answers it`, `messages[${index}].role`);
    }
    if (message.role === "assistant") for (const call of message.tool_calls ?? []) open.add(call.id);
  }
  const [missing] = open;
  return missing === undefined
    ? null
    : invalid(`the tool call '${missing}' has no tool message that answers it`, "messages");
};

/** What is wrong between the tools and the choice among them. */
const findChoiceMismatch = ({ tools, tool_choice: choice }: Body): ShoalError | null => {
  const names = (tools ?? []).map((tool) => tool.function.name);
  if (typeof choice !== "object" || choice === null) {
    return choice === "required" && names.length === 0 ? invalid("tool_choice needs tools", "tool_choice") : null;
  }
  const named = choice.type === "function" ? [choice] : choice.allowed_tools.tools;
  const stranger = named.find((tool) => !names.includes(tool.function.name));
  return stranger
    ? invalid(`tool_choice names '${stranger.function.name}', which is not among the tools`, "tool_choice")
    : null;
};

const readMessages = (messages: readonly WireMessage[]): Result<readonly Message[], ShoalError> => {
  const read: Message[] = [];
  for (const [index, message] of messages.entries()) {
    const result = readMessage(message, `messages[${index}]`);
    if (!result.ok) return result;
    read.push(result.value);
  }
  return ok(read);
};

const readMessage = (message: WireMessage, param: string): Result<Message, ShoalError> => {
  switch (message.role) {
    case "system":
    case "developer":
      return ok({ role: "system", text: joinText(message.content) });
    case "user":
      return readUser(message, param);
    case "assistant":
      return ok({ role: "assistant", content: readAssistant(message) });
    case "tool":
      return ok({
        role: "tool",
        toolCallId: message.tool_call_id,
        content: [{ type: "text", text: joinText(message.content) }],
      });
    default:
      return message satisfies never;
  }
};

const joinText = (content: string | readonly { readonly text: string }[]): string =>
  typeof content === "string" ? content : content.map((part) => part.text).join("\n");

const readUser = (message: Extract<WireMessage, { role: "user" }>, param: string): Result<Message, ShoalError> => {
  const content: UserPart[] = [];
  const parts =
    typeof message.content === "string" ? [{ type: "text" as const, text: message.content }] : message.content;
  for (const [index, part] of parts.entries()) {
    const read = readUserPart(part, `${param}.content[${index}]`);
    if (!read.ok) return read;
    content.push(read.value);
  }
  return ok({ role: "user", content, ...(message.name && { name: message.name }) });
};

type WireUserPart = Exclude<Extract<WireMessage, { role: "user" }>["content"], string>[number];

const readUserPart = (part: WireUserPart, param: string): Result<UserPart, ShoalError> => {
  switch (part.type) {
    case "text":
      return ok({ type: "text", text: part.text });
    case "image_url": {
      const source = readImageUrl(part.image_url.url);
      if (source === null)
        return err(invalid("must be an http(s) URL or a base64 data URL of an image", `${param}.image_url.url`));
      return ok({ type: "image", source, ...(part.image_url.detail && { detail: part.image_url.detail }) });
    }
    case "file": {
      const data = readDataUrl(part.file.file_data);
      if (data === null)
        return err(invalid("must be a base64 data URL, e.g. data:application/pdf;base64,…", `${param}.file.file_data`));
      return ok({ type: "file", ...data, ...(part.file.filename && { name: part.file.filename }) });
    }
    default:
      return part satisfies never;
  }
};

const readAssistant = (message: Extract<WireMessage, { role: "assistant" }>): readonly AssistantPart[] => {
  const { content, refusal } = message;
  const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : (content ?? []);
  return [
    ...parts
      .map((part) =>
        part.type === "text"
          ? { type: "text" as const, text: part.text }
          : { type: "refusal" as const, text: part.refusal },
      )
      .filter((part) => part.text !== ""),
    ...(refusal ? [{ type: "refusal" as const, text: refusal }] : []),
    ...(message.tool_calls ?? []).map((call): AssistantPart => ({
      type: "tool-call",
      id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    })),
  ];
};

const toChat = (body: Body, messages: readonly Message[]): ChatRequest => {
  const maxOutputTokens = body.max_completion_tokens ?? body.max_tokens;
  const user = body.user ?? body.safety_identifier;
  return {
    model: body.model,
    messages,
    ...readTools(body),
    output: readOutput(body.response_format),
    sampling: readSampling(body),
    stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? []),
    metadata: body.metadata ?? {},
    ...(body.parallel_tool_calls !== null &&
      body.parallel_tool_calls !== undefined && { parallelToolCalls: body.parallel_tool_calls }),
    ...(body.reasoning_effort && { reasoningEffort: body.reasoning_effort }),
    ...(body.logprobs && { logprobs: { top: body.top_logprobs ?? 0 } }),
    ...(body.verbosity && body.verbosity !== "medium" && { verbosity: body.verbosity }),
    ...(maxOutputTokens && { maxOutputTokens }),
    ...(user && { user }),
  };
};

/** Of tools that may not be called the model need not know. */
const readTools = ({ tools, tool_choice: choice }: Body): Pick<ChatRequest, "tools" | "toolChoice"> => {
  const all = (tools ?? []).map(readTool);
  if (typeof choice !== "object" || choice === null) return { tools: all, toolChoice: choice ?? "auto" };
  if (choice.type === "function") return { tools: all, toolChoice: { name: choice.function.name } };
  const allowed = new Set(choice.allowed_tools.tools.map((tool) => tool.function.name));
  return { tools: all.filter(({ name }) => allowed.has(name)), toolChoice: choice.allowed_tools.mode };
};

const readTool = ({ function: tool }: NonNullable<Body["tools"]>[number]): Tool => ({
  name: tool.name,
  ...(tool.description && { description: tool.description }),
  ...(tool.parameters && { parameters: tool.parameters }),
  ...(tool.strict !== null && tool.strict !== undefined && { strict: tool.strict }),
});

const readOutput = (format: Body["response_format"]): OutputFormat => {
  if (!format || format.type !== "json_schema") return format ?? { type: "text" };
  const { name: title, schema, description, strict } = format.json_schema;
  return {
    type: "json_schema",
    name: title,
    schema: schema ?? {},
    ...(description && { description }),
    ...(strict !== null && strict !== undefined && { strict }),
  };
};

const readSampling = (body: Body): Sampling => ({
  ...(typeof body.temperature === "number" && { temperature: body.temperature }),
  ...(typeof body.top_p === "number" && { topP: body.top_p }),
  ...(typeof body.frequency_penalty === "number" && { frequencyPenalty: body.frequency_penalty }),
  ...(typeof body.presence_penalty === "number" && { presencePenalty: body.presence_penalty }),
  ...(typeof body.seed === "number" && { seed: body.seed }),
});
