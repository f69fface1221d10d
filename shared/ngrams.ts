/** A sparse vector of unit length: `values[i]` stands at `indices[i]`; indices ascend. */
export type SparseFeatures = { readonly indices: Uint16Array; readonly values: Float32Array };

/** Texts are cut here: a view is shorter, and the time stays bounded whatever comes. */
const maxCharacters = 4096;

const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/**
 * Words, pairs of neighboring words, and three to five characters inside a word, each hashed (FNV-1a) to one of
 * `buckets` (at most 65,536) places; counts damped by a logarithm. The same text gives the same features everywhere.
 */
export const hashFeatures = (text: string, buckets: number): SparseFeatures => {
  const counts = new Map<number, number>();
  const add = (hash: number) => {
    const bucket = mix(hash) % buckets;
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  };
  let before = offsetBasis;
  for (const [word] of text
    .slice(0, maxCharacters)
    .toLowerCase()
    .matchAll(/[\p{L}_]+|\p{N}+|[^\s\p{L}\p{N}_]/gu)) {
    const hash = hashRange(offsetBasis, word, 0, word.length);
    add(hash);
    add(Math.imul(before ^ 0x9e3779b9, prime) ^ hash);
    before = hash;
    addParts(`<${word}>`, add);
  }
  return normalize(counts);
};

/** A number in [0, 1) that is the same for the same text, and as good as drawn anew for any other. */
export const fractionOf = (text: string): number => mix(hashRange(offsetBasis, text, 0, text.length)) / 2 ** 32;

const addParts = (word: string, add: (hash: number) => void) => {
  for (let start = 0; start + 3 <= word.length; start++) {
    let hash = hashRange(0x2b5c41a7, word, start, start + 3);
    add(hash);
    for (let end = start + 3; end < Math.min(word.length, start + 5); end++) {
      hash = hashRange(hash, word, end, end + 1);
      add(hash);
    }
  }
};

const hashRange = (seed: number, text: string, start: number, end: number): number => {
  let hash = seed;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), prime);
  return hash;
};

/** FNV's low bits are weak for short inputs; murmur's finalizer spreads them. */
const mix = (hash: number): number => {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return (second ^ (second >>> 16)) >>> 0;
};

const normalize = (counts: ReadonlyMap<number, number>): SparseFeatures => {
  const indices = Uint16Array.from(counts.keys()).toSorted();
  const values = Float32Array.from(indices, (index) => Math.log1p(counts.get(index) ?? 0));
  const length = Math.hypot(...values);
  return { indices, values: length === 0 ? values : values.map((value) => value / length) };
};
