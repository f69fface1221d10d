import { expect, it } from "vitest";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

const { vendors, send, makeTenant } = systemUnderTest();

const chat = (key: string, model = "shoal-mini") =>
  send("POST", "/v1/chat/completions", key, { model, messages: [{ role: "user", content: "Name a fish." }] });

it("lets a tenant's key in, and no other tenant to its traces", async () => {
  const acme = await makeTenant("acme");
  const other = await makeTenant("other");
  const answer = await chat(acme.key);
  expect(answer.status).toBe(200);
  const id = answer.headers.get("x-request-id");
  expect(await send("GET", `/v1/traces/${id}`, acme.key)).toMatchObject({ status: 200, body: { tenant: "acme" } });
  expect(await send("GET", `/v1/traces/${id}`, other.key)).toMatchObject({ status: 404 });
});

it("refuses with 402 what the month's budget cannot pay, and calls nobody", async () => {
  const { key } = await makeTenant("poor", { limits: { usd_per_month: 0.000001 } });
  const answer = await chat(key);
  expect(answer).toMatchObject({ status: 402, body: { error: { code: "insufficient_quota" } } });
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(vendors.calls()).toEqual([]);
  expect(await send("GET", "/v1/models", key)).toMatchObject({ status: 200 });
});

it("keeps a key to its workers", async () => {
  const { key } = await makeTenant("narrow", {}, { allowed_workers: ["anthropic/claude-opus-4-6"] });
  expect(await chat(key)).toMatchObject({ status: 200 });
  expect(vendors.calls().map((call) => call.model)).toEqual(["claude-opus-4-6"]);
  expect(await chat(key, "openai/gpt-5.4")).toMatchObject({ status: 403 });
});

it("takes neither a tenant's key for the operator's nor the operator's for a tenant's", async () => {
  const { key } = await makeTenant("curious");
  expect(await send("GET", "/admin/tenants", key)).toMatchObject({ status: 401 });
  expect(await send("GET", "/admin/tenants", adminKey)).toMatchObject({ status: 200 });
  expect(await chat(adminKey)).toMatchObject({ status: 401 });
});

it("names what is wrong with a tenant or a key", async () => {
  expect(await send("POST", "/admin/tenants", adminKey, { id: "No!", name: "x" })).toMatchObject({
    status: 400,
    body: { error: { param: "id" } },
  });
  expect(await send("POST", "/admin/tenants", adminKey, { id: "local", name: "x" })).toMatchObject({ status: 400 });
  expect(await send("POST", "/admin/tenants/nobody/keys", adminKey, { name: "x" })).toMatchObject({ status: 404 });
});
