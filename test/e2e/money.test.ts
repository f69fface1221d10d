import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { costOf, toMicroDollars } from "../../shared/pricing.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import { priceAt } from "../../shared/workers.ts";
import { usageOf } from "../support/events.ts";
import { startSystem, type System } from "../support/start.ts";
import { startVendors, vendorNames, type VendorCall, type Vendors } from "../support/vendors.ts";

const adminKey = "admin-key-of-this-test";
const used = { inputTokens: 1_237, cachedInputTokens: 411, outputTokens: 53, reasoningTokens: 17 };

let vendors: Vendors;
let system: System;
let folder: string;

beforeAll(async () => {
  vendors = await startVendors();
  folder = await mkdtemp(path.join(tmpdir(), "shoal-money-"));
  const north = {
    name: "north",
    base_url: vendors.openai.baseUrl.replace(/\/v1$/, "/host/v1"),
    api_key_env: "OPENAI_API_KEY",
    models: [{ id: "fish", context_tokens: 100_000, max_output_tokens: 1_000, price: null, abilities: [] }],
  };
  system = await startSystem({
    env: { ...vendors.env, ADMIN_KEY: adminKey, SHOAL_PROVIDERS: JSON.stringify([north]) },
  });
});
afterAll(async () => {
  await system?.stop();
  await vendors?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vendors.reset();
  for (const name of vendorNames) vendors[name].script({ text: ["Cod."], usage: used });
});

