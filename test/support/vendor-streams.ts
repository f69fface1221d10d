/**
 * Answers in the three vendors' wire formats. https://platform.openai.com/docs/api-reference/chat-streaming
 * https://docs.anthropic.com/en/docs/build-with-claude/streaming https://ai.google.dev/api/generate-content
 */
import type { EndReason } from "../../shared/events.ts";

/** What a vendor says, in no vendor's words. */
export type Answer = {
  readonly reasoning: readonly string[];
  /** Each piece is one chunk on the wire. */
  readonly text: readonly string[];
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: readonly string[] }[];
  readonly end: EndReason;
  /** Which of the request's ended the answer; said by Anthropic alone. */
  readonly stopSequence?: string;
  readonly usage: {
    readonly inputTokens: number;
    readonly cachedInputTokens: number;
    readonly outputTokens: number;
    readonly reasoningTokens: number;
  };
};

/** A piece of the body. `content`: it carries something of the answer, and is paced and counted as a chunk. */
type Frame = { readonly wire: string; readonly content: boolean };

export type Write = (answer: Answer, request: { readonly model: string; readonly body: unknown }) => readonly Frame[];

type Json = Readonly<Record<string, unknown>>;

// --- OpenAI ---------------------------------------------------------------------------------------------------------

/** `POST /v1/chat/completions`, which keeps a model's thoughts to itself. */
export const writeChat: Write = (answer, request) => writeCompletion({ ...answer, reasoning: [] }, request);

/** The same at a host that shows them. https://api-docs.deepseek.com/guides/thinking_mode */
export const writeHostChat: Write = (answer, request) => writeCompletion(answer, request);

const writeCompletion: Write = (answer, { model, body }) => {
  const chunk = (choices: readonly Json[], usage: Json | null, content = false): Frame => ({
    wire: `data: ${JSON.stringify({
      id: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
      object: "chat.completion.chunk",
      created: 1_763_800_000,
      model,
      service_tier: "default",
      system_fingerprint: null,
      choices,
      ...(wantsUsage(body) && { usage }),
    })}\n\n`,
    content,
  });
  const delta = (fields: Json, content: boolean) =>
    chunk([{ index: 0, delta: fields, logprobs: null, finish_reason: null }], null, content);
  const { usage } = answer;
  return [
    delta({ role: "assistant", content: answer.toolCalls.length > 0 ? null : "", refusal: null }, false),
    ...answer.reasoning.map((thought) => delta({ reasoning_content: thought }, true)),
    ...answer.text.map((text) => delta({ content: text }, true)),
    ...answer.toolCalls.flatMap((call, index) => [
      delta(
        { tool_calls: [{ index, id: call.id, type: "function", function: { name: call.name, arguments: "" } }] },
        false,
      ),
      ...call.arguments.map((piece) => delta({ tool_calls: [{ index, function: { arguments: piece } }] }, true)),
    ]),
    chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: answer.end }], null),
    ...(wantsUsage(body)
      ? [
          chunk([], {
            prompt_tokens: usage.inputTokens,
            completion_tokens: usage.outputTokens,
            total_tokens: usage.inputTokens + usage.outputTokens,
            prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, audio_tokens: 0 },
            completion_tokens_details: {
              reasoning_tokens: usage.reasoningTokens,
              audio_tokens: 0,
              accepted_prediction_tokens: 0,
              rejected_prediction_tokens: 0,
            },
          }),
        ]
      : []),
    { wire: "data: [DONE]\n\n", content: false },
  ];
};

const wantsUsage = (body: unknown): boolean =>
  typeof body === "object" &&
  body !== null &&
  "stream_options" in body &&
  JSON.stringify(body.stream_options).includes('"include_usage":true');

/** `POST /v1/responses`. */
export const writeResponse: Write = (answer, { model }) => {
  let sequence = 0;
  const event = (type: string, fields: Json, content = false): Frame => ({
    wire: `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: sequence++ })}\n\n`,
    content,
  });
  const { usage } = answer;
  const cut = answer.end === "length" || answer.end === "content_filter";
  const cause = answer.end === "length" ? "max_output_tokens" : "content_filter";
  const response = (status: string, rest: Json): Json => ({
    id: "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
    object: "response",
    created_at: 1_763_800_000,
    status,
    error: null,
    incomplete_details: null,
    model,
    output: [],
    usage: null,
    ...rest,
  });
  const items: readonly Item[] = [
    ...(answer.reasoning.length > 0 ? [reasoningItem(answer.reasoning)] : []),
    ...(answer.text.length > 0 ? [messageItem(answer.text)] : []),
    ...answer.toolCalls.map(callItem),
  ];
  return [
    event("response.created", { response: response("in_progress", {}) }),
    event("response.in_progress", { response: response("in_progress", {}) }),
    ...items.flatMap((item, output_index) => [
      event("response.output_item.added", { output_index, item: item.opened }),
      ...item.events.map(([type, fields, content]) =>
        event(type, { item_id: item.opened["id"], output_index, ...fields }, content),
      ),
      event("response.output_item.done", { output_index, item: item.closed }),
    ]),
    event(cut ? "response.incomplete" : "response.completed", {
      response: response(cut ? "incomplete" : "completed", {
        ...(cut && { incomplete_details: { reason: cause } }),
        output: items.map((item) => item.closed),
        usage: {
          input_tokens: usage.inputTokens,
          input_tokens_details: { cached_tokens: usage.cachedInputTokens },
          output_tokens: usage.outputTokens,
          output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
          total_tokens: usage.inputTokens + usage.outputTokens,
        },
      }),
    }),
  ];
};

