import { describe, expect, it, vi } from "vitest";
import type { Objects } from "../../../edge/objects/objects.ts";
import { createOutbox } from "../../../edge/objects/outbox.ts";
import { createTenant, openingOf, settlementOf, traceOf } from "../../support/edge.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const setUp = async () => {
  const { identity, objects } = await createTenant();
  const clock = createHandClock();
  const { tenant } = identity;
  const sent: string[] = [];
  let failures = 0;
  let onCall: (() => void) | null = null;
  let logFailures = 0;
  /** The real objects behind lines that can be cut. */
  const line: Objects = {
    ...objects,
    tenantLog: (name) =>
      new Proxy(objects.tenantLog(name), {
        get: (stub, method) =>
          method === "write" && logFailures-- > 0
            ? () => Promise.reject(new Error("the log's line is cut"))
            : Reflect.get(stub, method),
      }),
    tenant: (name) =>
      new Proxy(objects.tenant(name), {
        get: (stub, method) =>
          method === "record"
            ? (batch: Parameters<typeof stub.record>[0]) => {
                onCall?.();
                sent.push(`${batch.openings.length} openings, ${batch.settlements.length} settlements`);
                if (failures === 0) return stub.record(batch);
                failures -= 1;
                return Promise.reject(new Error("the line is cut"));
              }
            : Reflect.get(stub, method),
      }),
  };
  return {
    tenant,
    objects,
    clock,
    sent,
    line,
    /** Runs at every call, while its records are on their way. */
    whenAsked: (run: () => void) => {
      onCall = run;
    },
    cut: (times: number) => {
      failures = times;
    },
    cutLog: (times: number) => {
      logFailures = times;
    },
    outbox: createOutbox(line, clock),
    row: (id: string) => objects.tenant(tenant).ledgerRow(id),
  };
};

