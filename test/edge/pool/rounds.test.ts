import { describe, expect, it } from "vitest";
import { readRounds } from "../../../edge/pool/rounds.ts";
import { preferences } from "../../../shared/preference.ts";

const read = (name: (typeof preferences)[number], header?: string, metadata?: string) =>
  readRounds(
    new Headers(header === undefined ? {} : { "x-shoal-rounds": header }),
    { metadata: metadata === undefined ? {} : { shoal_rounds: metadata } },
    { name },
  );

describe("readRounds", () => {
  it("allows a second round at preference quality alone, whatever the client wants", () => {
    expect(preferences.map((name) => read(name))).toEqual([2, 1, 1].map((value) => ({ ok: true, value })));
    expect(read("balanced", "2")).toEqual({ ok: true, value: 1 });
  });

  it("lets the client forbid it, by a header or where it cannot set one", () => {
    expect(read("quality", "1")).toEqual({ ok: true, value: 1 });
    expect(read("quality", undefined, "1")).toEqual({ ok: true, value: 1 });
    expect(read("quality", "2", "1")).toEqual({ ok: true, value: 2 });
  });

  it.each([
    ["x-shoal-rounds", "3", undefined],
    ["x-shoal-rounds", "", undefined],
    ["metadata.shoal_rounds", undefined, "none"],
  ])("names %s where it is neither", (param, header, metadata) => {
    expect(read("quality", header, metadata)).toMatchObject({ ok: false, error: { kind: "invalid_request", param } });
  });
});
