import { CommandError } from "./command-error.ts";

/** Fields whose values are lists, also when one name is given. */
const lists = /^(allowed_\w+|scopes|abilities|efforts)$/;

/**
 * Fields of a body as words of a command: `name=Acme`, `limits.usd_per_month=100`, `allowed_workers=a/b,c/d`. Nothing
 * after the sign deletes the field: `baseline=`.
 */
export const readFields = (words: readonly string[]): Readonly<Record<string, unknown>> => {
  const body: Record<string, unknown> = {};
  for (const word of words) {
    const sign = word.indexOf("=");
    if (sign < 1) throw new CommandError(`'${word}' is not field=value`);
    put(body, word.slice(0, sign).split("."), word.slice(sign + 1));
  }
  return body;
};

const put = (body: Record<string, unknown>, [name = "", ...rest]: readonly string[], text: string): void => {
  if (rest.length === 0) {
    body[name] = readValue(name, text);
    return;
  }
  const inner = body[name];
  const object: Record<string, unknown> = isRecord(inner) ? inner : {};
  body[name] = object;
  put(object, rest, text);
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const readValue = (name: string, text: string): unknown => {
  if (text === "") return null;
  if (lists.test(name) && !text.startsWith("[")) return text.split(",").map((entry) => entry.trim());
  // A tenant may be called 77: names are never numbers.
  return /^(-?\d+(\.\d+)?|true|false|null|[[{].*)$/s.test(text) && name !== "name" ? parse(text) : text;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
