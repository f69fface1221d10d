/** Vectors of texts from the committed encoder, kept by content so that each text is encoded once. */
import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cutTokens } from "../../../shared/prompt-view.ts";
import { loadEncoder } from "../../encode.ts";
import { openLlama } from "../../llama.ts";

const hashBytes = 32;

export type EmbedOptions = {
  readonly encoderPath: string;
  /** Kept between trainings; one file per encoder. */
  readonly cacheDirectory: string;
  readonly now: () => number;
  readonly progress: (done: number, total: number) => void;
};

export type Embeddings = {
  readonly encoderSha256: string;
  readonly dimensions: number;
  /** The vector of a text that was given to `embedTexts`; unit length. */
  of(text: string): Float32Array;
};

/** Encodes what the cache lacks, as the inference service does: first and last tokens, on the CPU. */
export const embedTexts = async (texts: Iterable<string>, options: EmbedOptions): Promise<Embeddings> => {
  const encoderSha256 = createHash("sha256")
    .update(await readFile(options.encoderPath))
    .digest("hex");
  const path = join(options.cacheDirectory, `${encoderSha256.slice(0, 16)}.f32`);
  await mkdir(options.cacheDirectory, { recursive: true });
  const cache = await readCache(path);
  const missing = [...new Set(texts)].filter((text) => !cache.has(keyOf(text)));
  if (missing.length > 0) await encodeMissing(missing, cache, path, options);
  return {
    encoderSha256,
    dimensions: cache.values().next().value?.length ?? 0,
    of(text) {
      const vector = cache.get(keyOf(text));
      if (!vector) throw new Error("a text without vector: it was not given to embedTexts");
      return vector;
    },
  };
};

const keyOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Records of 32 bytes of hash and 384 little-endian floats; a torn last record is ignored. */
const dimensionsOfRecord = 384;
const recordBytes = hashBytes + 4 * dimensionsOfRecord;

const readCache = async (path: string): Promise<Map<string, Float32Array>> => {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const cache = new Map<string, Float32Array>();
  for (let at = 0; at + recordBytes <= bytes.length; at += recordBytes) {
    const vector = new Float32Array(dimensionsOfRecord);
    for (let i = 0; i < dimensionsOfRecord; i++) vector[i] = bytes.readFloatLE(at + hashBytes + 4 * i);
    cache.set(bytes.toString("hex", at, at + hashBytes), vector);
  }
  return cache;
};

const encodeMissing = async (
  texts: readonly string[],
  cache: Map<string, Float32Array>,
  path: string,
  options: EmbedOptions,
): Promise<void> => {
  const llama = await openLlama({ gpu: "cpu", threads: 1 }, (event, fields) => {
    throw new Error(`${event}: ${JSON.stringify(fields)}`);
  });
  try {
    const encoder = await loadEncoder(llama, { modelPath: options.encoderPath, contexts: 1, now: options.now });
    const signal = new AbortController().signal;
    for (const [at, text] of texts.entries()) {
      const tokens = cutTokens(encoder.tokenize(text));
      const vector = await encoder.encode(tokens, { deadlineMs: Number.POSITIVE_INFINITY, signal });
      if (!vector.ok) throw new Error(`a text was not encoded: ${vector.error.kind}`);
      cache.set(keyOf(text), vector.value);
      const record = Buffer.alloc(recordBytes);
      record.write(keyOf(text), "hex");
      for (const [i, value] of vector.value.entries()) record.writeFloatLE(value, hashBytes + 4 * i);
      await appendFile(path, record);
      options.progress(at + 1, texts.length);
    }
  } finally {
    await llama.dispose();
  }
};
