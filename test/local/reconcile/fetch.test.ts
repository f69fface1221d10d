import { describe, expect, it } from "vitest";
import { fetchLedger } from "../../../edge/local/reconcile/fetch-ledger.ts";
import { fetchReports } from "../../../edge/local/reconcile/fetch-reports.ts";

/** Answers by path and query, and keeps what was asked. */
const createServer = (answer: (url: URL) => object) => {
  const asked: { readonly url: URL; readonly headers: Headers }[] = [];
  const fetch = async (url: URL, { headers }: RequestInit) => {
    asked.push({ url, headers: new Headers(headers) });
    return Response.json(answer(url));
  };
  return { asked, fetch };
};

const bucket = (start_time: number) => ({
  object: "bucket",
  start_time,
  end_time: start_time + 86_400,
  results: [],
});

const row = (at: string) => ({
  request_id: at,
  at,
  worker: "openai/gpt-5.4",
  cost_usd: 0.01,
  usage_source: "unknown",
  calls: [],
});

const refuse = async () => new Response("no", { status: 403 });

const days = { from: "2026-11-01", to: "2026-11-30" };

describe("fetchReports", () => {
  it("asks for costs and usage, page by page, with the administrator's key", async () => {
    const { asked, fetch } = createServer(({ pathname, searchParams }) => {
      const isFirst = pathname.endsWith("/costs") && !searchParams.has("page");
      return {
        object: "page",
        data: [bucket(isFirst ? 1_793_491_200 : 1_793_577_600)],
        has_more: isFirst,
        next_page: isFirst ? "p2" : null,
      };
    });
    const environment = { OPENAI_ADMIN_KEY: "admin-key", OPENAI_BASE_URL: "https://eu.example.com/v1/" };
    const reports = await fetchReports("openai", days, environment, fetch);
    expect(reports.ok && reports.value.map((report) => report.days)).toEqual([
      ["2026-11-01", "2026-11-02"],
      ["2026-11-02"],
    ]);
    expect(asked.map(({ url }) => `${url.origin}${url.pathname} ${url.searchParams.get("page") ?? ""}`)).toEqual([
      "https://eu.example.com/v1/organization/costs ",
      "https://eu.example.com/v1/organization/costs p2",
      "https://eu.example.com/v1/organization/usage/completions ",
    ]);
    expect(asked[0]?.url.searchParams.get("start_time")).toBe("1793491200");
    expect(asked[0]?.url.searchParams.get("end_time")).toBe("1796083200");
    expect(asked.every(({ headers }) => headers.get("authorization") === "Bearer admin-key")).toBe(true);
  });

  it("asks Anthropic by moments, with its own headers", async () => {
    const { asked, fetch } = createServer(() => ({
      data: [{ starting_at: "2026-11-01T00:00:00Z", ending_at: "2026-11-02T00:00:00Z", results: [] }],
      has_more: false,
      next_page: null,
    }));
    expect(await fetchReports("anthropic", days, { ANTHROPIC_ADMIN_KEY: "admin-key" }, fetch)).toMatchObject({
      ok: true,
    });
    expect(asked[0]?.url.searchParams.get("ending_at")).toBe("2026-12-01T00:00:00Z");
    expect(asked[0]?.headers.get("x-api-key")).toBe("admin-key");
    expect(asked[0]?.url.origin).toBe("https://api.anthropic.com");
  });

  it("names the variable that is not set", async () => {
    const { fetch } = createServer(() => ({}));
    expect(await fetchReports("openrouter", days, {}, fetch)).toEqual({
      ok: false,
      error: "--api openrouter: OPENROUTER_MANAGEMENT_KEY is not set",
    });
  });

  it("tells the address and the status of a refusal, and no key", async () => {
    const asking = fetchReports("openrouter", days, { OPENROUTER_MANAGEMENT_KEY: "admin-key" }, refuse);
    await expect(asking).rejects.toThrow("https://openrouter.ai/api/v1/activity answered 403: no");
    await expect(asking).rejects.not.toThrow("admin-key");
  });
});

describe("fetchLedger", () => {
  it("reads the ledgers of all tenants, page by page", async () => {
    const { asked, fetch } = createServer(({ pathname, searchParams }) => {
      if (pathname === "/admin/tenants") return { data: [{ id: "acme" }, { id: "other" }], next: null };
      const isFirst = pathname.includes("acme") && !searchParams.has("after");
      return { data: [row(isFirst ? "2026-11-01T00:00:00Z" : "2026-11-02T00:00:00Z")], next: isFirst ? "1.r" : null };
    });
    const lines = await fetchLedger(
      { url: "https://shoal.example.com/", adminKey: "admin-key", period: days },
      () => "openai",
      fetch,
    );
    expect(lines.map(({ day }) => day)).toEqual(["2026-11-01", "2026-11-02", "2026-11-02"]);
    expect(asked.map(({ url }) => `${url.pathname}${url.search}`)).toEqual([
      "/admin/tenants",
      "/admin/tenants/acme/ledger?from=2026-11-01&to=2026-11-30&limit=5000",
      "/admin/tenants/acme/ledger?from=2026-11-01&to=2026-11-30&limit=5000&after=1.r",
      "/admin/tenants/other/ledger?from=2026-11-01&to=2026-11-30&limit=5000",
    ]);
    expect(asked.every(({ headers }) => headers.get("authorization") === "Bearer admin-key")).toBe(true);
  });

  it("reads one tenant's alone", async () => {
    const { asked, fetch } = createServer(() => ({ data: [], next: null }));
    const url = "https://shoal.example.com/admin/tenants/acme/ledger";
    await fetchLedger({ url, adminKey: "k", period: { from: null, to: null } }, () => "openai", fetch);
    expect(asked.map(({ url: one }) => one.href)).toEqual([`${url}?limit=5000`]);
  });
});
