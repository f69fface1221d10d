import { join } from "node:path";
import { embedTexts, type Embeddings } from "./embed.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** Vectors of texts by the encoder that ships, kept between runs; progress goes to stderr. */
export const embedPrompts = (texts: readonly string[]): Promise<Embeddings> =>
  embedTexts(texts, {
    encoderPath: join(root, "inference", "models", "all-minilm-l6-v2-q8_0.gguf"),
    cacheDirectory: join(root, ".shoal", "embeddings"),
    now: () => performance.now(),
    progress: (done, total) => {
      if (done % 50 === 0 || done === total)
        process.stderr.write(`\rencoding ${done} of ${total}${done === total ? "\n" : ""}`);
    },
  });
