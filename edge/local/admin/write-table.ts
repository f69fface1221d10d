type Json = Readonly<Record<string, unknown>>;

/** Rows under their columns, as wide as they need; numbers to the right. */
export const writeTable = (rows: readonly Json[], columns: readonly string[]): string => {
  if (rows.length === 0) return "none\n";
  const cells = [columns, ...rows.map((row) => columns.map((column) => writeCell(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] === "number"));
  return cells
    .map((line) =>
      line
        .map((cell, index) => (isNumber[index] ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
};

/** One thing, a line for each field; of what is nested, the path. */
export const writeFields = (value: Json): string => {
  const fields = flatten(value, "");
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join("");
};

const flatten = (value: Json, before: string): readonly (readonly [string, string])[] =>
  Object.entries(value).flatMap(([name, inner]) =>
    isRecord(inner) ? flatten(inner, `${before}${name}.`) : [[`${before}${name}`, writeCell(inner)] as const],
  );

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const writeCell = (value: unknown): string => {
  if (value === null || value === undefined) return "-";
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value.join(",") || "-";
  return typeof value === "string" ? value : JSON.stringify(value);
};