describe("the outbox", () => {
  it("sends records of many requests in one call", async () => {
    const { tenant, clock, sent, outbox, row } = await setUp();
    const sends = Array.from({ length: 20 }, (_, index) => {
      outbox.open(tenant, openingOf(`r${index}`));
      outbox.settle(tenant, settlementOf(`r${index}`, index), traceOf(`r${index}`, tenant));
      return outbox.send(tenant, 20);
    });
    await clock.advance(20);
    await Promise.all(sends);
    expect(sent).toEqual(["20 openings, 20 settlements"]);
    expect(await row("r7")).toMatchObject({ cost: 7 });
  });

  it("leaves its records to a request that is about to send", async () => {
    const { tenant, clock, sent, outbox, row } = await setUp();
    outbox.open(tenant, openingOf("r1"));
    const first = outbox.send(tenant, 20);
    await clock.advance(15);
    outbox.settle(tenant, settlementOf("r2", 6), traceOf("r2", tenant));
    await outbox.send(tenant, 20);
    await clock.advance(5);
    await first;
    await clock.advance(100);
    expect(sent).toEqual(["1 openings, 1 settlements"]);
    expect(await row("r2")).toMatchObject({ cost: 6 });
  });

  it("sends what a request that was torn down had promised to send", async () => {
    const { tenant, clock, sent, line, row } = await setUp();
    let running = false;
    const outbox = createOutbox(line, {
      ...clock,
      after: (ms, task) => clock.after(ms, () => void (running && task())),
    });
    outbox.settle(tenant, settlementOf("r1", 5), traceOf("r1", tenant));
    void outbox.send(tenant, 20);
    await clock.advance(1_500);
    running = true;
    outbox.settle(tenant, settlementOf("r2", 6), traceOf("r2", tenant));
    const sending = outbox.send(tenant, 20);
    await clock.advance(20);
    await sending;
    expect(sent).toEqual(["0 openings, 2 settlements"]);
    expect(await row("r1")).toMatchObject({ cost: 5 });
  });

  it("waits for others as long as it is told, no longer", async () => {
    const { tenant, clock, sent, outbox } = await setUp();
    outbox.open(tenant, openingOf("r1"));
    const sending = outbox.send(tenant, 20);
    await clock.advance(19);
    expect(sent).toEqual([]);
    await clock.advance(1);
    await sending;
    expect(sent).toHaveLength(1);
  });

  it("sends openings before the settlements that wait for others", async () => {
    const { tenant, clock, sent, outbox, row } = await setUp();
    const work: Promise<unknown>[] = [];
    outbox.open(tenant, openingOf("r1"));
    outbox.sendOpenings(tenant, 20, (sending) => work.push(sending));
    outbox.open(tenant, openingOf("r2"));
    outbox.sendOpenings(tenant, 20, (sending) => work.push(sending));
    outbox.settle(tenant, settlementOf("r2", 6), traceOf("r2", tenant));
    const settling = outbox.send(tenant, 100);
    await clock.advance(20);
    await Promise.all(work);
    expect(sent).toEqual(["1 openings, 0 settlements"]);
    await clock.advance(80);
    await settling;
    expect(sent).toEqual(["1 openings, 0 settlements", "1 openings, 1 settlements"]);
    expect(work).toHaveLength(1);
    expect(await row("r2")).toMatchObject({ cost: 6 });
  });

  it("sends nothing twice where the log alone is away", async () => {
    const { tenant, clock, sent, outbox, row, cutLog } = await setUp();
    outbox.settle(tenant, settlementOf("r1", 5), traceOf("r1", tenant));
    cutLog(1);
    const sending = outbox.send(tenant, 0);
    await clock.advance(1_000);
    await sending;
    expect(sent).toEqual(["0 openings, 1 settlements"]);
    expect(await row("r1")).toMatchObject({ cost: 5 });
    expect(outbox.findTrace(tenant, "r1")).toBeNull();
  });

  it("holds megabytes of traces and every settlement while objects are away, and tells how many traces it let go", async () => {
    const { tenant, clock, sent, outbox, cut } = await setUp();
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    cut(3);
    for (let index = 0; index < 5_000; index += 1) {
      outbox.settle(tenant, settlementOf(`r${index}`, 1), traceOf(`r${index}`, tenant));
    }
    const failed = outbox.send(tenant, 0).catch(() => "away");
    await clock.advance(1_000);
    expect(await failed).toBe("away");
    expect(warned.mock.calls).toEqual([[{ event: "traces_dropped", count: expect.any(Number) }]]);
    const held = Array.from({ length: 5_000 }, (_, index) => outbox.findTrace(tenant, `r${index}`)).filter(Boolean);
    const bytes = JSON.stringify(held).length;
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(8 * 1024 * 1024);

    const sending = outbox.send(tenant, 0);
    await clock.advance(0);
    await sending;
    expect(sent.at(-1)).toBe("0 openings, 5000 settlements");
    outbox.settle(tenant, settlementOf("next", 1), traceOf("next", tenant));
    expect(outbox.findTrace(tenant, "next")).not.toBeNull();
    warned.mockRestore();
  });

  it("keeps tenants apart", async () => {
    const { tenant, clock, outbox, row } = await setUp();
    const other = await setUp();
    outbox.settle(other.tenant, settlementOf("r1", 5), traceOf("r1", other.tenant));
    const sending = outbox.send(tenant, 0);
    await clock.advance(0);
    await sending;
    expect(await row("r1")).toBeNull();
    expect(outbox.findTrace(tenant, "r1")).toBeNull();
    expect(outbox.findTrace(other.tenant, "r1")).not.toBeNull();
  });

  it("tries again when the line is cut", async () => {
    const { tenant, clock, sent, cut, outbox, row } = await setUp();
    outbox.settle(tenant, settlementOf("r1", 5), traceOf("r1", tenant));
    cut(2);
    const sending = outbox.send(tenant, 0);
    await clock.advance(1_000);
    await sending;
    expect(sent).toHaveLength(3);
    expect(await row("r1")).toMatchObject({ cost: 5 });
  });

  it("gives up after three failures, and loses nothing", async () => {
    const { tenant, clock, sent, cut, outbox, row } = await setUp();
    outbox.open(tenant, openingOf("r1"));
    outbox.settle(tenant, settlementOf("r1", 5), traceOf("r1", tenant));
    cut(3);
    const outcome = outbox.send(tenant, 0).then(
      () => "sent",
      (cause: unknown) => String(cause),
    );
    await clock.advance(1_000);
    expect(await outcome).toBe("Error: the line is cut");
    expect(outbox.findTrace(tenant, "r1")).not.toBeNull();
    expect(await row("r1")).toBeNull();

    outbox.settle(tenant, settlementOf("r2", 6), traceOf("r2", tenant));
    const sending = outbox.send(tenant, 0);
    await clock.advance(0);
    await sending;
    expect(sent.at(-1)).toBe("1 openings, 2 settlements");
    expect(await row("r1")).toMatchObject({ cost: 5 });
    expect(await row("r2")).toMatchObject({ cost: 6 });
  });

  it("knows a trace until the log has it", async () => {
    const { tenant, clock, objects, outbox } = await setUp();
    outbox.settle(tenant, settlementOf("r1", 5), traceOf("r1", tenant));
    expect(outbox.findTrace(tenant, "r1")).toMatchObject({ id: "r1" });
    const sending = outbox.send(tenant, 0);
    await clock.advance(0);
    await sending;
    expect(outbox.findTrace(tenant, "r1")).toBeNull();
    expect(await objects.tenantLog(tenant).read("r1")).toMatchObject({ id: "r1" });
  });

  it("shows a trace on its way to its own tenant only", async () => {
    const { tenant, clock, outbox, whenAsked } = await setUp();
    const other = await setUp();
    outbox.settle(tenant, settlementOf("r1", 5), traceOf("r1", tenant));
    const seen: (string | undefined)[] = [];
    const stolen: (string | undefined)[] = [];
    const look = () => {
      seen.push(outbox.findTrace(tenant, "r1")?.id);
      stolen.push(outbox.findTrace(other.tenant, "r1")?.id);
    };
    whenAsked(look);
    const sending = outbox.send(tenant, 0);
    await clock.advance(0);
    await sending;
    expect(seen).toEqual(["r1"]);
    expect(stolen).toEqual([undefined]);
  });

  it("sends nothing when there is nothing", async () => {
    const { tenant, clock, sent, outbox } = await setUp();
    const sending = outbox.send(tenant, 0);
    await clock.advance(0);
    await sending;
    expect(sent).toEqual([]);
  });
});
