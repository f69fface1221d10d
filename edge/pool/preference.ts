import { err, ok, type Result } from "../../shared/result.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { defaultPreference, parsePreference, type Preference } from "../../shared/preference.ts";
import type { KeyRecord } from "../objects/records.ts";

/** The request's own preference (`x-shoal-preference`), else the key's, else balanced. */
export const readPreference = (headers: Headers, key: KeyRecord): Result<Preference, ShoalError> => {
  const wanted = headers.get("x-shoal-preference") ?? key.preference;
  if (wanted === null) return ok(defaultPreference);
  const parsed = parsePreference(wanted);
  return parsed.ok ? parsed : err({ kind: "invalid_request", message: parsed.error, param: "x-shoal-preference" });
};
