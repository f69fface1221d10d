import { isNestedDeeper, mostLevels } from "../../shared/nesting.ts";

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

/** What a table has under a vendor's word; nothing under the names that every object inherits. */
export const entryOf = <Value>(table: Readonly<Record<string, Value>>, word: string): Value | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined;

/** No answer has more tool calls: a host that sends them by the hundred thousand only keeps us busy. */
export const mostToolCalls = 1_000;

/** No call has more tokens: what is beyond would be charged to a tenant, and outgrow the ledger's sums. */
const mostTokens = 1e9;

/** A count of tokens: 0 when it is absent or absurd. */
export const countOf = (value: unknown): number =>
  typeof value === "number" && value > 0 && value <= mostTokens ? Math.round(value) : 0;

/** The arguments of a tool call, as far as they can be written down again; null when they cannot, or are no object. */
export const parseArguments = (text: string): Fields | null => {
  const fields = parseFields(text);
  return fields && !isNestedDeeper(fields, mostLevels) ? fields : null;
};

/** The JSON object in a text; null when there is none. */
export const parseFields = (text: string): Fields | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
};