/** An output item of a response: as it opens, what happens in it, as it closes. */
type Item = {
  readonly opened: Json;
  readonly events: readonly (readonly [type: string, fields: Json, content: boolean])[];
  readonly closed: Json;
};

const summaryPart = (text: string): Json => ({ type: "summary_text", text });
const textPart = (text: string): Json => ({ type: "output_text", text, annotations: [], logprobs: [] });

const reasoningItem = (pieces: readonly string[]): Item => {
  const opened = { id: "rs_1", type: "reasoning", summary: [] };
  const text = pieces.join("");
  return {
    opened,
    events: [
      ["response.reasoning_summary_part.added", { summary_index: 0, part: summaryPart("") }, false],
      ...pieces.map((delta) => ["response.reasoning_summary_text.delta", { summary_index: 0, delta }, true] as const),
      ["response.reasoning_summary_text.done", { summary_index: 0, text }, false],
      ["response.reasoning_summary_part.done", { summary_index: 0, part: summaryPart(text) }, false],
    ],
    closed: { ...opened, summary: [summaryPart(text)], encrypted_content: "gAAAAABnzNK-a1b2" },
  };
};

const messageItem = (pieces: readonly string[]): Item => {
  const opened = { id: "msg_1", type: "message", status: "in_progress", role: "assistant", content: [] };
  const text = pieces.join("");
  return {
    opened,
    events: [
      ["response.content_part.added", { content_index: 0, part: textPart("") }, false],
      ...pieces.map(
        (delta) => ["response.output_text.delta", { content_index: 0, delta, logprobs: [] }, true] as const,
      ),
      ["response.output_text.done", { content_index: 0, text, logprobs: [] }, false],
      ["response.content_part.done", { content_index: 0, part: textPart(text) }, false],
    ],
    closed: { ...opened, status: "completed", content: [textPart(text)] },
  };
};

const callItem = (call: Answer["toolCalls"][number], index: number): Item => {
  const fields = { id: `fc_${index}`, type: "function_call", call_id: call.id, name: call.name };
  const whole = call.arguments.join("");
  return {
    opened: { ...fields, status: "in_progress", arguments: "" },
    events: [
      ...call.arguments.map((delta) => ["response.function_call_arguments.delta", { delta }, true] as const),
      ["response.function_call_arguments.done", { arguments: whole }, false],
    ],
    closed: { ...fields, status: "completed", arguments: whole },
  };
};

// --- Anthropic ------------------------------------------------------------------------------------------------------

const anthropicStop: Record<EndReason, string> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

