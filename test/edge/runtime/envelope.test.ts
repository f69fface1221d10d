import { describe, expect, it } from "vitest";
import { createEnvelope } from "../../../edge/runtime/envelope.ts";

const newId = () => crypto.randomUUID().replaceAll("-", "");
const envelopeOf = (tenant: string, keySecret = "secret-number-one") => createEnvelope(tenant, keySecret, newId);

const seal = async () => {
  const envelope = envelopeOf("acme");
  const wrapped = await envelope.make();
  const sealed = (await envelope.seal(wrapped, "north", "the-key")) ?? "";
  return { envelope, wrapped, sealed };
};

describe("a tenant's secret at rest", () => {
  it("opens for the tenant under its name", async () => {
    const { envelope, wrapped, sealed } = await seal();
    expect(await envelope.open(wrapped, "north", sealed)).toBe("the-key");
    expect(sealed).not.toContain("the-key");
  });

  it("opens neither for another tenant nor under another name", async () => {
    const { envelope, wrapped, sealed } = await seal();
    expect(await envelopeOf("other").open(wrapped, "north", sealed)).toBeNull();
    expect(await envelope.open(wrapped, "south", sealed)).toBeNull();
    expect(await envelope.open(await envelope.make(), "north", sealed)).toBeNull();
  });

  it("outlives a secret of the region once its data key is wrapped anew", async () => {
    const { wrapped, sealed } = await seal();
    const rotating = envelopeOf("acme", "secret-number-two,secret-number-one");
    expect(await rotating.isOutdated(wrapped)).toBe(true);
    const rewrapped = (await rotating.rewrap(wrapped)) ?? "";
    expect(await rotating.isOutdated(rewrapped)).toBe(false);
    const after = envelopeOf("acme", "secret-number-two");
    expect(await after.open(rewrapped, "north", sealed)).toBe("the-key");
    expect(await after.open(wrapped, "north", sealed)).toBeNull();
    expect(await after.rewrap(wrapped)).toBeNull();
  });
});
