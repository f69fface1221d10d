import { describe, expect, it } from "vitest";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";
import type { Vendors } from "../support/vendors.ts";

const oldKey = "admin-key-that-is-rotated-out";
/** A host whose operator's key is one that the vendor refuses. */
const hostOf = (vendors: Vendors) => ({
  name: "north",
  base_url: `${new URL(vendors.openai.baseUrl).origin}/host/v1`,
  api_key_env: "NORTH_KEY",
  models: [
    { id: "m1", context_tokens: 100_000, max_output_tokens: 4000, price: { input: 1, output: 2 }, abilities: [] },
  ],
});

const { vendors, system, request, send, makeTenant } = systemUnderTest((played) => ({
  ADMIN_KEY: `${adminKey},${oldKey}`,
  SHOAL_ADMIN_PER_MINUTE: "1000",
  SHOAL_PROVIDERS: JSON.stringify([hostOf(played)]),
  NORTH_KEY: "key-of-the-operator",
}));

const admin = (method: string, path: string, body?: object) => send(method, `/admin${path}`, adminKey, body);

const chat = (key: string, model = "shoal-mini") =>
  send("POST", "/v1/chat/completions", key, { model, messages: [{ role: "user", content: "Name a fish." }] });

describe("the operator's credential", () => {
  it("is any of those that are configured, and not in the place of a key", async () => {
    expect(await send("GET", "/admin/tenants", oldKey)).toMatchObject({ status: 200 });
    expect(await send("GET", "/v1/models", oldKey)).toMatchObject({ status: 401 });
    expect(await send("GET", "/admin/tenants", `${adminKey},${oldKey}`)).toMatchObject({ status: 401 });
    const byAnother = await request("/admin/tenants", { key: "wrong", headers: { "x-api-key": adminKey } });
    expect(byAnother.status).toBe(401);
  });

  it("is not the local start's key, which is the tenant's", async () => {
    expect(await send("GET", "/admin/tenants", system.key)).toMatchObject({ status: 401 });
  });
});

describe("a tenant", () => {
  it("is read back with what it has spent, and listed in pages", async () => {
    await makeTenant("pageone", { limits: { usd_per_month: 5 } });
    await makeTenant("pagetwo");
    expect(await admin("GET", "/tenants/pageone")).toMatchObject({
      status: 200,
      body: { id: "pageone", status: "active", limits: { usd_per_month: 5 }, spend: { month_usd: 0, alarms: [] } },
    });
    const first = await admin("GET", "/tenants?limit=1&after=pageon");
    expect(first.body).toMatchObject({ data: [{ id: "pageone" }], has_more: true, next: "pageone" });
    const second = await admin("GET", `/tenants?limit=1&after=${first.body.next}`);
    expect(second.body).toMatchObject({ data: [{ id: "pagetwo" }] });
  });

  it("is changed field by field, and null deletes one", async () => {
    await makeTenant("changing", { limits: { usd_per_month: 5, usd_per_day: 1 }, preference: "quality" });
    const changed = await admin("PATCH", "/tenants/changing", {
      name: "Renamed",
      limits: { usd_per_day: null, concurrency: 3 },
      preference: null,
      baseline: "openai/gpt-5.4",
    });
    expect(changed.status).toBe(200);
    const { body } = await admin("GET", "/tenants/changing");
    expect(body).toMatchObject({
      name: "Renamed",
      limits: { usd_per_month: 5, concurrency: 3 },
      baseline: "openai/gpt-5.4",
    });
    expect(body.limits).not.toHaveProperty("usd_per_day");
    expect(body).not.toHaveProperty("preference");
  });

  it("is refused names of nothing, with the field and what is nearest", async () => {
    const wrong = async (policy: object, param: string, hint: string) => {
      const refused = await admin("POST", "/tenants", { id: "wrong", name: "Wrong", ...policy });
      expect(refused).toMatchObject({ status: 400, body: { error: { param } } });
      expect(refused.body.error.message).toContain(hint);
    };
    await wrong({ allowed_workers: ["openai/gpt-5.4", "openai/gpt-5.5x"] }, "allowed_workers[1]", "openai/gpt-5.5");
    await wrong({ allowed_models: ["shoal-minni"] }, "allowed_models[0]", "shoal-mini");
    await wrong({ allowed_vendors: ["openia"] }, "allowed_vendors[0]", "openai");
    await wrong({ allowed_data_regions: ["eur"] }, "allowed_data_regions[0]", "eu");
    await wrong({ baseline: "gpt-5.44" }, "baseline", "openai/gpt-5.4");
    await wrong({ limits: { usd_per_week: 5 } }, "limits.usd_per_week", "unknown parameter");
    expect(await admin("GET", "/tenants/wrong")).toMatchObject({ status: 404 });
  });

  it("that is inactive opens nothing, and opens again when it is active", async () => {
    const { key } = await makeTenant("resting");
    expect(await admin("PATCH", "/tenants/resting", { status: "inactive" })).toMatchObject({
      body: { status: "inactive" },
    });
    expect(await chat(key)).toMatchObject({ status: 401 });
    await admin("PATCH", "/tenants/resting", { status: "active" });
    expect(await chat(key)).toMatchObject({ status: 200 });
  });
});

