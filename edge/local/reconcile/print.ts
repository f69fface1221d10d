import type { Comparison, Drift, Row, Verdict } from "./compare.ts";
import type { Tokens } from "./report.ts";

/** The comparison as text: days and sums by worker, then what has no counterpart, then the verdict by provider. */
export const printComparison = (comparison: Comparison, tolerance: number): string =>
  [
    comparison.from === null ? "the reports cover no day" : `${comparison.from} to ${comparison.to}, UTC`,
    ...section("", [...comparison.rows, ...comparison.workers].map(cellsOf), header),
    ...section(
      "in the vendors' reports, and of no worker:",
      comparison.unexplained.map(({ provider, what, dollars, tokens }) => [
        provider,
        what,
        money(dollars),
        count(tokens),
      ]),
      ["provider", "line", "vendor", "tokens in, out"],
    ),
    ...section(
      "in the ledger, of providers without a report:",
      comparison.unreported.map(({ provider, calls, dollars }) => [provider, String(calls), money(dollars)]),
      ["provider", "calls", "ledger"],
    ),
    "",
    ...comparison.verdicts.map((verdict) => judgement(verdict, tolerance)),
  ].join("\n");

const header = [
  "day",
  "provider",
  "worker",
  "calls",
  "ledger",
  "+ estimated",
  "vendor",
  "drift",
  "%",
  "ledger in, out",
  "vendor in, out",
  "drift in tokens",
];

const cellsOf = ({ day, provider, worker, ledger, vendor, dollarDrift, tokenDrift }: Row): readonly string[] => [
  day ?? "all",
  provider,
  worker,
  String(ledger.calls),
  money(ledger.reported),
  ledger.estimated === 0 ? "" : money(ledger.estimated),
  money(vendor.dollars),
  dollarDrift === null ? "" : money(dollarDrift.amount),
  percentOf(dollarDrift),
  count(ledger.tokens),
  count(vendor.tokens),
  tokenDrift === null ? "" : String(Math.round(tokenDrift.amount)),
];

const money = (dollars: number | null): string => {
  if (dollars === null) return "";
  const text = Math.abs(dollars)
    .toFixed(6)
    .replace(/0{1,4}$/, "");
  return dollars < 0 && Number(text) !== 0 ? `-$${text}` : `$${text}`;
};
const percentOf = (drift: Drift): string => (drift === null ? "" : percent(drift.share));
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const count = (tokens: Tokens | null): string =>
  tokens === null ? "" : `${Math.round(tokens.input)}, ${Math.round(tokens.output)}`;

const judgement = ({ provider, by, drift, total, share }: Verdict, tolerance: number): string => {
  const amount =
    by === "dollars" ? `${money(drift)} of ${money(total)}` : `${Math.round(drift)} of ${Math.round(total)} tokens`;
  return `${provider}: drift ${amount}, ${percent(share)}: ${share > tolerance ? "above" : "within"} ${percent(tolerance)}`;
};

const section = (title: string, rows: readonly (readonly string[])[], names: readonly string[]): readonly string[] => {
  if (rows.length === 0) return [];
  const table = [names, ...rows];
  const widths = names.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const align = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return ["", ...(title === "" ? [] : [title]), ...table.map(align)];
};
