import { describe, expect, it } from "vitest";
import { local } from "../../edge/providers/local.ts";
import { chatBodySchema, toChatJob } from "../../inference/chat-body.ts";
import type { ChatRequest } from "../../shared/chat.ts";

const chat: ChatRequest = {
  model: "chat",
  messages: [
    { role: "system", text: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Weather?" }] },
    {
      role: "assistant",
      content: [
        { type: "text", text: "Looking." },
        { type: "tool-call", id: "call_1", name: "weather", arguments: '{"city":"Paris"}' },
      ],
    },
    { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "sunny" }] },
  ],
  tools: [{ name: "weather", description: "of a city", parameters: { type: "object" }, strict: false }],
  toolChoice: { name: "weather" },
  output: { type: "text" },
  sampling: { temperature: 0.5, topP: 0.9, seed: 3, frequencyPenalty: 0.1, presencePenalty: 0.2 },
  maxOutputTokens: 100,
  stop: ["END"],
  user: "someone",
  metadata: {},
};

const schema = { type: "object", properties: { a: { type: "string" } } };

const read = (body: unknown) => toChatJob(chatBodySchema.parse(body));

describe("chat body", () => {
  it.each<[string, ChatRequest]>([
    ["tools", { ...chat, parallelToolCalls: false }],
    [
      "a schema",
      { ...chat, tools: [], toolChoice: "none", output: { type: "json_schema", name: "a", schema, strict: true } },
    ],
    ["plain text", { ...chat, messages: chat.messages.slice(0, 2), tools: [], toolChoice: "none", stop: [] }],
  ])("reads what the edge writes: %s", (_, request) => {
    const body = local.request({ chat: request, upstream: "chat", reasoningEffort: null, maxOutputTokens: 100 });
    expect(read(body)).toEqual({ ok: true, value: { chat: request, stream: true, includeUsage: true } });
  });

  it("counts null as absent", () => {
    const messages = [{ role: "user", content: "hi" }];
    const job = read({ model: "chat", messages, temperature: null, tools: null, stop: null, stream: null });
    expect(job).toMatchObject({ ok: true, value: { stream: false, chat: { sampling: {}, tools: [], stop: [] } } });
  });
});
