/**
 * Readers of vendors' JSON: a field that is missing or of another type reads as empty, so that additions and omissions
 * of a vendor never break an answer. On the hot path, hence without a schema library.
 */
export type Fields = Readonly<Record<string, unknown>>;

const none: Fields = {};

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : none);

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** A count of tokens: 0 when it is absent or absurd. */
export const countOf = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.round(value) : 0;

/** The JSON object in a text; null when there is none. */
export const parseFields = (text: string): Fields | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
};
