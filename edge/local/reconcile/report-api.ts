/** Both days included, UTC. */
export type Days = { readonly from: string; readonly to: string };

/** Where a vendor tells what it has billed. */
export type ReportApi = {
  /** The variable with the administrator's key: another than the one that Shoal calls models with. */
  readonly key: string;
  /** The variable with another base URL, and the vendor's own. */
  readonly base: readonly [variable: string, url: string];
  readonly headers: (key: string) => Readonly<Record<string, string>>;
  /** The first page of each report. */
  readonly reports: (
    days: Days,
  ) => readonly { readonly path: string; readonly query: readonly (readonly [string, string])[] }[];
};

export const secondsOf = (day: string): number => Date.parse(day) / 1000;

export const dayAfter = (day: string): string => new Date(Date.parse(day) + 24 * 3_600_000).toISOString().slice(0, 10);
