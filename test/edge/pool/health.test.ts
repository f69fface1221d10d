import { describe, expect, it } from "vitest";
import { createHealth, createHealths } from "../../../edge/pool/health.ts";

const fail = (health: ReturnType<typeof createHealth>, times: number, now = 0) => {
  for (let time = 0; time < times; time += 1) health.failed("north/a", now);
};

describe("health", () => {
  it("knows nothing of a worker it has not seen, and takes it for up", () => {
    const health = createHealth();
    expect(health.isUp("north/a", 0)).toBe(true);
    expect(health.latencyMs("north/a")).toBeNull();
  });

  it("lets a worker rest for fifteen seconds after three failures in a row", () => {
    const health = createHealth();
    fail(health, 2);
    expect(health.isUp("north/a", 0)).toBe(true);
    fail(health, 1);
    expect(health.isUp("north/a", 0)).toBe(false);
    expect(health.isUp("north/a", 14_999)).toBe(false);
    expect(health.isUp("north/a", 15_000)).toBe(true);
  });

  it("lets it rest again at the first failure after that", () => {
    const health = createHealth();
    fail(health, 3);
    fail(health, 1, 15_000);
    expect(health.isUp("north/a", 29_999)).toBe(false);
  });

  it("forgets failures at the first success", () => {
    const health = createHealth();
    fail(health, 3);
    health.succeeded("north/a", 100);
    expect(health.isUp("north/a", 0)).toBe(true);
    fail(health, 2);
    expect(health.isUp("north/a", 0)).toBe(true);
  });

  it("keeps workers apart", () => {
    const health = createHealth();
    fail(health, 3);
    expect(health.isUp("north/b", 0)).toBe(true);
  });

  it("follows the time of an answer slowly", () => {
    const health = createHealth();
    health.succeeded("north/a", 1000);
    expect(health.latencyMs("north/a")).toBe(1000);
    health.succeeded("north/a", 2000);
    expect(health.latencyMs("north/a")).toBe(1200);
    fail(health, 1);
    expect(health.latencyMs("north/a")).toBe(1200);
  });

  it("expects of a worker what its profile says until calls have been settled", () => {
    expect(createHealth().costFactor("north/a")).toBe(1);
  });

  it("learns that a worker costs twice what was foreseen, and keeps to it when that is foreseen", () => {
    const health = createHealth();
    for (let call = 0; call < 100; call += 1) {
      health.settled("north/a", { foreseen: 0.01 * health.costFactor("north/a"), charged: 0.02 });
    }
    expect(health.costFactor("north/a")).toBeCloseTo(2, 1);
  });

  it("bounds what one strange bill can do", () => {
    const health = createHealth();
    health.settled("north/a", { foreseen: 0.001, charged: 90 });
    expect(health.costFactor("north/a")).toBe(5);
    health.failed("north/a", 0);
    expect(health.costFactor("north/a")).toBe(5);
  });
});

describe("the health of workers in a tenant's requests", () => {
  it("is nobody else's: no tenant turns another away from a worker, or makes one dear or slow to it", () => {
    const healthOf = createHealths();
    fail(healthOf("acme"), 3);
    healthOf("acme").succeeded("north/b", 60_000);
    healthOf("acme").settled("north/c", { foreseen: 1, charged: 5 });
    expect(healthOf("acme").isUp("north/a", 0)).toBe(false);
    expect(healthOf("acme").latencyMs("north/b")).toBe(60_000);
    expect(healthOf("acme").costFactor("north/c")).toBeGreaterThan(1);
    expect(healthOf("other").isUp("north/a", 0)).toBe(true);
    expect(healthOf("other").latencyMs("north/b")).toBeNull();
    expect(healthOf("other").costFactor("north/c")).toBe(1);
  });

  it("is remembered of a bounded number of tenants, those that ask least forgotten first", () => {
    const healthOf = createHealths();
    fail(healthOf("acme"), 3);
    fail(healthOf("quiet"), 3);
    for (let index = 0; index < 999; index += 1) {
      healthOf("acme");
      healthOf(`t${index}`);
    }
    expect(healthOf("acme").isUp("north/a", 0)).toBe(false);
    expect(healthOf("quiet").isUp("north/a", 0)).toBe(true);
  });
});
