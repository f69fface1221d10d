import { expect, it } from "vitest";
import { createRequestIds } from "../../../edge/runtime/request-id.ts";

const draw = (bytes: Uint8Array) => void crypto.getRandomValues(bytes);

it("gives each request an id that nobody else has, of 26 characters that sort by time", () => {
  const newId = createRequestIds(draw);
  const ids = Array.from({ length: 1_000 }, newId);
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id))).toBe(true);
  expect(ids.map((id) => id.slice(0, 10))).toEqual(ids.map((id) => id.slice(0, 10)).toSorted());
});

it("draws random bytes for many ids at once, and each byte is used once", () => {
  let draws = 0;
  const newId = createRequestIds((bytes) => {
    draws += 1;
    draw(bytes);
  });
  const ids = Array.from({ length: 128 }, newId);
  expect(draws).toBe(2);
  expect(new Set(ids.map((id) => id.slice(10))).size).toBe(128);
});
