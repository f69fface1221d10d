import * as z from "zod";

/** Parameters of a list that goes by id. */
export const pageQuery = z.strictObject({
  after: z.string().max(64).default(""),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** `next` is the `after` of the next page; null on the last one. `asked` is one more than `limit`. */
export const writePage = <Entry extends { readonly id: string }>(
  asked: readonly Entry[],
  limit: number,
  write: (entry: Entry) => object,
): object => {
  const entries = asked.slice(0, limit);
  const next = asked.length > limit ? (entries.at(-1)?.id ?? null) : null;
  return { object: "list", data: entries.map(write), has_more: next !== null, next };
};
