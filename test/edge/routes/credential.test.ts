import { describe, expect, it, vi } from "vitest";
import { readCredential } from "../../../edge/routes/admin/credential.ts";
import { settingsOf } from "../../support/edge.ts";
import { createHandClock } from "../../support/hand-clock.ts";

/** Each test has an address of its own: the isolate remembers. */
const setUp = () => {
  const clock = createHandClock();
  const settings = settingsOf({ ADMIN_KEY: "newest-key,older-key", SHOAL_ADMIN_PER_MINUTE: "30" });
  const address = crypto.randomUUID();
  const read = (given: string | null, from = address) =>
    readCredential(
      new Headers({ "cf-connecting-ip": from, ...(given !== null && { authorization: `Bearer ${given}` }) }),
      { settings, clock },
    );
  return { read, clock };
};

const invalid = { ok: false, error: { kind: "invalid_key" } };
const limited = { ok: false, error: { kind: "rate_limited" } };

describe("the operator's credential", () => {
  it("is any of those configured, told apart by their fingerprints", async () => {
    const { read } = setUp();
    const [newest, older] = [await read("newest-key"), await read("older-key")];
    expect(newest).toEqual({ ok: true, value: expect.stringMatching(/^[0-9a-f]{8}$/) });
    expect(older).toMatchObject({ ok: true });
    expect(older).not.toEqual(newest);
  });

  it("is neither their list nor a part of one, nor empty", async () => {
    const { read } = setUp();
    expect(await read("newest-key,older-key")).toMatchObject(invalid);
    expect(await read("newest-ke")).toMatchObject(invalid);
    expect(await read(null)).toMatchObject({ ok: false, error: { kind: "missing_key" } });
  });

  it("is none when none is configured", async () => {
    const deps = { settings: settingsOf(), clock: createHandClock() };
    const headers = new Headers({ authorization: "Bearer anything", "cf-connecting-ip": crypto.randomUUID() });
    expect(await readCredential(headers, deps)).toMatchObject(invalid);
  });

  it("is refused for the rest of the minute to an address that tried many wrong ones", async () => {
    const { read, clock } = setUp();
    for (let attempt = 0; attempt < 3; attempt += 1) expect(await read("guess")).toMatchObject(invalid);
    expect(await read("newest-key")).toMatchObject(limited);
    expect(await read("newest-key", crypto.randomUUID())).toMatchObject({ ok: true });
    await clock.advance(60_000);
    expect(await read("newest-key")).toMatchObject({ ok: true });
  });

  it("is not refused to the operator for a stranger's guesses where addresses are not known", async () => {
    const deps = { settings: settingsOf({ ADMIN_KEY: "newest-key" }), clock: createHandClock() };
    const read = (given: string) => readCredential(new Headers({ authorization: `Bearer ${given}` }), deps);
    for (let attempt = 0; attempt < 100; attempt += 1) expect(await read("guess")).toMatchObject(invalid);
    expect(await read("newest-key")).toMatchObject({ ok: true });
  });

  it("is told of when it is wrong, once a minute, and never as it is", async () => {
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    const { read, clock } = setUp();
    const right = await read("older-key");
    for (const given of ["taken-back-key", "taken-back-key", "older-key"]) await read(given);
    expect(warned).toHaveBeenCalledExactlyOnceWith({
      event: "wrong_admin_credential",
      credential: expect.stringMatching(/^[0-9a-f]{8}$/),
      address: expect.any(String),
    });
    expect(warned.mock.calls[0]?.[0]).not.toMatchObject({ credential: right.ok && right.value });
    await clock.advance(60_000);
    await read("taken-back-key");
    expect(warned).toHaveBeenCalledTimes(2);
    warned.mockRestore();
  });

  it("may not begin as a tenant's key does", () => {
    expect(() => settingsOf({ ADMIN_KEY: "sk-shoal-us-acme" })).toThrow("ADMIN_KEY");
    expect(() => settingsOf({ ADMIN_KEY: "fine,sk-shoal-local-1" })).toThrow("ADMIN_KEY");
    expect(() => settingsOf({ ADMIN_KEY: "fine,the-same", SHOAL_DEV_KEY: "the-same" })).toThrow("ADMIN_KEY");
  });
});
