import { describe, expect, it } from "vitest";
import { createOutbox } from "../../../edge/objects/outbox.ts";
import { readTrace } from "../../../edge/routes/read-trace.ts";
import { packTrace } from "../../../edge/objects/packed-trace.ts";
import { createTenant, settlementOf, traceOf } from "../../support/edge.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const setUp = async () => {
  const { identity, objects } = await createTenant();
  const clock = createHandClock();
  const outbox = createOutbox(objects, clock);
  const { tenant } = identity;
  const read = async (id: string, by = tenant, meanwhile: () => Promise<unknown> = async () => undefined) => {
    const work: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>) => void work.push(promise);
    let over = false;
    const reading = readTrace(by, id, { objects, outbox, clock, waitUntil }).finally(() => {
      over = true;
    });
    await clock.advance(0);
    await Promise.all(work);
    await meanwhile();
    await expect
      .poll(async () => {
        await clock.advance(250);
        return over;
      })
      .toBe(true);
    return reading;
  };
  return { tenant, objects, outbox, clock, read };
};

const notFound = { ok: false, error: { kind: "not_found" } };

describe("readTrace", () => {
  it("gives a trace that this isolate has not sent yet, with its ledger row", async () => {
    const { tenant, outbox, read } = await setUp();
    outbox.settle(tenant, settlementOf("r1", 150), traceOf("r1", tenant));
    expect(await read("r1")).toMatchObject({
      ok: true,
      value: { id: "r1", object: "trace", ledger: { status: "complete", cost_usd: 0.00015, usage_source: "reported" } },
    });
  });

  it("gives a trace that another isolate has written", async () => {
    const { tenant, objects, read } = await setUp();
    await objects.tenantLog(tenant).write([packTrace(traceOf("r1", tenant))]);
    expect(await read("r1")).toMatchObject({ ok: true, value: { id: "r1", ledger: null } });
  });

  it("gives a trace that another isolate is about to write", async () => {
    const { tenant, objects, clock, read } = await setUp();
    const began = clock.now();
    const late = () => objects.tenantLog(tenant).write([packTrace(traceOf("r1", tenant))]);
    const found = await read("r1", tenant, async () => {
      await expect.poll(() => clock.pending()).toBeGreaterThan(0);
      await late();
    });
    expect(found).toMatchObject({ ok: true, value: { id: "r1" } });
    expect(clock.now() - began).toBeGreaterThanOrEqual(250);
  });

  it("does not know another tenant's, nor one that never was", async () => {
    const { tenant, outbox, read } = await setUp();
    const other = await createTenant();
    outbox.settle(tenant, settlementOf("r1", 150), traceOf("r1", tenant));
    expect(await read("r1", other.identity.tenant)).toMatchObject(notFound);
    expect(await read("r2")).toMatchObject(notFound);
  });
});
