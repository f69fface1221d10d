/**
 * The three client formats, each spoken by its vendor's own SDK, behind one way of asking: what is asked and what comes
 * back is the same, whatever the wire.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { Response, ResponseInputItem } from "openai/resources/responses/responses";
import * as z from "zod";

export type Ask = {
  readonly model: string;
  readonly question: string;
  /** A PNG in base64, shown beside the question. */
  readonly image?: string;
  /** Offers `depth`, a function of the argument `sea`. */
  readonly tool?: boolean;
  /** A JSON Schema that the answer has to follow. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** Thoughts are wanted, and shown. */
  readonly thinks?: boolean;
  readonly stream?: boolean;
};

export type Reply = {
  readonly text: string;
  /** The text as it came. */
  readonly pieces: readonly string[];
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly arguments: unknown }[];
  readonly usage: {
    readonly input: number;
    readonly cached: number;
    readonly output: number;
    readonly reasoning: number;
  };
  /** Sends it all back, with a result for each call in their order. */
  answerCalls(results: readonly string[]): Promise<Reply>;
};

/** A format, spoken to one system. */
export type Format = {
  readonly name: string;
  ask(ask: Ask): Promise<Reply>;
};

const names = { chatCompletions: "chat/completions", responses: "responses", messages: "messages" } as const;

type Target = { readonly url: string; readonly key: string };

const depthTool = {
  name: "depth",
  description: "Depth of a sea in meters.",
  parameters: {
    type: "object" as const,
    properties: { sea: { type: "string" } },
    required: ["sea"],
    additionalProperties: false,
  },
};

const clientOf = ({ url, key }: Target) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

const parse = (text: string): unknown => JSON.parse(text);

// --- Chat Completions -----------------------------------------------------------------------------------------------

type ChatMessages = OpenAI.ChatCompletionMessageParam[];

const thoughtful = z.looseObject({ reasoning_content: z.string().default("") });

const chatCompletions = (target: Target): Format => {
  const client = clientOf(target);

  const complete = async (ask: Ask, messages: ChatMessages) => {
    const body = {
      model: ask.model,
      messages,
      ...(ask.tool && { tools: [{ type: "function" as const, function: depthTool }] }),
      ...(ask.schema && {
        response_format: { type: "json_schema" as const, json_schema: { name: "answer", schema: ask.schema } },
      }),
      ...(ask.thinks && { reasoning_effort: "high" as const }),
    };
    if (!ask.stream) return { completion: await client.chat.completions.create(body), pieces: [] };
    const pieces: string[] = [];
    const stream = client.chat.completions
      .stream({ ...body, stream_options: { include_usage: true } })
      .on("content", (piece) => pieces.push(piece));
    return { completion: await stream.finalChatCompletion(), pieces };
  };

  const turn = async (ask: Ask, messages: ChatMessages): Promise<Reply> => {
    const { completion, pieces } = await complete(ask, messages);
    const message = completion.choices[0]?.message;
    if (!message) throw new Error("there is no choice");
    const calls = (message.tool_calls ?? []).flatMap((call) => (call.type === "function" ? [call] : []));
    const { usage } = completion;
    return {
      text: message.content ?? "",
      pieces,
      reasoning: thoughtful.parse(message).reasoning_content,
      calls: calls.map(({ id, function: { arguments: text } }) => ({ id, arguments: parse(text) })),
      usage: {
        input: usage?.prompt_tokens ?? 0,
        cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
        output: usage?.completion_tokens ?? 0,
        reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
      },
      answerCalls: (results) =>
        turn(ask, [
          ...messages,
          message,
          ...calls.map(({ id }, index) => ({
            role: "tool" as const,
            tool_call_id: id,
            content: results[index] ?? "",
          })),
        ]),
    };
  };

  return {
    name: names.chatCompletions,
    ask: (ask) =>
      turn(ask, [
        {
          role: "user",
          content: [
            { type: "text", text: ask.question },
            ...(ask.image === undefined
              ? []
              : [{ type: "image_url" as const, image_url: { url: `data:image/png;base64,${ask.image}` } }]),
          ],
        },
      ]),
  };
};

// --- Responses ------------------------------------------------------------------------------------------------------

const thoughtsIn = ({ output }: Pick<Response, "output">) =>
  output.flatMap((item) => (item.type === "reasoning" ? item.summary.map(({ text }) => text) : [])).join("");

/** What clients send back. */
const itemsOf = ({ output }: Pick<Response, "output">) =>
  output.filter((item) => item.type === "reasoning" || item.type === "message" || item.type === "function_call");

