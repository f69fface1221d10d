import { describe, expect, it } from "vitest";
import { parseOptions } from "../../../edge/local/reconcile/options.ts";

describe("parseOptions", () => {
  it("reads several ledgers and reports, a period and a tolerance", () => {
    const argv =
      "--ledger a.jsonl --ledger https://host --report b.json --report c.csv --from 2026-11-01 --tolerance 0.5%";
    expect(parseOptions(argv.split(" "))).toEqual({
      ok: true,
      value: {
        ledgers: ["a.jsonl", "https://host"],
        reports: ["b.json", "c.csv"],
        apis: [],
        from: "2026-11-01",
        to: null,
        tolerance: 0.005,
        json: false,
      },
    });
  });

  it.each([
    ["no ledger", "--report b.json", "--ledger is missing"],
    ["nothing to compare with", "--ledger a.json", "--report is missing"],
    ["an API without days", "--ledger a.json --api openai", "--api needs --from and --to"],
    ["an unknown API", "--ledger a.json --api nobody", "--api is one of openai"],
    ["a day that is none", "--ledger a.json --report b --from yesterday", "--from is a day"],
    ["a tolerance that is no percentage", "--ledger a.json --report b --tolerance 0.01", "--tolerance is a percentage"],
    ["an unknown flag", "--ledgers a.json", "--ledgers"],
  ])("names %s", (_, argv, problem) => {
    expect(parseOptions(argv.split(" "))).toMatchObject({ ok: false, error: expect.stringContaining(problem) });
  });
});
