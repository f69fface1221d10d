import type { WorkerCard } from "../../../shared/workers.ts";

/** Finds the worker that a provider's bill means; null when it means none. */
export type MatchWorker = (provider: string, model: string) => string | null;

/**
 * By the model's id at that provider, dated or not, else by the words of its name and its version: `Generate content
 * input token count gemini 3.8 flash text` and `USE1-Claude4.6Sonnet-input-tokens` name models too. `known`: workers
 * that occur in the ledger, whether or not there is a card.
 */
export const createMatcher = (cards: readonly WorkerCard[], known: readonly string[]): MatchWorker => {
  const ids = new Map(
    cards.flatMap((card) =>
      [[card.provider, card.upstream] as const, ...Object.entries(card.resold)].map(([provider, upstream]) => [
        `${provider} ${upstream.toLowerCase()}`,
        card.id,
      ]),
    ),
  );
  const named = cards.map((card) => ({ card, ...nameOf(card.id.slice(card.id.indexOf("/") + 1)) }));
  const match: MatchWorker = (provider, model) => {
    const id = model.toLowerCase();
    const found = ids.get(`${provider} ${id}`) ?? ids.get(`${provider} ${withoutDate(id)}`);
    if (found !== undefined) return found;
    const own = `${provider}/${model}`;
    if (known.includes(own)) return own;
    const text = nameOf(model);
    const fitting = named.filter(
      ({ card, words, versions }) =>
        (card.provider === provider || Object.hasOwn(card.resold, provider)) &&
        text.versions.includes(versions[0] ?? "") &&
        words.every((word) => text.words.includes(word)) &&
        variants.every((word) => words.includes(word) || !text.words.includes(word)),
    );
    return fitting.toSorted((a, b) => b.words.length - a.words.length)[0]?.card.id ?? null;
  };
  const seen = new Map<string, string | null>();
  return (provider, model) => {
    const key = `${provider} ${model}`;
    const worker = seen.get(key) ?? match(provider, model);
    seen.set(key, worker);
    return worker;
  };
};

/** `-2026-03-05`, `-20260305`, `@20260305`, `-v1:0`. */
const withoutDate = (id: string): string =>
  id.replace(/[-@](\d{4}-\d{2}-\d{2}|\d{8})$/, "").replace(/-v\d+(:\d+)?$/, "");

/** Words that make another model, or another price than Shoal asks for, of the one they stand beside. */
const variants = [
  "lite",
  "mini",
  "nano",
  "live",
  "tts",
  "cyber",
  "embedding",
  "flex",
  "batch",
  "priority",
  "fast",
  "reserved",
];

/** `Claude4.6Sonnet` and `claude-sonnet-4-6` have the words claude and sonnet, and the version 4.6. */
const nameOf = (text: string): { readonly words: readonly string[]; readonly versions: readonly string[] } => {
  const lower = text.toLowerCase();
  return {
    words: lower.match(/[a-z]+/g) ?? [],
    versions: (lower.match(/\d+(?:[.-]\d+)*/g) ?? []).map((version) => version.replaceAll("-", ".")),
  };
};
