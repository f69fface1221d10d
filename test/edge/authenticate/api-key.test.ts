import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalSecrets, hashKey, makeApiKey, readApiKey, regionOf } from "../../../edge/authenticate/api-key.ts";

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const make = (keySecret = "secret-number-one", region = "us", tenant = "acme") =>
  makeApiKey({ region, tenant, keySecret, random });

describe("an API key", () => {
  it("reads back as it was made, whatever its randomness", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[a-z0-9]{1,16}$/),
        fc.stringMatching(/^[a-z0-9]{1,32}$/),
        fc.uint8Array({ minLength: 64, maxLength: 64 }).filter((bytes) => bytes.some((byte) => byte < 216)),
        async (region, tenant, bytes) => {
          let at = 0;
          const drawn = (count: number) => Uint8Array.from({ length: count }, () => bytes[at++ % bytes.length] ?? 0);
          const { key, id } = await makeApiKey({ region, tenant, keySecret: "secret-number-one", random: drawn });
          expect(await readApiKey(key, "secret-number-one")).toEqual({ region, tenant, id });
        },
      ),
    );
  });

  it("is refused with any one character changed", async () => {
    const { key } = await make();
    const letters = ["a", "b", "z", "A", "B", "Z", "0", "1", "9", "-", "_", " "];
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: key.length - 1 }), fc.constantFrom(...letters), async (at, letter) => {
        fc.pre(key[at] !== letter);
        expect(await readApiKey(key.slice(0, at) + letter + key.slice(at + 1), "secret-number-one")).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it("is refused cut short, drawn out or wrapped", async () => {
    const { key } = await make();
    for (const wrong of [key.slice(0, -1), `${key}0`, ` ${key}`, `${key}\n`, key.toUpperCase(), ""]) {
      expect(await readApiKey(wrong, "secret-number-one")).toBeNull();
    }
  });

  it("is refused under another region's secret", async () => {
    const { key } = await make("secret-eu");
    expect(await readApiKey(key, "secret-us")).toBeNull();
  });

  it("stays valid through a rotation, until its secret is dropped", async () => {
    const old = await make("secret-number-one");
    const fresh = await make("secret-number-two,secret-number-one");
    expect(await readApiKey(old.key, "secret-number-two,secret-number-one")).not.toBeNull();
    expect(await readApiKey(fresh.key, "secret-number-two")).not.toBeNull();
    expect(await readApiKey(old.key, "secret-number-two")).toBeNull();
  });

  it("is neither made nor accepted without a secret", async () => {
    await expect(make("")).rejects.toThrow("KEY_SECRET is not set");
    const { key } = await make();
    expect(await readApiKey(key, "")).toBeNull();
    expect(await readApiKey(key, ",")).toBeNull();
  });

  it("has no hyphen within a field, and is never the same twice", async () => {
    const keys = await Promise.all(Array.from({ length: 50 }, () => make()));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(50);
    for (const { key } of keys) expect(key.split("-")).toHaveLength(6);
  });

  it("tells its region unchecked", async () => {
    const { key } = await make("secret-number-one", "eu");
    expect(regionOf(key)).toBe("eu");
    expect(regionOf("sk-shoal-eu-acme")).toBeNull();
  });
});

describe("hashKey", () => {
  it("tells keys apart that share all but their last character", async () => {
    expect(await hashKey("sk-shoal-a")).not.toBe(await hashKey("sk-shoal-b"));
    expect(await hashKey("sk-shoal-a")).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("equalSecrets", () => {
  it("compares texts of any lengths", async () => {
    expect(await equalSecrets("secret", "secret")).toBe(true);
    expect(await equalSecrets("secret", "secreT")).toBe(false);
    expect(await equalSecrets("secret", "secret-and-more")).toBe(false);
  });
});
