import type { Llama, LlamaModel, Token } from "node-llama-cpp";
import { cutTokens } from "../shared/prompt-view.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { createPace } from "./pace.ts";
import { createPool } from "./pool.ts";

/** The encoder's positions, less its two markers [CLS] and [SEP] and the one that node-llama-cpp keeps free. */
const contextTokens = 512;
export const maxEmbeddingTokens = contextTokens - 3;

/** What an encoding costs whatever its length, as so many tokens: measured at 8 and 192 tokens on two CPU cores. */
const overheadTokens = 24;

/** Why a text was not encoded; `waitMs` is when it would have been done. */
type EncodeRefusal = { readonly kind: "busy"; readonly waitMs: number } | { readonly kind: "aborted" };

export type Encoder = {
  readonly dimensions: number;
  /** Tokens of the whole text, without the markers. */
  tokenize(text: string): readonly Token[];
  /**
   * The text's direction: a vector of length 1. Refuses at once when the queue makes it later than `deadlineMs`, and
   * leaves the queue when the signal fires; a text that is being encoded is finished.
   */
  encode(
    tokens: readonly Token[],
    options: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Result<Float32Array, EncodeRefusal>>;
  /** Texts being encoded or waiting. */
  readonly queued: () => number;
};

/** Loads the encoder and opens its contexts, one thread for each by default; `dispose` of the Llama frees both. */
export const loadEncoder = async (
  llama: Llama,
  options: {
    readonly modelPath: string;
    readonly contexts: number;
    readonly threads?: number;
    readonly now: () => number;
  },
): Promise<Encoder> => {
  const model = await llama.loadModel({ modelPath: options.modelPath });
  const contexts = [];
  for (let index = 0; index < options.contexts; index += 1) {
    const size = { contextSize: contextTokens, batchSize: contextTokens };
    contexts.push(await model.createEmbeddingContext({ ...size, threads: options.threads ?? 1 }));
  }
  const pool = createPool(contexts, { maxWaiting: Number.POSITIVE_INFINITY });
  const pace = createPace(options.now);
  let backlog = 0;

  const encoder: Encoder = {
    dimensions: model.embeddingVectorSize,
    tokenize: (text) => nonEmpty(model, model.tokenize(text)),
    async encode(tokens, { deadlineMs, signal }) {
      const cost = tokens.length + overheadTokens;
      const waitMs = pace.estimate(cost, backlog / contexts.length);
      if (waitMs > deadlineMs) return err({ kind: "busy", waitMs });
      backlog += cost;
      try {
        const lease = await pool.lend(signal);
        if (!lease.ok) return err({ kind: "aborted" });
        try {
          const start = options.now();
          const { vector } = await lease.value.item.getEmbeddingFor([...tokens]);
          pace.learn(options.now() - start, cost);
          return ok(normalize(vector));
        } finally {
          lease.value.giveBack();
        }
      } finally {
        backlog -= cost;
      }
    },
    queued: () => pool.busy() + pool.waiting(),
  };
  await warm(encoder);
  return encoder;
};

/** An empty text still has a direction: that of the beginning marker alone. */
const nonEmpty = (model: LlamaModel, tokens: Token[]): readonly Token[] => {
  if (tokens.length > 0) return tokens;
  return model.tokens.bos === null ? [] : [model.tokens.bos];
};

/** The first evaluations are several times slower than the rest, and the pace is to be known before the first plan. */
const warm = async (encoder: Encoder) => {
  const tokens = cutTokens(encoder.tokenize("one two three four five six seven eight ".repeat(25)));
  const options = { deadlineMs: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
  for (let round = 0; round < 4; round += 1) await encoder.encode(tokens.slice(0, 48 * round + 8), options);
};

const normalize = (vector: readonly number[]): Float32Array => {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => value / length);
};