const send = (method: string, place: string, key: string, body?: object) =>
  fetch(`${system.url}${place}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });

const made = z.object({ key: z.string() });

const makeTenant = async (id: string, limits: object | null, allowed: object = {}): Promise<string> => {
  const tenant = await send("POST", "/admin/tenants", adminKey, { id, name: id, ...(limits && { limits }) });
  expect(tenant.status).toBe(201);
  return made.parse(await (await send("POST", `/admin/tenants/${id}/keys`, adminKey, { name: "a", ...allowed })).json())
    .key;
};

const call = z.object({
  worker: z.string(),
  provider: z.string(),
  cost_usd: z.number().nullable(),
  usage_source: z.string(),
});
const row = z.object({ request_id: z.string(), cost_usd: z.number(), usage_source: z.string(), calls: z.array(call) });

const readLedger = async (tenant: string) => {
  const response = await send("GET", `/admin/tenants/${tenant}/ledger`, adminKey);
  return z.object({ data: z.array(row) }).parse(await response.json()).data;
};

const trace = z.object({
  cost_usd: z.number().nullable(),
  usage_source: z.string(),
  steps: z.array(z.object({ cost_usd: z.number().nullable() })),
});

const readTrace = async (id: string, key: string) =>
  trace.parse(await (await send("GET", `/v1/traces/${id}`, key)).json());

/** Micro-dollars of what the vendors have been asked, by the cards of the models that they were asked for. */
const chargeOf = (calls: readonly VendorCall[]): number =>
  calls.reduce((sum, { model, startedAt }) => {
    const card = workerCards.find(({ upstream }) => upstream === model);
    const price = card ? priceAt(card, startedAt) : null;
    if (!price) throw new Error(`${model} has no price`);
    return sum + costOf(price, usageOf(used.inputTokens, used.outputTokens, used));
  }, 0);

const sumOf = (parts: readonly { readonly cost_usd: number | null }[]) =>
  parts.reduce((sum, { cost_usd }) => sum + toMicroDollars(cost_usd ?? 0), 0);

const figures = z.object({ usage: z.object({ cost: z.number().nullable() }) });
const told = z.union([figures, z.object({ response: figures }).transform(({ response }) => response)]);

/** What an answer says it has cost, at its end where it is a stream. */
const costIn = (text: string): number | null | undefined => {
  const events = text.startsWith("{") ? [text] : (text.match(/^data: \{.*$/gm) ?? []).map((line) => line.slice(6));
  return events.flatMap((event) => told.safeParse(JSON.parse(event)).data ?? []).at(-1)?.usage.cost;
};

const messages = [{ role: "user", content: "Name a fish." }];
const formats = {
  "/v1/chat/completions": { messages, stream_options: { include_usage: true } },
  "/v1/responses": { input: "Name a fish." },
  "/v1/messages": { messages, max_tokens: 500 },
} as const;

const cases = Object.entries(formats).flatMap(([place, body]) =>
  ["shoal-mini", "shoal-ultra"].flatMap((model) =>
    [false, true].map((stream) => ({ place, body, model, stream, how: stream ? "streamed" : "as JSON" })),
  ),
);

describe("what an answer says it has cost", () => {
  let key: string;
  beforeAll(async () => {
    key = await makeTenant("acme", { usd_per_month: 100 });
  });

  it.each(cases)(
    "is the ledger's and the vendors' to the micro-dollar: $place, $model, $how",
    async ({ place, body, model, stream }) => {
      const { stream_options: options, ...rest } = { stream_options: undefined, ...body };
      const response = await send("POST", place, key, {
        model,
        stream,
        ...rest,
        ...(stream && options && { stream_options: options }),
      });
      const cost = costIn(await response.text());
      const id = response.headers.get("x-request-id") ?? "";
      const traced = await readTrace(id, key);
      const kept = (await readLedger("acme")).find(({ request_id }) => request_id === id);
      const charged = chargeOf(vendors.calls());

      expect(vendors.violations).toEqual([]);
      expect(charged).toBeGreaterThan(0);
      expect(kept).toMatchObject({ usage_source: "reported" });
      expect(kept?.calls).toHaveLength(vendors.calls().length);
      expect(kept?.calls.every(({ usage_source }) => usage_source === "reported")).toBe(true);
      expect({
        answer: toMicroDollars(cost ?? 0),
        ledger: toMicroDollars(kept?.cost_usd ?? 0),
        calls: sumOf(kept?.calls ?? []),
        trace: toMicroDollars(traced.cost_usd ?? 0),
        steps: sumOf(traced.steps),
      }).toEqual({ answer: charged, ledger: charged, calls: charged, trace: charged, steps: charged });
      expect(traced.usage_source).toBe("reported");
    },
  );
});

describe("a worker without a price", () => {
  it("is refused to a tenant with a budget, straight through and by a tier", async () => {
    const key = await makeTenant("careful", { usd_per_month: 100 }, { allowed_workers: ["north/fish"] });
    for (const model of ["north/fish", "shoal-mini", "shoal-ultra"]) {
      const response = await send("POST", "/v1/chat/completions", key, { model, messages });
      expect(response.status).toBe(403);
      expect(await response.text()).toContain("has a known price");
    }
    expect(vendors.calls()).toEqual([]);
    expect(await readLedger("careful")).toEqual([]);
  });

  it("is served to a tenant without one, at a cost that nobody claims to know", async () => {
    const key = await makeTenant("trusting", null);
    const response = await send("POST", "/v1/chat/completions", key, { model: "north/fish", messages });
    expect(response.status).toBe(200);
    expect(costIn(await response.text())).toBeNull();
    const id = response.headers.get("x-request-id") ?? "";
    expect(await readTrace(id, key)).toMatchObject({ cost_usd: null });
    expect(await readLedger("trusting")).toMatchObject([
      { usage_source: "reported", calls: [{ worker: "north/fish", provider: "north", cost_usd: null }] },
    ]);
  });

  it("does not stand in the way of embeddings, which cost nothing", async () => {
    const key = await makeTenant("poor", { usd_per_month: 0 });
    const response = await send("POST", "/v1/embeddings", key, { model: "all-minilm-l6-v2", input: "cod" });
    expect(response.status).toBe(200);
    expect(await readLedger("poor")).toEqual([]);
  });
});

/** Reports as the vendors document them, of these calls, yesterday and today; what the second vendor charges is off by a factor. */
const writeReports = async (calls: readonly VendorCall[], factor: number): Promise<readonly string[]> => {
  const midnight = Math.floor(Date.now() / 86_400_000) * 86_400;
  const of = (vendor: string) => calls.filter((one) => one.vendor === vendor);
  const costs = of("openai").map(({ model }) => ({
    object: "organization.costs.result",
    amount: { value: chargeOf(of("openai").slice(0, 1)) / 1e6, currency: "usd" },
    line_item: `${model}-2026-03-05, input`,
    project_id: null,
  }));
  const usage = {
    object: "organization.usage.completions.result",
    input_tokens: used.inputTokens * of("openai").length,
    input_cached_tokens: used.cachedInputTokens * of("openai").length,
    output_tokens: used.outputTokens * of("openai").length,
    num_model_requests: of("openai").length,
    model: "gpt-5.4-2026-03-05",
  };
  const page = (results: readonly object[]) => ({
    object: "page",
    data: [midnight - 86_400, midnight].map((start) => ({
      object: "bucket",
      start_time: start,
      end_time: start + 86_400,
      results: start === midnight ? results : [],
    })),
    has_more: false,
    next_page: null,
  });
  const cost = {
    amount: String((factor * chargeOf(of("anthropic"))) / 1e4),
    currency: "USD",
    cost_type: "tokens",
    description: "Claude Opus 4.6 Usage - Input Tokens",
    model: "claude-opus-4-6",
    token_type: "uncached_input_tokens",
    service_tier: "standard",
    context_window: "0-200k",
    workspace_id: null,
  };
  const bill = {
    data: [midnight - 86_400, midnight].map((start) => ({
      starting_at: new Date(start * 1000).toISOString(),
      ending_at: new Date((start + 86_400) * 1000).toISOString(),
      results: start === midnight ? [cost] : [],
    })),
    has_more: false,
    next_page: null,
  };
  const files = { costs: page(costs), usage: page([usage]), bill };
  return Promise.all(
    Object.entries(files).map(async ([name, report]) => {
      const file = path.join(folder, `${name}-${factor}.json`);
      await writeFile(file, JSON.stringify(report));
      return file;
    }),
  );
};

const reconcile = async (...argv: readonly string[]) => {
  const main = path.join(import.meta.dirname, "..", "..", "edge", "local", "reconcile", "main.ts");
  const child = spawn(process.execPath, [main, ...argv], { env: { ...process.env, ADMIN_KEY: adminKey } });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, errors, code] = await Promise.all([readText(child.stdout), readText(child.stderr), ended]);
  return { out, errors, code };
};

describe("npm run reconcile", () => {
  it("finds the ledger of a running Shoal right, and a vendor that charges a tenth more", async () => {
    const key = await makeTenant("audited", { usd_per_month: 100 });
    for (const model of ["openai/gpt-5.4", "openai/gpt-5.4", "anthropic/claude-opus-4-6"]) {
      await (await send("POST", "/v1/chat/completions", key, { model, messages })).text();
    }
    const calls = vendors.calls();
    expect(calls).toHaveLength(3);
    const ledger = ["--ledger", `${system.url}/admin/tenants/audited/ledger`];
    const withReports = (files: readonly string[]) => [...ledger, ...files.flatMap((file) => ["--report", file])];

    const right = await reconcile(...withReports(await writeReports(calls, 1)));
    expect(right).toMatchObject({ code: 0, errors: "" });
    expect(right.out).toMatch(/openai: drift \$0\.00 of \$0\.\d+, 0\.00 %: within 1\.00 %/);
    expect(right.out).toMatch(/anthropic: drift \$0\.00 of \$0\.\d+, 0\.00 %: within 1\.00 %/);

    const dearer = await reconcile(...withReports(await writeReports(calls, 1.1)));
    expect(dearer.code).toBe(1);
    expect(dearer.out).toMatch(/openai: drift \$0\.00 .*within/);
    expect(dearer.out).toMatch(/anthropic: drift \$0\.\d+ of \$0\.\d+, 9\.\d\d %: above 1\.00 %/);
    const allowed = await reconcile(...withReports(await writeReports(calls, 1.1)), "--tolerance", "10%", "--json");
    expect(allowed.code).toBe(0);
    expect(JSON.parse(allowed.out)).toMatchObject({
      verdicts: [{ provider: "anthropic" }, { provider: "openai", drift: 0 }],
    });
  });

  it("reads the ledger that the admin API writes as CSV", async () => {
    const response = await send("GET", "/admin/tenants/audited/ledger?format=csv&rows=calls", adminKey);
    const file = path.join(folder, "ledger.csv");
    await writeFile(file, await response.text());
    const reports = await writeReports([], 1);
    const { out, code } = await reconcile("--ledger", file, "--report", reports[0] ?? "", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      workers: [{ provider: "openai", worker: "openai/gpt-5.4", ledger: { calls: 2 }, vendor: { dollars: null } }],
      unreported: [{ provider: "anthropic", calls: 1 }],
    });
  });

  it("says what it misses", async () => {
    expect(await reconcile("--ledger", "x.json")).toMatchObject({
      code: 2,
      errors: expect.stringContaining("--report is missing"),
    });
  });
});
