import * as z from "zod";
import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { maxEmbeddingTokens, type Encoder } from "./encode.ts";
import { unavailable, type ServiceError } from "./wire.ts";

export const embeddingModelId = "all-minilm-l6-v2";

/** OpenAI's body, text only. https://platform.openai.com/docs/api-reference/embeddings/create */
export const embeddingsBodySchema = z.strictObject({
  model: z.string(),
  input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(256)]),
  encoding_format: z.enum(["float", "base64"]).default("float"),
  dimensions: z.int().optional(),
  user: z.string().optional(),
});
type EmbeddingsBody = z.infer<typeof embeddingsBodySchema>;

/** The vectors, each of length 1, as OpenAI's answer. A text that does not fit the encoder is refused, never cut. */
export const embed = async (
  body: EmbeddingsBody,
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Result<object, ServiceError>> => {
  const texts = typeof body.input === "string" ? [body.input] : body.input;
  const tokens = texts.map((text) => encoder.tokenize(text));
  const problem = check(body, encoder, tokens);
  if (problem !== null) return err(problem);
  const data = [];
  for (const [index, list] of tokens.entries()) {
    const vector = await encoder.encode(list, { deadlineMs: Number.POSITIVE_INFINITY, signal });
    if (!vector.ok) return err(unavailable("overloaded", "the text was not encoded", 1));
    data.push({
      object: "embedding",
      index,
      embedding: body.encoding_format === "base64" ? toBase64(vector.value) : [...vector.value],
    });
  }
  const count = tokens.reduce((sum, list) => sum + list.length, 0);
  return ok({ object: "list", data, model: embeddingModelId, usage: { prompt_tokens: count, total_tokens: count } });
};

const check = (body: EmbeddingsBody, encoder: Encoder, tokens: readonly (readonly unknown[])[]): ShoalError | null => {
  if (body.model !== embeddingModelId) return { kind: "unknown_model", model: body.model, nearest: [embeddingModelId] };
  if (body.dimensions !== undefined && body.dimensions !== encoder.dimensions) {
    const message = `dimensions: this model's vectors have ${encoder.dimensions}`;
    return { kind: "unsupported_parameter", param: "dimensions", message };
  }
  const long = tokens.findIndex((list) => list.length > maxEmbeddingTokens);
  if (long < 0) return null;
  const param = typeof body.input === "string" ? "input" : `input[${long}]`;
  const message = `${param}: ${tokens[long]?.length} tokens, at most ${maxEmbeddingTokens} fit`;
  return { kind: "invalid_request", param, message };
};

/** Little-endian 32-bit floats, as OpenAI's clients decode them. */
const toBase64 = (vector: Float32Array): string => {
  const bytes = new DataView(new ArrayBuffer(4 * vector.length));
  for (const [index, value] of vector.entries()) bytes.setFloat32(4 * index, value, true);
  return Buffer.from(bytes.buffer).toString("base64");
};