describe("the local start's tenant", () => {
  it("has a policy and usage like any other, and neither another name nor an end", async () => {
    expect(await admin("PATCH", "/tenants/local", { max_output_tokens: 5000 })).toMatchObject({
      status: 200,
      body: { id: "local", max_output_tokens: 5000 },
    });
    expect(await chat(system.key)).toMatchObject({ status: 200 });
    expect((await admin("GET", "/tenants/local/usage?group_by=")).body.data).toMatchObject([{ requests: 1 }]);
    expect(await admin("PATCH", "/tenants/local", { status: "inactive" })).toMatchObject({ status: 400 });
    expect(await admin("DELETE", "/tenants/local")).toMatchObject({ status: 400 });
  });
});

describe("a key", () => {
  it("is shown once, and read without the key or its hash", async () => {
    const { key, keyId } = await makeTenant("keyed");
    const list = await admin("GET", "/tenants/keyed/keys");
    expect(list.body.data).toMatchObject([{ object: "key", id: keyId, name: "first", status: "active" }]);
    const read = await admin("GET", `/tenants/keyed/keys/${keyId}`);
    const told = JSON.stringify([list.body, read.body]);
    expect(told).not.toContain(key);
    expect(told).not.toContain("hash");
  });

  it("is changed, and null deletes a field", async () => {
    const { key, keyId } = await makeTenant("keychange");
    expect(
      await admin("PATCH", `/tenants/keychange/keys/${keyId}`, { scopes: ["usage"], name: "reader" }),
    ).toMatchObject({
      status: 200,
      body: { name: "reader", scopes: ["usage"] },
    });
    expect(await chat(key)).toMatchObject({ status: 403 });
    expect(await send("GET", "/v1/usage", key)).toMatchObject({ status: 200 });
    const freed = await admin("PATCH", `/tenants/keychange/keys/${keyId}`, { scopes: null });
    expect(freed.body).not.toHaveProperty("scopes");
  });

  it("is rotated: both work while they overlap, then only the new one", async () => {
    const { key, keyId } = await makeTenant("rotating", { limits: { requests_per_minute: 100 } });
    const rotated = await admin("POST", `/tenants/rotating/keys/${keyId}/rotate`, { overlap_seconds: 3600 });
    expect(rotated).toMatchObject({ status: 201, body: { name: "first", replaces: { id: keyId, status: "active" } } });
    expect(await chat(key)).toMatchObject({ status: 200 });
    expect(await chat(rotated.body.key)).toMatchObject({ status: 200 });
    const left = Date.parse(rotated.body.replaces.expires_at) - Date.now();
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    const again = await admin("POST", `/tenants/rotating/keys/${rotated.body.id}/rotate`, { overlap_seconds: 0 });
    expect(again.body.replaces).toMatchObject({ status: "expired" });
    expect(await chat(again.body.key)).toMatchObject({ status: 200 });
    expect(await admin("POST", `/tenants/rotating/keys/${rotated.body.id}/rotate`, {})).toMatchObject({ status: 404 });
  });

  it("is revoked, and cannot be changed any more", async () => {
    const { key, keyId } = await makeTenant("revoking");
    expect(await admin("DELETE", `/tenants/revoking/keys/${keyId}`)).toMatchObject({ status: 204 });
    expect(await chat(key)).toMatchObject({ status: 401 });
    expect(await admin("PATCH", `/tenants/revoking/keys/${keyId}`, { name: "x" })).toMatchObject({ status: 404 });
    expect(await admin("GET", `/tenants/revoking/keys/${keyId}`)).toMatchObject({ body: { status: "revoked" } });
  });
});

