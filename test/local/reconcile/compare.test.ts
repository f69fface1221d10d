import { describe, expect, it } from "vitest";
import { compare, type LedgerLine } from "../../../edge/local/reconcile/compare.ts";
import { createMatcher } from "../../../edge/local/reconcile/match-worker.ts";
import { printComparison } from "../../../edge/local/reconcile/print.ts";
import type { BilledLine, Report } from "../../../edge/local/reconcile/report.ts";
import { workerCards } from "../../../shared/worker-cards.ts";

const call = (rest: Partial<LedgerLine> = {}): LedgerLine => ({
  day: "2026-11-22",
  provider: "openai",
  worker: "openai/gpt-5.4",
  source: "reported",
  tokens: { input: 1000, output: 100 },
  dollars: 0.004,
  ...rest,
});

const billed = (rest: Partial<BilledLine> = {}): BilledLine => ({
  day: "2026-11-22",
  provider: "openai",
  model: "gpt-5.4-2026-03-05",
  what: "gpt-5.4-2026-03-05, input",
  dollars: 0.004,
  tokens: null,
  ...rest,
});

const reportOf = (lines: readonly BilledLine[], days: readonly string[] = ["2026-11-22"]): Report => ({
  format: "test",
  providers: [...new Set(lines.map(({ provider }) => provider))],
  days,
  lines,
});

const match = createMatcher(workerCards, []);
const against = (ledger: readonly LedgerLine[], ...reports: readonly Report[]) => compare(ledger, reports, match);

describe("compare", () => {
  it("finds no drift where both say the same, in dollars and tokens", () => {
    const usage = billed({ dollars: null, tokens: { input: 1000, output: 100 }, what: "gpt-5.4" });
    const { rows, verdicts } = against([call()], reportOf([billed()]), reportOf([usage]));
    expect(rows).toMatchObject([
      {
        day: "2026-11-22",
        worker: "openai/gpt-5.4",
        ledger: { calls: 1, reported: 0.004 },
        vendor: { dollars: 0.004, tokens: { input: 1000, output: 100 } },
        dollarDrift: { amount: 0 },
        tokenDrift: { amount: 0 },
      },
    ]);
    expect(verdicts).toEqual([{ provider: "openai", by: "dollars", drift: 0, total: 0.004, share: 0 }]);
  });

  it("allows for the micro-dollar to which each call is rounded up", () => {
    expect(against([call()], reportOf([billed({ dollars: 0.0039991 })])).verdicts).toMatchObject([{ share: 0 }]);
  });

  it("tells how much more or less the vendor charges", () => {
    const [more] = against([call()], reportOf([billed({ dollars: 0.005 })])).verdicts;
    expect(more?.share).toBeCloseTo(0.2);
    const { rows } = against([call()], reportOf([billed({ dollars: 0.002 })]));
    expect(rows[0]?.dollarDrift?.amount).toBeCloseTo(-0.002);
  });

  it("takes estimated calls and lost requests for what they are: upper bounds", () => {
    const ledger = [
      call(),
      call({ source: "estimated", dollars: 0.002 }),
      call({ source: "unknown", dollars: 0.01, tokens: { input: 0, output: 0 } }),
    ];
    expect(against(ledger, reportOf([billed({ dollars: 0.005 })])).verdicts).toMatchObject([{ drift: 0 }]);
    expect(against(ledger, reportOf([billed({ dollars: 0.017 })])).rows[0]?.dollarDrift?.amount).toBeCloseTo(0.001);
  });

  it("counts what only one side has", () => {
    const ledger = [call(), call({ worker: "openai/gpt-6-luna", dollars: 0.001 })];
    const { rows, verdicts } = against(ledger, reportOf([billed(), billed({ model: "gpt-6-astra", dollars: 0.1 })]));
    expect(rows.map(({ worker, dollarDrift }) => [worker, dollarDrift?.amount])).toEqual([
      ["openai/gpt-5.4", 0],
      ["openai/gpt-6-astra", 0.1],
      ["openai/gpt-6-luna", expect.closeTo(-0.000999)],
    ]);
    expect(verdicts[0]?.drift).toBeCloseTo(0.100999);
  });

  it("does not let a drift of one worker hide that of another", () => {
    const ledger = [call(), call({ worker: "openai/gpt-6-luna" })];
    const report = reportOf([billed({ dollars: 0.003 }), billed({ model: "gpt-6-luna", dollars: 0.005 })]);
    expect(against(ledger, report).verdicts[0]?.share).toBeCloseTo(0.25);
  });

  it("judges sums over days, since midnight is not the same for both", () => {
    const days = ["2026-11-22", "2026-11-23"];
    const { rows, workers, verdicts } = against([call()], reportOf([billed({ day: "2026-11-23" })], days));
    expect(rows.map(({ dollarDrift }) => dollarDrift?.amount === 0)).toEqual([false, false]);
    expect(workers).toMatchObject([{ day: null, dollarDrift: { amount: 0 } }]);
    expect(verdicts).toMatchObject([{ share: 0 }]);
  });

  it("compares only days that a report covers, and names providers without one", () => {
    const ledger = [call(), call({ day: "2026-11-01", dollars: 5 }), call({ provider: "anthropic", dollars: 0.5 })];
    const { rows, unreported, verdicts } = against(ledger, reportOf([billed()]));
    expect(rows).toHaveLength(1);
    expect(unreported).toEqual([{ provider: "anthropic", calls: 1, dollars: 0.5 }]);
    expect(verdicts).toMatchObject([{ provider: "openai", share: 0 }]);
  });

  it("keeps what is of no worker apart", () => {
    const search = billed({ model: "web search tool calls", what: "web search tool calls", dollars: 3 });
    const { rows, unexplained, verdicts } = against([call()], reportOf([billed(), search, search]));
    expect(rows).toHaveLength(1);
    expect(unexplained).toEqual([{ provider: "openai", what: "web search tool calls", dollars: 6, tokens: null }]);
    expect(verdicts).toMatchObject([{ share: 0 }]);
  });

  it("judges by tokens where a vendor's reports hold no dollars", () => {
    const usage = billed({ dollars: null, tokens: { input: 1100, output: 110 } });
    expect(against([call()], reportOf([usage])).verdicts).toEqual([
      { provider: "openai", by: "tokens", drift: 110, total: 1210, share: 110 / 1210 },
    ]);
  });

  it("keeps to the period that is asked for", () => {
    const days = ["2026-11-21", "2026-11-22"];
    const ledger = [call(), call({ day: "2026-11-21", dollars: 9 })];
    const made = compare(ledger, [reportOf([billed()], days)], match, { from: "2026-11-22", to: null });
    expect(made).toMatchObject({ from: "2026-11-22", to: "2026-11-22", verdicts: [{ share: 0 }] });
  });
});

