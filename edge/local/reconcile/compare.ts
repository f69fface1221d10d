import { toDollars } from "../../../shared/pricing.ts";
import type { UsageSource } from "../../../shared/usage.ts";
import type { MatchWorker } from "./match-worker.ts";
import type { BilledLine, Report, Tokens } from "./report.ts";

/** One call as the ledger has it, or a request that was lost, whose `source` is `unknown`. */
export type LedgerLine = {
  /** UTC, `2026-11-22`. */
  readonly day: string;
  readonly provider: string;
  readonly worker: string;
  readonly source: UsageSource;
  readonly tokens: Tokens;
  /** Null when the worker had no known price. */
  readonly dollars: number | null;
};

/** Calls of which the vendor said what they used, and apart from them those of which an upper bound is charged. */
export type LedgerSums = {
  readonly calls: number;
  readonly reported: number;
  readonly estimated: number;
  readonly unpricedCalls: number;
  readonly tokens: Tokens;
  readonly estimatedTokens: Tokens;
};

export type VendorSums = { readonly dollars: number | null; readonly tokens: Tokens | null };

/**
 * How far the vendor's amount is from what the ledger allows for: from the reported calls alone up to all of them. 0
 * within; null where the vendor's reports say nothing of it. `share`: of the vendor's amount.
 */
export type Drift = { readonly amount: number; readonly share: number } | null;

export type Row = {
  /** Null in the sums over all days. */
  readonly day: string | null;
  readonly provider: string;
  readonly worker: string;
  readonly ledger: LedgerSums;
  readonly vendor: VendorSums;
  readonly dollarDrift: Drift;
  readonly tokenDrift: Drift;
};

export type Verdict = {
  readonly provider: string;
  /** What was judged: dollars, or tokens where the provider's reports hold no dollars. */
  readonly by: "dollars" | "tokens";
  /** Sums of the drifts of all workers, each without its sign, over the vendor's total. */
  readonly drift: number;
  readonly total: number;
  readonly share: number;
};

export type Comparison = {
  readonly from: string | null;
  readonly to: string | null;
  /** By day. */
  readonly rows: readonly Row[];
  /** The same over all days: a call near midnight may stand under another day at the vendor. */
  readonly workers: readonly Row[];
  /** Lines of reports that mean no worker. */
  readonly unexplained: readonly {
    readonly provider: string;
    readonly what: string;
    readonly dollars: number | null;
    readonly tokens: Tokens | null;
  }[];
  /** What the ledger has of providers without a report. */
  readonly unreported: readonly { readonly provider: string; readonly calls: number; readonly dollars: number }[];
  readonly verdicts: readonly Verdict[];
};

export type Period = { readonly from: string | null; readonly to: string | null };

/** Compares on the days that the reports of a provider cover, within the period. */
export const compare = (
  ledger: readonly LedgerLine[],
  reports: readonly Report[],
  match: MatchWorker,
  period: Period = { from: null, to: null },
): Comparison => {
  const isWithin = ({ day }: { readonly day: string }) =>
    (period.from === null || day >= period.from) && (period.to === null || day <= period.to);
  const covered = coverage(reports, isWithin);
  const billed = reports.flatMap(({ lines }) => lines).filter(isWithin);
  const explained = billed.flatMap((line) => {
    const worker = line.model === null ? null : match(line.provider, line.model);
    return worker === null ? [] : [{ ...line, worker }];
  });
  const within = ledger.filter(isWithin);
  const compared = within.filter(({ provider, day }) => covered.get(provider)?.has(day));
  const workers = rowsOf(compared, explained, () => null);
  const days = [...covered.values()].flatMap((some) => [...some]).toSorted();
  return {
    from: days[0] ?? null,
    to: days.at(-1) ?? null,
    rows: rowsOf(compared, explained, ({ day }) => day),
    workers,
    unexplained: sumUnexplained(
      billed.filter((line) => line.model === null || match(line.provider, line.model) === null),
    ),
    unreported: sumUnreported(within.filter(({ provider }) => !covered.has(provider))),
    verdicts: [...covered.keys()].toSorted().map((provider) => judge(provider, workers)),
  };
};

/** The days that each provider's reports cover. */
const coverage = (reports: readonly Report[], isWithin: (at: { readonly day: string }) => boolean) => {
  const covered = new Map<string, Set<string>>();
  for (const { providers, days } of reports) {
    for (const provider of providers) {
      const known = covered.get(provider) ?? new Set();
      for (const day of days) if (isWithin({ day })) known.add(day);
      covered.set(provider, known);
    }
  }
  return covered;
};

type Explained = BilledLine & { readonly worker: string };
type Placed = { readonly day: string; readonly provider: string; readonly worker: string };

