import { parse } from "csv-parse/sync";

/** A JSON document, a list of JSON lines, or a table with a header: what reports come as. */
export type Parsed =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "lines"; readonly values: readonly unknown[] }
  | { readonly kind: "table"; readonly rows: readonly Readonly<Record<string, string>>[] };

/** Throws a SyntaxError or csv-parse's error when the text is none of them. */
export const parseText = (text: string): Parsed => {
  const trimmed = text.trim();
  if (!/^[{[]/.test(trimmed)) return { kind: "table", rows: parseTable(text) };
  const whole = attempt(() => JSON.parse(trimmed) as unknown);
  if (whole.ok) return { kind: "json", value: whole.value };
  return {
    kind: "lines",
    values: trimmed
      .split("\n")
      .filter(Boolean)
      .map((line): unknown => JSON.parse(line)),
  };
};

const parseTable = (text: string): readonly Readonly<Record<string, string>>[] =>
  parse(text, { columns: true, bom: true, skip_empty_lines: true, trim: true, relax_column_count: true });

const attempt = <T>(run: () => T): { readonly ok: true; readonly value: T } | { readonly ok: false } => {
  try {
    return { ok: true, value: run() };
  } catch {
    return { ok: false };
  }
};
