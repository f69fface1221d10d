import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { AuditQuery } from "../../../edge/objects/region/audit.ts";
import { createObjects } from "../../../edge/objects/objects.ts";
import { settingsOf } from "../../support/edge.ts";

const at = (time: number) => vi.useFakeTimers({ toFake: ["Date"], now: time });
const noon = Date.UTC(2040, 10, 22, 12);

afterEach(() => void vi.useRealTimers());

const setUp = () => {
  at(noon);
  const name = crypto.randomUUID().replaceAll("-", "");
  const region = createObjects(env, settingsOf({ SHOAL_REGION: name })).region();
  const enter = (rest: object = {}) =>
    region.enter({
      credential: "0a1b2c3d",
      action: "PATCH",
      path: "/admin/tenants/acme",
      tenant: "acme",
      changes: true,
      perMinute: 3,
      ...rest,
    });
  const list = (rest: Partial<AuditQuery> = {}) =>
    region.listAudit({ before: null, tenant: null, limit: 100, ...rest });
  return { region, enter, list };
};

describe("an operator's requests", () => {
  it("are counted by credential and minute", async () => {
    const { enter } = setUp();
    for (let request = 0; request < 3; request += 1) expect(await enter()).toMatchObject({ allowed: true });
    at(noon + 15_000);
    expect(await enter()).toEqual({ allowed: false, retryAfterSeconds: 45 });
    expect(await enter({ credential: "another0" })).toMatchObject({ allowed: true });
    at(noon + 60_000);
    expect(await enter()).toMatchObject({ allowed: true });
  });

  it("that are refused or change nothing leave no row", async () => {
    const { enter, list } = setUp();
    expect(await enter({ changes: false })).toEqual({ allowed: true, audit: null });
    expect(await enter({ perMinute: 1 })).toMatchObject({ allowed: false });
    expect(await list()).toEqual([]);
  });
});

describe("the audit log", () => {
  it("has the row before anything is done, and how it ended once", async () => {
    const { region, enter, list } = setUp();
    const entrance = await enter();
    if (!entrance.allowed || entrance.audit === null) throw new Error("not let in");
    expect(await list()).toMatchObject([{ seq: 1, at: noon, credential: "0a1b2c3d", status: null, detail: {} }]);
    await region.endAudit(entrance.audit, { status: 200, detail: { fields: ["name"] }, tenant: null });
    await region.endAudit(entrance.audit, { status: 500, detail: {}, tenant: "other" });
    expect(await list()).toMatchObject([{ status: 200, tenant: "acme", detail: { fields: ["name"] } }]);
  });

  it("is listed from the newest on, in pages and by tenant", async () => {
    const { enter, list } = setUp();
    for (const tenant of ["acme", "other", "acme"]) await enter({ tenant, perMinute: 10 });
    expect((await list({ limit: 2 })).map(({ seq }) => seq)).toEqual([3, 2]);
    expect((await list({ before: 2 })).map(({ seq }) => seq)).toEqual([1]);
    expect((await list({ tenant: "acme" })).map(({ seq }) => seq)).toEqual([3, 1]);
  });

  it("survives its object's memory, forgets what is older than four hundred days, and never counts again", async () => {
    const { region, enter, list } = setUp();
    await enter();
    await evictDurableObject(region);
    expect(await list()).toHaveLength(1);
    at(noon + 401 * 86_400_000);
    await enter();
    expect((await list()).map(({ seq }) => seq)).toEqual([2]);
  });

  it("holds a hundred thousand rows at most", async () => {
    const { region, enter } = setUp();
    await runInDurableObject(region, (_, state) => {
      state.storage.sql.exec(
        `INSERT INTO audit (at, credential, action, path)
         SELECT ?, 'c', 'POST', '/' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100005)
           SELECT i FROM n)`,
        noon,
      );
    });
    await enter();
    const count = await runInDurableObject(
      region,
      (_, state) => state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM audit").one().n,
    );
    expect(count).toBe(100_000);
  });
});

describe("the directory", () => {
  it("gives an id to one, and lists no tenant before it is made", async () => {
    const { region } = setUp();
    expect(await region.claimTenant({ id: "acme", name: "Acme" })).toBe(true);
    expect(await region.claimTenant({ id: "acme", name: "Another" })).toBe(false);
    expect(await region.findTenant("acme")).toBeNull();
    expect(await region.listTenants({ after: "", limit: 10, deleted: true })).toEqual([]);
    await region.markTenant("acme", "active");
    expect(await region.findTenant("acme")).toEqual({
      id: "acme",
      name: "Acme",
      status: "active",
      createdAt: noon,
      deletedAt: null,
    });
  });

  it("gives an id that was claimed and not used to the next, after a minute", async () => {
    const { region } = setUp();
    await region.claimTenant({ id: "acme", name: "Acme" });
    at(noon + 60_001);
    expect(await region.claimTenant({ id: "acme", name: "Second" })).toBe(true);
  });

  it("keeps of a deleted tenant its id and the days, and gives the id to nobody", async () => {
    const { region } = setUp();
    await region.claimTenant({ id: "acme", name: "Acme" });
    await region.markTenant("acme", "active");
    at(noon + 5_000_000);
    await region.buryTenant("acme");
    await region.markTenant("acme", "active");
    await region.renameTenant("acme", "Back");
    expect(await region.findTenant("acme")).toMatchObject({ status: "deleted", name: "", deletedAt: noon + 5_000_000 });
    expect(await region.claimTenant({ id: "acme", name: "Again" })).toBe(false);
    expect(await region.listTenants({ after: "", limit: 10, deleted: false })).toEqual([]);
  });
});
