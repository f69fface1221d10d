import { err, ok, type Result } from "./result.ts";

export const preferences = ["quality", "balanced", "economy"] as const;
export type PreferenceName = (typeof preferences)[number];

/** The trade of quality for money and time. */
export type Preference = {
  readonly name: PreferenceName;
  /** Quality (0 to 1) that a dollar is worth. */
  readonly lambda: number;
  /** Quality (0 to 1) that a second is worth. */
  readonly mu: number;
};

/** The one table. Evaluation prints exactly these settings. */
export const preferenceTable: Readonly<Record<PreferenceName, Preference>> = {
  quality: { name: "quality", lambda: 8, mu: 0.0001 },
  balanced: { name: "balanced", lambda: 25, mu: 0.0002 },
  economy: { name: "economy", lambda: 90, mu: 0.0002 },
};

export const defaultPreference: Preference = preferenceTable.balanced;

/** Reads the `x-shoal-preference` header. The error says what is allowed. */
export const parsePreference = (header: string): Result<Preference, string> => {
  const wanted = header.trim().toLowerCase();
  const name = preferences.find((preference) => preference === wanted);
  return name === undefined ? err(`preference must be one of ${preferences.join(", ")}`) : ok(preferenceTable[name]);
};
