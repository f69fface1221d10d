import { expect, it } from "vitest";
import { createRandom } from "../bench/statistics.ts";
import { migrate } from "../migration/migrate.ts";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

const { vendors, system } = systemUnderTest();

it("goes from off through shadow and canary to on, and back within ten seconds of one switch", async () => {
  const size = { each: 8, canary: 60, clients: 4 };
  const world = { url: system.url, adminKey, vendors, random: createRandom(1), size, say: () => undefined };
  const { reports, afterTenSeconds, strays } = await migrate(world);
  const [off = "", shadow = "", canary = "", on = ""] = reports.map(({ text }) => text);
  expect(off).toMatch(/stage 1: off, /);
  expect(off).not.toMatch(/^shoal /m);
  expect(shadow).toMatch(/stage 2: shadow, [^]*^of baseline, \d+ requests for \$[\d.]+: shoal foreseen at \$[\d.]+/m);
  expect(canary).toMatch(/stage 3: canary:10, [^]*^baseline +\d+[^]*^shoal +\d+[^]*^shoal against baseline, 95 %/m);
  expect(on).toMatch(/stage 4: on, [^]*^shoal +\d+/m);
  expect(afterTenSeconds).toBeGreaterThan(0);
  expect(strays).toBe(0);
  expect(vendors.violations).toEqual([]);
}, 120_000);
