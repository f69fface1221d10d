import * as z from "zod";
import { err, ok, type Result } from "../../../shared/result.ts";
import { apis, type ApiName } from "./formats/index.ts";
import { getJson, type FetchJson } from "./get-json.ts";
import { readReport } from "./read-report.ts";
import type { Days } from "./report-api.ts";
import type { Report } from "./report.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const more = z.object({ next_page: z.string().nullish() });
const mostPages = 1000;

/** Asks a vendor for all pages of its reports on these days. Throws what `getJson` throws. */
export const fetchReports = async (
  name: ApiName,
  days: Days,
  environment: Environment,
  fetch: FetchJson,
): Promise<Result<readonly Report[], string>> => {
  const api = apis[name];
  const key = environment[api.key];
  if (!key) return err(`--api ${name}: ${api.key} is not set`);
  const base = (environment[api.base[0]] || api.base[1]).replace(/\/+$/, "");
  const reports: Report[] = [];
  for (const { path, query } of api.reports(days)) {
    const pages = await fetchPages(`${base}${path}`, query, api.headers(key), fetch);
    const report = readReport(JSON.stringify(pages.length === 1 ? pages[0] : pages));
    if (!report.ok) return err(`--api ${name}: ${base}${path}: ${report.error}`);
    reports.push(report.value);
  }
  return ok(reports);
};

const fetchPages = async (
  address: string,
  query: readonly (readonly [string, string])[],
  headers: Readonly<Record<string, string>>,
  fetch: FetchJson,
): Promise<readonly unknown[]> => {
  const pages: unknown[] = [];
  let next: string | null | undefined = null;
  do {
    const url = new URL(address);
    for (const [field, value] of query) url.searchParams.append(field, value);
    if (next) url.searchParams.set("page", next);
    const page = await getJson(url, headers, fetch);
    pages.push(page);
    next = more.safeParse(page).data?.next_page;
  } while (next && pages.length < mostPages);
  return pages;
};