describe("a vendor's key of a tenant's own", () => {
  it("takes the place of the operator's in this tenant's calls alone", async () => {
    const { key } = await makeTenant("owner");
    const other = await makeTenant("guest");
    const put = await admin("PUT", "/tenants/owner/vendor-keys/north", { key: vendors.openai.key });
    expect(put).toMatchObject({ status: 200, body: { provider: "north" } });
    expect(await chat(key, "north/m1")).toMatchObject({ status: 200 });
    expect(JSON.stringify((await chat(other.key, "north/m1")).body)).toContain("refused the operator's credentials");
    expect(await admin("DELETE", "/tenants/owner/vendor-keys/north")).toMatchObject({ status: 204 });
  });

  it("that the vendor refuses is no trouble to others", async () => {
    const { key } = await makeTenant("mistaken");
    const other = await makeTenant("correct");
    await admin("PUT", "/tenants/mistaken/vendor-keys/anthropic", { key: "a-key-that-anthropic-does-not-know" });
    const model = "anthropic/claude-opus-4-6";
    for (let count = 0; count < 6; count += 1) expect(await chat(key, model)).toMatchObject({ status: 502 });
    expect(await chat(other.key, model)).toMatchObject({ status: 200 });
  });

  it("is never read back, and stands nowhere in what is stored", async () => {
    await makeTenant("hidden");
    const secret = "the-key-that-nobody-may-ever-read-4711";
    const put = await admin("PUT", "/tenants/hidden/vendor-keys/openai", { key: secret });
    const list = await admin("GET", "/tenants/hidden/vendor-keys");
    expect(list.body).toMatchObject({ data: [{ provider: "openai", ending: "4711" }], rewrap_due: false });
    const told = [put, list, await admin("GET", "/tenants/hidden"), await admin("GET", "/audit?tenant=hidden")];
    expect(JSON.stringify(told.map(({ body }) => body))).not.toContain(secret.slice(0, 20));
    expect(system.output()).not.toContain(secret);
  });

  it("is refused where the operator has no such provider", async () => {
    await makeTenant("elsewhere");
    expect(await admin("PUT", "/tenants/elsewhere/vendor-keys/openia", { key: "some-key-of-a-tenant" })).toMatchObject({
      status: 400,
      body: { error: { param: "provider", message: expect.stringContaining("openai") } },
    });
  });
});

const modelsOf = async (key: string) =>
  (await send("GET", "/v1/models", key)).body.data.map(({ id }: { id: string }) => id);

const putBounded = (id: string, body: object) => admin("PUT", `/tenants/bounded/workers/${id}`, body);

