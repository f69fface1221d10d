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
  const read = async (id: string, by = tenant) => {
    const work: Promise<unknown>[] = [];
    const reading = readTrace(by, id, { objects, outbox, waitUntil: (promise) => void work.push(promise) });
    await clock.advance(0);
    await Promise.all(work);
    return reading;
  };
  return { tenant, objects, outbox, read };
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

  it("does not know another tenant's, nor one that never was", async () => {
    const { tenant, outbox, read } = await setUp();
    const other = await createTenant();
    outbox.settle(tenant, settlementOf("r1", 150), traceOf("r1", tenant));
    expect(await read("r1", other.identity.tenant)).toMatchObject(notFound);
    expect(await read("r2")).toMatchObject(notFound);
  });
});