export const writeAnthropic: Write = (answer, { model }) => {
  const event = (type: string, fields: Json, content = false): Frame => ({
    wire: `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`,
    content,
  });
  const block = (index: number, start: Json, deltas: readonly (readonly [Json, boolean])[]): readonly Frame[] => [
    event("content_block_start", { index, content_block: start }),
    ...deltas.map(([delta, content]) => event("content_block_delta", { index, delta }, content)),
    event("content_block_stop", { index }),
  ];
  const blocks: readonly { readonly start: Json; readonly deltas: readonly (readonly [Json, boolean])[] }[] = [
    ...(answer.reasoning.length > 0
      ? [
          {
            start: { type: "thinking", thinking: "", signature: "" },
            deltas: [
              ...answer.reasoning.map((thinking) => [{ type: "thinking_delta", thinking }, true] as const),
              [{ type: "signature_delta", signature: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h" }, false] as const,
            ],
          },
        ]
      : []),
    ...(answer.text.length > 0
      ? [
          {
            start: { type: "text", text: "", citations: null },
            deltas: answer.text.map((text) => [{ type: "text_delta", text }, true] as const),
          },
        ]
      : []),
    ...answer.toolCalls.map((call) => ({
      start: { type: "tool_use", id: call.id, name: call.name, input: {}, caller: { type: "direct" } },
      deltas: call.arguments.map((piece) => [{ type: "input_json_delta", partial_json: piece }, true] as const),
    })),
  ];
  const { usage } = answer;
  // `input_tokens` leaves out what was read from the cache.
  const input = {
    input_tokens: usage.inputTokens - usage.cachedInputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedInputTokens,
  };
  return [
    event("message_start", {
      message: {
        id: "msg_01XFDUDYJgAACzvnptvVoYEL",
        type: "message",
        role: "assistant",
        model,
        content: [],
        container: null,
        diagnostics: null,
        stop_details: null,
        stop_reason: null,
        stop_sequence: null,
        usage: {
          ...input,
          cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
          output_tokens: 1,
          output_tokens_details: null,
          server_tool_use: null,
          service_tier: "standard",
          inference_geo: null,
          speed: null,
        },
      },
    }),
    event("ping", {}),
    ...blocks.flatMap(({ start, deltas }, index) => block(index, start, deltas)),
    event("message_delta", {
      delta: {
        container: null,
        stop_details: null,
        stop_reason: answer.stopSequence === undefined ? anthropicStop[answer.end] : "stop_sequence",
        stop_sequence: answer.stopSequence ?? null,
      },
      usage: {
        ...input,
        output_tokens: usage.outputTokens,
        output_tokens_details: { thinking_tokens: usage.reasoningTokens },
        server_tool_use: null,
      },
    }),
    event("message_stop", {}),
  ];
};

// --- Google ---------------------------------------------------------------------------------------------------------

const googleFinish: Record<EndReason, string> = {
  stop: "STOP",
  length: "MAX_TOKENS",
  tool_calls: "STOP",
  content_filter: "SAFETY",
};

export const writeGoogle: Write = (answer, { model }) => {
  const { usage } = answer;
  const prompt = {
    promptTokenCount: usage.inputTokens,
    ...(usage.cachedInputTokens > 0 && { cachedContentTokenCount: usage.cachedInputTokens }),
  };
  const chunk = (parts: readonly Json[], metadata: Json, finish: Json, content: boolean): Frame => ({
    wire: `data: ${JSON.stringify({
      candidates: [{ content: { ...(parts.length > 0 && { parts }), role: "model" }, ...finish, index: 0 }],
      usageMetadata: { ...prompt, ...metadata },
      modelVersion: model,
      responseId: "mF0iaYyBIvCgz7IPj8yLqAE",
    })}\r\n\r\n`,
    content,
  });
  const partial = { totalTokenCount: usage.inputTokens };
  const pieces: readonly Json[] = [
    ...answer.reasoning.map((text) => ({ text, thought: true })),
    ...answer.text.map((text) => ({ text })),
    // Google sends a call's arguments whole.
    ...answer.toolCalls.map((call) => ({
      functionCall: { id: call.id, name: call.name, args: JSON.parse(call.arguments.join("") || "{}") as unknown },
      thoughtSignature: "CiQBjz1rX6Fq",
    })),
  ];
  return [
    ...pieces.map((piece) => chunk([piece], partial, {}, true)),
    chunk(
      [],
      {
        candidatesTokenCount: usage.outputTokens - usage.reasoningTokens,
        ...(usage.reasoningTokens > 0 && { thoughtsTokenCount: usage.reasoningTokens }),
        totalTokenCount: usage.inputTokens + usage.outputTokens,
      },
      { finishReason: googleFinish[answer.end] },
      false,
    ),
  ];
};

// --- Errors ---------------------------------------------------------------------------------------------------------

const anthropicErrors: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  404: "not_found_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};
const googleErrors: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};
const openaiErrors: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  404: "invalid_request_error",
  429: "rate_limit_exceeded",
};

/** An error's JSON body, as each vendor writes it, alone or as an event within a stream. */
export const errorBody = {
  openai: (status: number, message: string): Json => ({
    error: { message, type: openaiErrors[status] ?? "server_error", param: null, code: null },
  }),
  anthropic: (status: number, message: string): Json => ({
    type: "error",
    error: { type: anthropicErrors[status] ?? "api_error", message },
    request_id: "req_011CSHoEeqs5C35K2UUqR7Fy",
  }),
  google: (status: number, message: string): Json => ({
    error: { code: status, message, status: googleErrors[status] ?? "INTERNAL" },
  }),
};

export const errorEvent = {
  openai: (status: number, message: string) => `data: ${JSON.stringify(errorBody.openai(status, message))}\n\n`,
  anthropic: (status: number, message: string) =>
    `event: error\ndata: ${JSON.stringify(errorBody.anthropic(status, message))}\n\n`,
  google: (status: number, message: string) => `data: ${JSON.stringify(errorBody.google(status, message))}\r\n\r\n`,
};
