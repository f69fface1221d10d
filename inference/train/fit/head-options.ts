/** What both heads are fitted with: what they read of a text, and how much of it. */
import type { Features, HeadJson } from "../../../shared/head.ts";
import { hashFeatures } from "../../../shared/ngrams.ts";
import { readBackground } from "./background.ts";
import type { Embeddings } from "./embed.ts";
import type { FitOptions } from "./fit-head.ts";

type HeadKind = HeadJson["kind"];
export type ReadingOptions = FitOptions & { readonly featuresOf: (text: string) => Features };

/** The edge's weights travel with the Worker, so they are fewer. */
const buckets = { encoder: 4096, edge: 3072 } as const;

export const trainingSeed = 20_261_122;

export const headOptions = (kind: HeadKind, pool: readonly string[], embeddings: Embeddings): ReadingOptions => ({
  kind,
  rowOf: (text) => ({
    dense: kind === "encoder" ? embeddings.of(text) : null,
    sparse: hashFeatures(text, buckets[kind]),
  }),
  featuresOf: (text) => {
    const ngrams = hashFeatures(text, buckets[kind]);
    return kind === "encoder" ? { vector: embeddings.of(text), ngrams } : ngrams;
  },
  shape: { dense: kind === "encoder" ? embeddings.dimensions : 0, buckets: buckets[kind] },
  profiles: [...new Set(pool)],
  // On every set, types alone did better than types and what a ridge regression finds beyond them.
  residual: null,
  background: readBackground().map(({ text }) => text),
  seed: trainingSeed,
});
