import { describe, expect, it } from "vitest";
import { hashKey, makeApiKey } from "../../../edge/authenticate/api-key.ts";
import { authenticate, devTenant } from "../../../edge/authenticate/authenticate.ts";
import { toWire } from "../../../shared/errors.ts";
import { settingsOf } from "../../support/edge.ts";

const settings = settingsOf({ PUBLIC_HOSTS: "us=us.example.com, eu=eu.example.com" });
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const make = (region = "us", keySecret = "secret-number-one") =>
  makeApiKey({ region, tenant: "acme", keySecret, random });
const bearer = (key: string) => new Headers({ authorization: `Bearer ${key}` });

describe("authenticate", () => {
  it("reads whose key it is", async () => {
    const { key, id } = await make();
    expect(await authenticate(bearer(key), settings)).toEqual({
      ok: true,
      value: { tenant: "acme", keyId: id, keyHash: await hashKey(key), dev: false },
    });
  });

  it("says the same of a key it has seen before", async () => {
    const { key } = await make();
    expect(await authenticate(bearer(key), settings)).toEqual(await authenticate(bearer(key), settings));
  });

  it.each([
    ["lower case", { authorization: "bearer KEY" }],
    ["several spaces", { authorization: "Bearer   KEY" }],
    ["a header of its own", { "x-api-key": "KEY" }],
  ])("takes the key with %s", async (_, header) => {
    const { key } = await make();
    const headers = Object.entries(header).map(([name, value]): [string, string] => [name, value.replace("KEY", key)]);
    expect(await authenticate(new Headers(headers), settings)).toMatchObject({ ok: true });
  });

  it.each([
    ["no header", {}],
    ["another scheme", { authorization: "Basic abc" }],
    ["a scheme without a key", { authorization: "Bearer " }],
    ["two keys", { authorization: "Bearer a b" }],
  ])("asks for a key when there is %s", async (_, headers) => {
    expect(await authenticate(new Headers(headers), settings)).toEqual({ ok: false, error: { kind: "missing_key" } });
  });

  it.each([
    ["no key of ours", "sk-proj-abc"],
    ["an empty key", ""],
    ["SQL", "' OR 1=1 --"],
    ["a made-up key", `sk-shoal-us-acme-abcdefgh-${"A".repeat(32)}${"0".repeat(16)}`],
  ])("refuses %s", async (_, key) => {
    expect(await authenticate(new Headers({ "x-api-key": key }), settings)).toEqual({
      ok: false,
      error: { kind: "invalid_key" },
    });
  });

  it("sends a key of another region to its host", async () => {
    const { key } = await make("eu", "secret-eu");
    const result = await authenticate(bearer(key), settings);
    expect(result).toEqual({ ok: false, error: { kind: "wrong_region", region: "eu", host: "eu.example.com" } });
    if (result.ok) throw new Error("accepted");
    expect(toWire(result.error)).toMatchObject({ status: 421, message: expect.stringContaining("eu.example.com") });
  });

  it("refuses a key of a region it does not know, even one signed with its own secret", async () => {
    const { key } = await make("ap");
    expect(await authenticate(bearer(key), settings)).toEqual({ ok: false, error: { kind: "invalid_key" } });
  });

  it("takes the local start's key only where one is set", async () => {
    const key = "sk-local-only";
    expect(await authenticate(bearer(key), settings)).toMatchObject({ ok: false });
    const local = settingsOf({ SHOAL_DEV_KEY: key });
    expect(await authenticate(bearer(key), local)).toMatchObject({ ok: true, value: { tenant: devTenant, dev: true } });
  });
});
