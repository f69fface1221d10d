import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { readTurn, writeTurn } from "../../../edge/objects/tenant-log/turns.ts";
import { newTenant, objectsOf } from "../../support/edge.ts";

it("forgets the least recently used turns, and no newer one, where they would take too much room", async () => {
  const log = objectsOf().tenantLog(newTenant());
  const kept = await runInDurableObject(log, (_, { storage: { sql } }) => {
    const write = (index: number) =>
      writeTurn(sql, { id: `t${index}`, previous: null, sealed: "x".repeat(10_000) }, 1_000 + index, 3_000_000);
    for (let index = 0; index < 400; index += 1) write(index);
    return Array.from({ length: 400 }, (_unused, index) => readTurn(sql, `t${index}`, 2_000) !== null);
  });
  const first = kept.indexOf(true);
  expect(first).toBeGreaterThanOrEqual(100);
  expect(first).toBeLessThan(300);
  expect(kept.slice(first).every(Boolean)).toBe(true);
});
