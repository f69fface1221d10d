import { describe, expect, it } from "vitest";
import { resolveModel } from "../../../edge/pool/resolve-model.ts";
import { toWire } from "../../../shared/errors.ts";
import { cardOf } from "../../support/edge.ts";

const cards = [cardOf("north/model-1"), cardOf("north/model-2"), cardOf("south/other")];
const known = { cards, weightsDate: "2026-11-22" };
const now = Date.parse("2026-11-22T12:00:00Z");
const resolve = (name: string) => resolveModel(name, known, now);
const nearestTo = (name: string) => {
  const resolved = resolve(name);
  if (resolved.ok || resolved.error.kind !== "unknown_model") throw new Error("known");
  return resolved.error.nearest;
};

describe("resolveModel", () => {
  it.each([
    ["shoal-mini", "mini"],
    ["shoal-ultra", "ultra"],
    ["fugu", "mini"],
    ["fugu-mini", "mini"],
    ["fugu-ultra", "ultra"],
    ["shoal-mini-2026-11-22", "mini"],
    ["shoal-ultra-2026-11-22", "ultra"],
  ])("reads %s as a tier", (name, tier) => {
    expect(resolve(name)).toEqual({ ok: true, value: { kind: "tier", tier } });
  });

  it("reads a worker's id", () => {
    expect(resolve("north/model-1")).toEqual({
      ok: true,
      value: { kind: "worker", id: "north/model-1", effort: null },
    });
  });

  it("reads a worker's id with an effort", () => {
    expect(resolve("north/model-1@high")).toMatchObject({ value: { id: "north/model-1", effort: "high" } });
  });

  it.each([
    "north/model-1@",
    "north/model-1@extreme",
    "north/model-1@high@low",
    "@high",
    "shoal-mini@high",
    "shoal-mini-2026-11-21",
    "fugu-2026-11-22",
    "north/model-3",
    "model-1",
    "",
    "constructor",
    "__proto__",
    "toString",
  ])("does not know %j", (name) => {
    expect(resolve(name)).toMatchObject({ ok: false, error: { kind: "unknown_model", model: name } });
  });

  it("suggests the nearest names first, three at most, and none that is far", () => {
    expect(nearestTo("shoal-mni")[0]).toBe("shoal-mini");
    expect(nearestTo("north/model-3").toSorted()).toEqual(["north/model-1", "north/model-2"]);
    expect(nearestTo("model-1")[0]).toBe("north/model-1");
    expect(nearestTo("fugu-minu").length).toBeLessThanOrEqual(3);
    expect(nearestTo("something-else-entirely")).toEqual([]);
  });

  it("names the pin that holds where another is asked for", () => {
    expect(nearestTo("shoal-mini-2026-12-01")[0]).toBe("shoal-mini-2026-11-22");
  });

  it("says of a retired model since when it is gone and what to use", () => {
    const resolved = resolve("anthropic/claude-sonnet-4");
    if (resolved.ok) throw new Error("served");
    expect(toWire(resolved.error)).toMatchObject({
      status: 410,
      code: "model_retired",
      param: "model",
      message: "the model 'anthropic/claude-sonnet-4' was retired on 2026-06-15: use 'anthropic/claude-sonnet-4-6'",
    });
  });

  it("serves a model until the day of its retirement", () => {
    const before = Date.parse("2026-06-14T23:59:59Z");
    const resolved = resolveModel(
      "anthropic/claude-sonnet-4",
      { ...known, cards: [cardOf("anthropic/claude-sonnet-4")] },
      before,
    );
    expect(resolved).toMatchObject({ ok: true, value: { kind: "worker" } });
  });

  it("answers a name of a megabyte in a short message", () => {
    const resolved = resolve("x".repeat(1_000_000));
    if (resolved.ok) throw new Error("known");
    expect(toWire(resolved.error).message.length).toBeLessThan(400);
  });
});