const responses = (target: Target): Format => {
  const client = clientOf(target);

  const respond = async (
    ask: Ask,
    input: ResponseInputItem[],
  ): Promise<{ readonly response: Response; readonly pieces: readonly string[] }> => {
    const body = {
      model: ask.model,
      input,
      store: false,
      include: ["reasoning.encrypted_content" as const],
      ...(ask.tool && { tools: [{ type: "function" as const, ...depthTool, strict: true }] }),
      ...(ask.schema && {
        text: { format: { type: "json_schema" as const, name: "answer", schema: { ...ask.schema } } },
      }),
      ...(ask.thinks && { reasoning: { effort: "high" as const, summary: "auto" as const } }),
    };
    if (!ask.stream) return { response: await client.responses.create({ ...body, stream: false }), pieces: [] };
    const pieces: string[] = [];
    const stream = client.responses
      .stream(body)
      .on("response.output_text.delta", ({ delta }) => void pieces.push(delta));
    return { response: await stream.finalResponse(), pieces };
  };

  const turn = async (ask: Ask, input: ResponseInputItem[]): Promise<Reply> => {
    const { response, pieces } = await respond(ask, input);
    const items = itemsOf(response);
    const calls = items.filter((item) => item.type === "function_call");
    const { usage } = response;
    return {
      text: response.output_text,
      pieces,
      reasoning: thoughtsIn(response),
      calls: calls.map((call) => ({ id: call.call_id, arguments: parse(call.arguments) })),
      usage: {
        input: usage?.input_tokens ?? 0,
        cached: usage?.input_tokens_details.cached_tokens ?? 0,
        output: usage?.output_tokens ?? 0,
        reasoning: usage?.output_tokens_details.reasoning_tokens ?? 0,
      },
      answerCalls: (results) =>
        turn(ask, [
          ...input,
          ...items,
          ...calls.map((call, index) => ({
            type: "function_call_output" as const,
            call_id: call.call_id,
            output: results[index] ?? "",
          })),
        ]),
    };
  };

  return {
    name: names.responses,
    ask: (ask) =>
      turn(ask, [
        {
          role: "user",
          content: [
            { type: "input_text", text: ask.question },
            ...(ask.image === undefined
              ? []
              : [
                  {
                    type: "input_image" as const,
                    detail: "auto" as const,
                    image_url: `data:image/png;base64,${ask.image}`,
                  },
                ]),
          ],
        },
      ]),
  };
};

// --- Messages -------------------------------------------------------------------------------------------------------

type Turns = Anthropic.MessageParam[];

const messages = ({ url, key }: Target): Format => {
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });

  const write = async (ask: Ask, turns: Turns) => {
    const { parameters, ...tool } = depthTool;
    const body = {
      model: ask.model,
      max_tokens: 9000,
      messages: turns,
      ...(ask.tool && { tools: [{ ...tool, input_schema: parameters }] }),
      ...(ask.schema && { output_config: { format: { type: "json_schema" as const, schema: { ...ask.schema } } } }),
      ...(ask.thinks && { thinking: { type: "enabled" as const, budget_tokens: 5000 } }),
    };
    if (!ask.stream) return { message: await client.messages.create(body), pieces: [] };
    const pieces: string[] = [];
    const stream = client.messages.stream(body).on("text", (piece) => pieces.push(piece));
    return { message: await stream.finalMessage(), pieces };
  };

  const turn = async (ask: Ask, turns: Turns): Promise<Reply> => {
    const { message, pieces } = await write(ask, turns);
    const calls = message.content.filter((block) => block.type === "tool_use");
    const { usage } = message;
    return {
      text: message.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
      pieces,
      reasoning: message.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
      calls: calls.map(({ id, input }) => ({ id, arguments: input })),
      usage: {
        input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
        cached: usage.cache_read_input_tokens ?? 0,
        output: usage.output_tokens,
        reasoning: usage.output_tokens_details?.thinking_tokens ?? 0,
      },
      answerCalls: (results) =>
        turn(ask, [
          ...turns,
          { role: "assistant", content: message.content },
          {
            role: "user",
            content: calls.map(({ id }, index) => ({
              type: "tool_result" as const,
              tool_use_id: id,
              content: results[index] ?? "",
            })),
          },
        ]),
    };
  };

  return {
    name: names.messages,
    ask: (ask) =>
      turn(ask, [
        {
          role: "user",
          content: [
            ...(ask.image === undefined
              ? []
              : [
                  {
                    type: "image" as const,
                    source: { type: "base64" as const, media_type: "image/png" as const, data: ask.image },
                  },
                ]),
            { type: "text", text: ask.question },
          ],
        },
      ]),
  };
};

export const formats: readonly { readonly name: string; speak(target: Target): Format }[] = [
  { name: names.chatCompletions, speak: chatCompletions },
  { name: names.responses, speak: responses },
  { name: names.messages, speak: messages },
];
