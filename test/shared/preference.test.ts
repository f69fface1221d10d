import { describe, expect, it } from "vitest";
import { defaultPreference, parsePreference, preferences, preferenceTable } from "../../shared/preference.ts";

describe("parsePreference", () => {
  it("reads every name in the table", () => {
    for (const name of preferences) {
      expect(parsePreference(` ${name.toUpperCase()} `)).toEqual({ ok: true, value: preferenceTable[name] });
    }
  });

  it("says what is allowed", () => {
    expect(parsePreference("best")).toEqual({
      ok: false,
      error: "preference must be one of quality, balanced, economy",
    });
  });
});

describe("preferenceTable", () => {
  it("weighs money more from quality to economy", () => {
    expect(preferenceTable.quality.lambda).toBeLessThan(preferenceTable.balanced.lambda);
    expect(preferenceTable.balanced.lambda).toBeLessThan(preferenceTable.economy.lambda);
    expect(defaultPreference.name).toBe("balanced");
  });
});