const rowsOf = (
  ledger: readonly LedgerLine[],
  billed: readonly Explained[],
  dayOf: (line: Placed) => string | null,
): readonly Row[] => {
  const keyOf = (line: Placed) => JSON.stringify([dayOf(line), line.provider, line.worker]);
  const ours = Map.groupBy(ledger, keyOf);
  const theirs = Map.groupBy(billed, keyOf);
  return [...new Set([...ours.keys(), ...theirs.keys()])].toSorted().map((key) => {
    const [day, provider, worker]: [string | null, string, string] = JSON.parse(key);
    const sums = sumLedger(ours.get(key) ?? []);
    const vendor = sumBilled(theirs.get(key) ?? []);
    return {
      day,
      provider,
      worker,
      ledger: sums,
      vendor,
      dollarDrift: dollarDrift(sums, vendor),
      tokenDrift: tokenDrift(sums, vendor),
    };
  });
};

const noTokens: Tokens = { input: 0, output: 0 };
const addTokens = (a: Tokens, b: Tokens): Tokens => ({ input: a.input + b.input, output: a.output + b.output });
const totalOf = ({ input, output }: Tokens): number => input + output;

const sumLedger = (lines: readonly LedgerLine[]): LedgerSums => {
  const reported = lines.filter(({ source }) => source === "reported");
  const others = lines.filter(({ source }) => source !== "reported");
  const dollars = (some: readonly LedgerLine[]) => some.reduce((sum, line) => sum + (line.dollars ?? 0), 0);
  const tokens = (some: readonly LedgerLine[]) => some.reduce((sum, line) => addTokens(sum, line.tokens), noTokens);
  return {
    calls: lines.length,
    reported: dollars(reported),
    estimated: dollars(others),
    unpricedCalls: lines.filter((line) => line.dollars === null).length,
    tokens: tokens(reported),
    estimatedTokens: tokens(others),
  };
};

/** Sums what is there; null when no line says anything of it. */
const sumBilled = (lines: readonly Pick<BilledLine, "dollars" | "tokens">[]): VendorSums => {
  const dollars = lines.flatMap((line) => line.dollars ?? []);
  const tokens = lines.flatMap((line) => line.tokens ?? []);
  return {
    dollars: dollars.length === 0 ? null : dollars.reduce((sum, value) => sum + value, 0),
    tokens: tokens.length === 0 ? null : tokens.reduce(addTokens, noTokens),
  };
};

const driftOf = (amount: number, low: number, high: number): Drift => {
  const off = amount < low ? amount - low : Math.max(0, amount - high);
  return { amount: off, share: off === 0 ? 0 : amount === 0 ? -1 : off / amount };
};

/** The ledger rounds each call up to a micro-dollar; a vendor does not. */
const dollarDrift = ({ reported, estimated, calls }: LedgerSums, { dollars, tokens }: VendorSums): Drift => {
  if (dollars === null && tokens !== null) return null;
  return driftOf(dollars ?? 0, Math.max(0, reported - toDollars(calls)), reported + estimated);
};

const tokenDrift = (ledger: LedgerSums, { dollars, tokens }: VendorSums): Drift => {
  if (tokens === null && dollars !== null) return null;
  const reported = totalOf(ledger.tokens);
  return driftOf(totalOf(tokens ?? noTokens), reported, reported + totalOf(ledger.estimatedTokens));
};

const judge = (provider: string, workers: readonly Row[]): Verdict => {
  const own = workers.filter((row) => row.provider === provider);
  const hasDollars =
    own.some(({ vendor }) => vendor.dollars !== null) || own.every(({ vendor }) => vendor.tokens === null);
  const drift = own.reduce(
    (sum, row) => sum + Math.abs((hasDollars ? row.dollarDrift : row.tokenDrift)?.amount ?? 0),
    0,
  );
  const total = own.reduce(
    (sum, { vendor }) => sum + (hasDollars ? (vendor.dollars ?? 0) : totalOf(vendor.tokens ?? noTokens)),
    0,
  );
  return {
    provider,
    by: hasDollars ? "dollars" : "tokens",
    drift,
    total,
    share: drift === 0 ? 0 : total === 0 ? 1 : drift / total,
  };
};

const sumUnexplained = (lines: readonly BilledLine[]): Comparison["unexplained"] =>
  groupsOf(lines, ({ provider, what }) => JSON.stringify([provider, what])).map(([key, some]) => {
    const [provider, what]: [string, string] = JSON.parse(key);
    return { provider, what, ...sumBilled(some) };
  });

const sumUnreported = (lines: readonly LedgerLine[]): Comparison["unreported"] =>
  groupsOf(lines, ({ provider }) => provider).map(([provider, some]) => ({
    provider,
    calls: some.length,
    dollars: some.reduce((sum, { dollars }) => sum + (dollars ?? 0), 0),
  }));

/** Groups in the order of their keys. */
const groupsOf = <Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly [string, readonly Item[]][] =>
  [...Map.groupBy(items, keyOf)].toSorted(([a], [b]) => a.localeCompare(b));