describe("the matcher", () => {
  it.each([
    ["openai", "gpt-5.4", "openai/gpt-5.4"],
    ["openai", "gpt-5.4-2026-03-05", "openai/gpt-5.4"],
    ["openai", "gpt-5.4-mini", null],
    ["openai", "gpt-4o", null],
    ["anthropic", "claude-opus-4-6", "anthropic/claude-opus-4-6"],
    ["anthropic", "claude-opus-4-5-20251101", null],
    ["google", "Generate content input token count gemini 3.8 flash text", "google/gemini-3.8-flash"],
    ["google", "Generate content output token count gemini 3.5 flash lite text", "google/gemini-3.5-flash-lite"],
    ["google", "Generate content input token count gemini 3.8 flash lite tts text batch", null],
    ["vertex", "Gemini 3.8 Flash Global Text Output - Predictions", "google/gemini-3.8-flash"],
    ["openrouter", "z-ai/glm-5-20260211", "z-ai/glm-5"],
    ["bedrock", "USE1-Claude4.6Sonnet-input-tokens-cross-region-global", "anthropic/claude-sonnet-4-6"],
    ["bedrock", "USE1-anthropic.claude-opus-4-6-mantle-input-tokens-standard", "anthropic/claude-opus-4-6"],
    ["bedrock", "EU-Claude4.5Sonnet-reserved-1-month-input-tokens", null],
  ])("knows whom %s means by %s", (provider, model, worker) => {
    expect(match(provider, model)).toBe(worker);
  });

  it("knows workers of the operator's hosts from the ledger", () => {
    expect(createMatcher(workerCards, ["groq/openai/gpt-oss-120b"])("groq", "openai/gpt-oss-120b")).toBe(
      "groq/openai/gpt-oss-120b",
    );
  });
});

describe("printComparison", () => {
  it("shows days, sums, what has no counterpart, and the verdict", () => {
    const search = billed({ model: "web search tool calls", what: "web search tool calls", dollars: 3 });
    const ledger = [
      call(),
      call({ source: "estimated", dollars: 0.001 }),
      call({ provider: "anthropic", dollars: 0.5 }),
    ];
    const text = printComparison(against(ledger, reportOf([billed({ dollars: 0.006 }), search])), 0.01);
    const lines = text.split("\n").map((line) => line.split(/ {2,}/));
    expect(lines).toContainEqual(["2026-11-22 to 2026-11-22, UTC"]);
    expect(lines).toContainEqual(
      expect.arrayContaining(["2026-11-22", "openai", "openai/gpt-5.4", "2", "$0.004", "$0.001", "$0.006", "16.67 %"]),
    );
    expect(lines).toContainEqual(["openai", "web search tool calls", "$3.00"]);
    expect(lines).toContainEqual(["anthropic", "1", "$0.50"]);
    expect(text).toMatch(/openai: drift \$0.001 of \$0.006, 16.67 %: above 1.00 %$/);
  });
});