describe("a worker of a tenant's own", () => {
  const worker = { context_tokens: 50_000, max_output_tokens: 2000, price: { input: 1, output: 2 }, abilities: [] };

  it("is seen and asked by this tenant alone", async () => {
    const { key } = await makeTenant("maker");
    const other = await makeTenant("looker");
    await admin("PUT", "/tenants/maker/vendor-keys/north", { key: vendors.openai.key });
    expect(await admin("PUT", "/tenants/maker/workers/north/tuned", worker)).toMatchObject({
      status: 200,
      body: { id: "north/tuned", provider: "north" },
    });
    expect(await modelsOf(key)).toContain("north/tuned");
    expect(await modelsOf(other.key)).not.toContain("north/tuned");
    const answer = await chat(key, "north/tuned");
    expect(answer).toMatchObject({ status: 200 });
    expect(vendors.calls().at(-1)).toMatchObject({ model: "tuned" });
    expect(await chat(other.key, "north/tuned")).toMatchObject({ status: 404 });
    expect(await admin("PATCH", "/tenants/maker", { baseline: "north/tuned" })).toMatchObject({ status: 200 });
    expect(await admin("PATCH", "/tenants/looker", { baseline: "north/tuned" })).toMatchObject({ status: 400 });
  });

  it("is on a provider of the operator's, and never a host or a worker of everybody's", async () => {
    await makeTenant("bounded");
    expect(await putBounded("south/x", worker)).toMatchObject({ status: 400, body: { error: { param: "id" } } });
    expect(await putBounded("north/m1", worker)).toMatchObject({ status: 400 });
    expect(await putBounded("north/x", { ...worker, base_url: "https://example.com" })).toMatchObject({
      status: 400,
      body: { error: { param: "base_url" } },
    });
    expect(await putBounded("north/x", { ...worker, price: { input: -1, output: 2 } })).toMatchObject({ status: 400 });
  });
});

describe("prices", () => {
  const model = "anthropic/claude-opus-4-6";

  it("are listed with their source, and what the operator sets is what is charged", async () => {
    const { key } = await makeTenant("priced");
    const listed = async () =>
      (await admin("GET", "/prices")).body.data.find(({ worker }: { worker: string }) => worker === model);
    expect(await listed()).toMatchObject({ set_at: null, source: { url: expect.stringMatching(/^https:/) } });
    const before = (await chat(key, model)).body.usage.cost;
    const { listed: old } = await listed();
    const dearer = { input: old.input * 3, output: old.output * 3 };
    expect(await admin("PUT", `/prices/${model}`, dearer)).toMatchObject({ status: 200, body: { price: dearer } });
    expect(await listed()).toMatchObject({ price: dearer, listed: old, set_at: expect.any(String) });
    await expect
      .poll(async () => (await chat(key, model)).body.usage.cost, { timeout: 12_000, interval: 200 })
      .toBeCloseTo(before * 3, 5);
    expect(await admin("DELETE", `/prices/${model}`)).toMatchObject({ status: 204 });
    expect(await listed()).toMatchObject({ price: old, set_at: null });
  });

  it("are refused for nobody, and where they cannot be", async () => {
    expect(await admin("PUT", "/prices/anthropic/claude-opus-4-66", { input: 1, output: 2 })).toMatchObject({
      status: 404,
      body: { error: { message: expect.stringContaining(model) } },
    });
    expect(await admin("PUT", `/prices/${model}`, { input: -1, output: 2 })).toMatchObject({ status: 400 });
    expect(await admin("PUT", `/prices/${model}`, { input: 1, output: 2, per: "token" })).toMatchObject({
      status: 400,
      body: { error: { param: "per" } },
    });
  });
});

