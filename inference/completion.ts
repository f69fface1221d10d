import { createCollector, type CallEvent, type EndReason } from "../shared/events.ts";
import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { writeSse } from "../shared/sse.ts";
import { noUsage, type Usage } from "../shared/usage.ts";
import { errorBody } from "./wire.ts";

/** What every chunk and the whole answer say of themselves; `created` in seconds since the epoch. */
export type Identity = { readonly id: string; readonly created: number; readonly model: string };

const usageBody = (usage: Usage) => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
});

/**
 * Events → `chat.completion.chunk`s as server-sent events, the role first, `[DONE]` last. With `includeUsage` a last
 * chunk without choices has the usage and all others `usage: null`. A failure is an error event and the end, no
 * `[DONE]`. https://platform.openai.com/docs/api-reference/chat-streaming
 */
export const toChunks = (
  identity: Identity,
  options: { readonly includeUsage: boolean },
): TransformStream<CallEvent, string> => {
  const extra = options.includeUsage ? { usage: null } : {};
  let usage = noUsage;

  const chunk = (delta: object, reason: EndReason | null = null) => {
    const choice = { index: 0, delta, logprobs: null, finish_reason: reason };
    return writeSse({
      data: JSON.stringify({ ...head(identity, "chat.completion.chunk"), choices: [choice], ...extra }),
    });
  };

  return new TransformStream({
    transform(event, controller) {
      switch (event.type) {
        case "start":
          return controller.enqueue(chunk({ role: "assistant", content: "" }));
        case "text-delta":
          return controller.enqueue(chunk({ content: event.text }));
        case "reasoning-delta":
          return controller.enqueue(chunk({ reasoning_content: event.text }));
        case "refusal-delta":
          return controller.enqueue(chunk({ refusal: event.text }));
        case "tool-call-start": {
          const call = {
            index: event.index,
            id: event.id,
            type: "function",
            function: { name: event.name, arguments: "" },
          };
          return controller.enqueue(chunk({ tool_calls: [call] }));
        }
        case "tool-call-delta":
          return controller.enqueue(
            chunk({ tool_calls: [{ index: event.index, function: { arguments: event.arguments } }] }),
          );
        case "usage":
          usage = event.usage;
          return;
        case "error":
          return controller.enqueue(writeSse({ data: JSON.stringify(errorBody(event.error)) }));
        case "end":
          controller.enqueue(chunk({}, event.reason));
          if (options.includeUsage) {
            const last = { ...head(identity, "chat.completion.chunk"), choices: [], usage: usageBody(usage) };
            controller.enqueue(writeSse({ data: JSON.stringify(last) }));
          }
          return controller.enqueue(writeSse({ data: "[DONE]" }));
        // A local model signs no reasoning.
        case "reasoning-signature":
          return;
        default:
          event satisfies never;
      }
    },
  });
};

/** Events → one `chat.completion`. https://platform.openai.com/docs/api-reference/chat/object */
export const toCompletion = async (
  events: AsyncIterable<CallEvent>,
  identity: Identity,
): Promise<Result<object, ShoalError>> => {
  const collector = createCollector();
  let usage = noUsage;
  for await (const event of events) {
    if (event.type === "usage") usage = event.usage;
    collector.push(event);
  }
  const { content, end, error } = collector.answer();
  if (error !== null) return err(error);
  const text = content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const reasoning = content.map((part) => (part.type === "reasoning" ? part.text : "")).join("");
  const calls = content.filter((part) => part.type === "tool-call");
  const message = {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, arguments: json }) => ({
        id,
        type: "function",
        function: { name, arguments: json },
      })),
    }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: end };
  return ok({ ...head(identity, "chat.completion"), choices: [choice], usage: usageBody(usage) });
};

const head = ({ id, created, model }: Identity, object: string) => ({ id, object, created, model });
