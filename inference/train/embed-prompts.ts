import { join } from "node:path";
import { embedTexts, type Embeddings } from "./embed.ts";
import type { Prompt } from "./prompts.ts";

const root = join(import.meta.dirname, "..", "..");

/** Vectors of all texts of some prompts by the encoder that ships; progress goes to stderr. */
export const embedPrompts = (prompts: readonly Prompt[]): Promise<Embeddings> =>
  embedTexts(
    prompts.flatMap((prompt) => prompt.texts),
    {
      encoderPath: join(root, "inference", "models", "all-minilm-l6-v2-q8_0.gguf"),
      cacheDirectory: join(root, ".shoal", "embeddings"),
      now: () => performance.now(),
      progress: (done, total) => {
        if (done % 50 === 0 || done === total)
          process.stderr.write(`\rencoding ${done} of ${total}${done === total ? "\n" : ""}`);
      },
    },
  );
