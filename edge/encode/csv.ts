export type CsvValue = string | number | null | undefined;

/** Rows under a header, as spreadsheets read them. https://www.rfc-editor.org/rfc/rfc4180 */
export const writeCsv = (columns: readonly string[], rows: readonly Readonly<Record<string, CsvValue>>[]): string =>
  [columns, ...rows.map((row) => columns.map((column) => row[column]))]
    .map((values) => `${values.map(writeValue).join(",")}\r\n`)
    .join("");

const writeValue = (value: CsvValue): string => {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = isFormula(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Names are given by people: none is to run in somebody's spreadsheet. https://owasp.org/www-community/attacks/CSV_Injection */
const isFormula = (text: string): boolean => /^[=+\-@\t\r]/.test(text);
