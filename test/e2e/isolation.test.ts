import { expect, it } from "vitest";
import { runIsolation } from "../chaos/isolation.ts";

it("keeps what two tenants with the same requests get apart", async () => {
  const report = await runIsolation({ seconds: 5, clients: 4, seed: 1 });
  expect(report.leaks).toEqual([]);
  expect(report.requests).toBeGreaterThan(50);
  expect(report.cacheHits).toBeGreaterThan(5);
  expect(report.attempts).toBeGreaterThan(10);
});
