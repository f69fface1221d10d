import { readFile } from "node:fs/promises";
import { err, ok, type Result } from "../../../shared/result.ts";
import { workerCards } from "../../../shared/worker-cards.ts";
import { compare, type Comparison, type LedgerLine } from "./compare.ts";
import { fetchLedger } from "./fetch-ledger.ts";
import { fetchReports } from "./fetch-reports.ts";
import type { FetchJson } from "./get-json.ts";
import { createMatcher } from "./match-worker.ts";
import type { Options } from "./options.ts";
import { createProviderOf, readLedger } from "./read-ledger.ts";
import { readReport } from "./read-report.ts";
import type { Report } from "./report.ts";

export type ReconcileDeps = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: FetchJson;
};

/** Reads ledgers and reports and compares them. The error is for the operator and names the file, address or variable. */
export const reconcile = async (options: Options, deps: ReconcileDeps): Promise<Result<Comparison, string>> => {
  const ledger = await readAll(options.ledgers, (place) => oneLedger(place, options, deps));
  if (!ledger.ok) return ledger;
  const files = await readAll(options.reports, oneReport);
  if (!files.ok) return files;
  const asked = await readAll(options.apis, async (name) =>
    fetchReports(name, { from: options.from ?? "", to: options.to ?? "" }, deps.environment, deps.fetch),
  );
  if (!asked.ok) return asked;
  const match = createMatcher(workerCards, [...new Set(ledger.value.map(({ worker }) => worker))]);
  return ok(compare(ledger.value, [...files.value, ...asked.value], match, options));
};

/** What all of them give, or the first problem. */
const readAll = async <Place, Item>(
  places: readonly Place[],
  read: (place: Place) => Promise<Result<readonly Item[], string>>,
): Promise<Result<readonly Item[], string>> => {
  const items: Item[] = [];
  for (const place of places) {
    const some = await read(place);
    if (!some.ok) return some;
    items.push(...some.value);
  }
  return ok(items);
};

const providerOf = createProviderOf(workerCards);

const oneLedger = async (
  place: string,
  { from, to }: Options,
  { environment, fetch }: ReconcileDeps,
): Promise<Result<readonly LedgerLine[], string>> => {
  if (/^https?:\/\//.test(place)) {
    const adminKey = environment["ADMIN_KEY"];
    if (!adminKey) return err("ADMIN_KEY is not set: the ledger is read with the operator's credential");
    return ok(await fetchLedger({ url: place, adminKey, period: { from, to } }, providerOf, fetch));
  }
  const lines = readLedger(await readFile(place, "utf8"), providerOf);
  return lines.ok ? lines : err(`${place}: ${lines.error}`);
};

const oneReport = async (place: string): Promise<Result<readonly Report[], string>> => {
  const report = readReport(await readFile(place, "utf8"));
  return report.ok ? ok([report.value]) : err(`${place}: ${report.error}`);
};
