/** Input includes what was read from or written to a cache, output includes reasoning: as in the ledger. */
export type Tokens = { readonly input: number; readonly output: number };

/** One line of a vendor's report: dollars, tokens, or both. */
export type BilledLine = {
  /** UTC, `2026-11-22`. */
  readonly day: string;
  /** Who bills, by Shoal's name of the provider. */
  readonly provider: string;
  /** The model in the vendor's words; null where the line names none. */
  readonly model: string | null;
  /** The line in the vendor's words, to show what no worker explains. */
  readonly what: string;
  readonly dollars: number | null;
  readonly tokens: Tokens | null;
};

/** What one file or API says. `days` are those it covers, also where nothing was billed. */
export type Report = {
  readonly format: string;
  readonly providers: readonly string[];
  readonly days: readonly string[];
  readonly lines: readonly BilledLine[];
};

/** Reads one format; null when the text is in another. Throws a ZodError or SyntaxError when it is, and broken. */
export type ReadFormat = (text: string) => Report | null;

export const dayOfDate = (date: Date): string => date.toISOString().slice(0, 10);

/** Every day from the first to the last, both included. */
export const daysBetween = (first: string, last: string): readonly string[] => {
  const dayMs = 24 * 3_600_000;
  const count = Math.round((Date.parse(last) - Date.parse(first)) / dayMs) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) =>
    dayOfDate(new Date(Date.parse(first) + index * dayMs)),
  );
};

/** The days that lines span, for reports that say nothing of empty ones. */
export const daysOfLines = (lines: readonly BilledLine[]): readonly string[] => {
  const days = lines.map(({ day }) => day).toSorted();
  return daysBetween(days[0] ?? "", days.at(-1) ?? "");
};