describe("usage", () => {
  it("is the same sum to the operator and to the tenant, and nobody else's", async () => {
    const { key, keyId } = await makeTenant("spender");
    const other = await makeTenant("bystander");
    const answer = await chat(key);
    expect(answer.status).toBe(200);
    const own = await send("GET", "/v1/usage?group_by=key,worker", key);
    expect(own).toMatchObject({
      status: 200,
      body: { tenant: "spender", data: [{ key_id: keyId, key_name: "first", requests: 1, calls: 1 }] },
    });
    expect(own.body.total.cost_usd).toBeCloseTo(answer.body.usage.cost, 9);
    const told = await admin("GET", "/tenants/spender/usage?group_by=key,worker");
    expect(told.body).toEqual(own.body);
    expect((await send("GET", "/v1/usage", other.key)).body).toMatchObject({ tenant: "bystander", data: [] });
  });

  it("is a table where the client asks for one", async () => {
    const { key } = await makeTenant("tabular");
    await chat(key);
    const table = await request("/v1/usage?group_by=model", { key, headers: { accept: "text/csv" } });
    expect(table.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const [header, row, end] = (await table.text()).split("\r\n");
    expect(header).toBe(
      "model,requests,calls,input_tokens,cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd",
    );
    expect(row).toMatch(/^shoal-mini,1,1,\d+,/);
    expect(end).toBe("");
  });

  it("names the parameter that is wrong", async () => {
    const { key } = await makeTenant("asking");
    const wrong = async (query: string, param: string) =>
      expect(await send("GET", `/v1/usage?${query}`, key)).toMatchObject({
        status: 400,
        body: { error: { param } },
      });
    await wrong("group_by=color", "group_by");
    await wrong("from=yesterday", "from");
    await wrong("from=2026-02-01&to=2026-01-01", "from");
    await wrong("from=2020-01-01&to=2026-01-01", "from");
    await wrong("colour=red", "colour");
  });
});

describe("the ledger", () => {
  it("holds every request with its calls, in pages and as a table", async () => {
    const { key } = await makeTenant("ledgered");
    const costs = [];
    for (let count = 0; count < 3; count += 1) costs.push((await chat(key)).body.usage.cost);
    const all = await admin("GET", "/tenants/ledgered/ledger");
    expect(all.body.data.map((row: { cost_usd: number }) => row.cost_usd)).toEqual(costs);
    expect(all.body.data[0].calls).toMatchObject([{ step: "answer", usage_source: "reported", cost_usd: costs[0] }]);
    const first = await admin("GET", "/tenants/ledgered/ledger?limit=2");
    const rest = await admin("GET", `/tenants/ledgered/ledger?limit=2&after=${first.body.next}`);
    expect([...first.body.data, ...rest.body.data]).toEqual(all.body.data);
    const table = await admin("GET", "/tenants/ledgered/ledger?format=csv&rows=calls");
    expect(table.body.trim().split("\r\n")).toHaveLength(4);
  });
});

describe("the audit log", () => {
  it("tells who changed what, and how it ended, without a value or a secret", async () => {
    const { key, keyId } = await makeTenant("audited");
    await send("PATCH", "/admin/tenants/audited", oldKey, { limits: { usd_per_month: 77.25 } });
    await admin("PATCH", "/tenants/audited", { baseline: "nobody/nothing" });
    await admin("DELETE", `/tenants/audited/keys/${encodeURIComponent(key)}`);
    await admin("GET", "/tenants/audited");
    const { body } = await admin("GET", "/audit?tenant=audited");
    expect(
      body.data.map((row: { action: string; path: string; status: number }) => [row.action, row.path, row.status]),
    ).toEqual([
      ["DELETE", "/admin/tenants/audited/keys/(withheld)", 404],
      ["PATCH", "/admin/tenants/audited", 400],
      ["PATCH", "/admin/tenants/audited", 200],
      ["POST", "/admin/tenants/audited/keys", 201],
      ["POST", "/admin/tenants", 201],
    ]);
    expect(body.data[3]).toMatchObject({ created: keyId, fields: ["name"] });
    expect(body.data[2].credential).not.toBe(body.data[1].credential);
    const told = JSON.stringify(body);
    for (const secret of [key, adminKey, oldKey, "77.25"]) expect(told).not.toContain(secret);
  });
});
