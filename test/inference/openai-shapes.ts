import * as z from "zod";

/** OpenAI's answers as far as the tests look at them; what is not named here must not be there. */

const usage = z.strictObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });
const finishReason = z.enum(["stop", "length", "tool_calls"]);
const toolCall = z.strictObject({
  id: z.string().regex(/^call_[0-9a-z]{26}$/),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

const about = { id: z.string().startsWith("chatcmpl-"), created: z.int(), model: z.literal("chat") };

export const completionSchema = z.strictObject({
  ...about,
  object: z.literal("chat.completion"),
  choices: z.tuple([
    z.strictObject({
      index: z.literal(0),
      message: z.strictObject({
        role: z.literal("assistant"),
        content: z.string().nullable(),
        refusal: z.null(),
        tool_calls: z.array(toolCall).min(1).optional(),
      }),
      logprobs: z.null(),
      finish_reason: finishReason,
    }),
  ]),
  usage,
});

const chunkSchema = z.strictObject({
  ...about,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(
    z.strictObject({
      index: z.literal(0),
      delta: z.strictObject({
        role: z.literal("assistant").optional(),
        content: z.string().optional(),
        tool_calls: z
          .array(
            z.strictObject({
              index: z.int(),
              id: z.string().optional(),
              type: z.literal("function").optional(),
              function: z.strictObject({ name: z.string().optional(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      logprobs: z.null(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: usage.nullish(),
});

export const readChunk = (data: string) => chunkSchema.parse(JSON.parse(data));

export const embeddingsSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(
    z.strictObject({
      object: z.literal("embedding"),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.base64()]),
    }),
  ),
  model: z.literal("all-minilm-l6-v2"),
  usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
});

export const modelsSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(
    z.looseObject({
      id: z.string(),
      object: z.literal("model"),
      created: z.int(),
      owned_by: z.string(),
      status: z.string(),
    }),
  ),
});
