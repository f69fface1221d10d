import * as z from "zod";
import type { LedgerLine, Period } from "./compare.ts";
import { getJson, type FetchJson } from "./get-json.ts";
import { ledgerPage, linesOf, type ProviderOf } from "./read-ledger.ts";

export type LedgerSource = {
  /** A Shoal, for the ledgers of all its tenants, or one tenant's: `https://host/admin/tenants/acme/ledger`. */
  readonly url: string;
  readonly adminKey: string;
  readonly period: Period;
};

const tenantPage = z.object({ data: z.array(z.object({ id: z.string() })), next: z.string().nullable() });

/** Reads ledgers page by page from the admin API. Throws what `getJson` throws. */
export const fetchLedger = async (
  { url, adminKey, period }: LedgerSource,
  providerOf: ProviderOf,
  fetch: FetchJson,
): Promise<readonly LedgerLine[]> => {
  const headers = { authorization: `Bearer ${adminKey}` };
  const ledgers = url.includes("/admin/") ? [url] : await listLedgers(url, headers, fetch);
  const lines: LedgerLine[] = [];
  for (const ledger of ledgers) {
    const query = { ...(period.from && { from: period.from }), ...(period.to && { to: period.to }), limit: "5000" };
    for await (const { data } of pagesOf(ledger, { headers, query, schema: ledgerPage }, fetch)) {
      lines.push(...data.flatMap((row) => linesOf(row, providerOf)));
    }
  }
  return lines;
};

const listLedgers = async (base: string, headers: Readonly<Record<string, string>>, fetch: FetchJson) => {
  const list = `${base.replace(/\/+$/, "")}/admin/tenants`;
  const ledgers: string[] = [];
  for await (const { data } of pagesOf(list, { headers, query: {}, schema: tenantPage }, fetch)) {
    ledgers.push(...data.map(({ id }) => `${list}/${id}/ledger`));
  }
  return ledgers;
};

type Pages<Page> = {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly schema: z.ZodType<Page>;
};

async function* pagesOf<Page extends { readonly next: string | null }>(
  url: string,
  { headers, query, schema }: Pages<Page>,
  fetch: FetchJson,
): AsyncGenerator<Page> {
  let after: string | null = null;
  do {
    const asked = new URL(url);
    for (const [name, value] of Object.entries(query)) asked.searchParams.set(name, value);
    if (after !== null) asked.searchParams.set("after", after);
    const page: Page = schema.parse(await getJson(asked, headers, fetch));
    yield page;
    after = page.next;
  } while (after !== null);
}
