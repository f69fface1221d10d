import { describe, expect, it } from "vitest";
import { createPool } from "../../inference/pool.ts";

const forever = new AbortController().signal;

const lend = async (pool: ReturnType<typeof createPool<string>>, signal = forever) => {
  const lease = await pool.lend(signal);
  if (!lease.ok) throw new Error(lease.error);
  return lease.value;
};

describe("pool", () => {
  it("never lends an item twice at once", async () => {
    const pool = createPool(["a", "b"], { maxWaiting: 0 });
    const items = [(await lend(pool)).item, (await lend(pool)).item];
    expect(items.toSorted()).toEqual(["a", "b"]);
    expect(pool.busy()).toBe(2);
  });

  it("refuses when the queue is full", async () => {
    const pool = createPool(["a"], { maxWaiting: 1 });
    await lend(pool);
    void pool.lend(forever);
    expect(await pool.lend(forever)).toEqual({ ok: false, error: "full" });
  });

  it("serves those who wait in order", async () => {
    const pool = createPool(["a"], { maxWaiting: 2 });
    const first = await lend(pool);
    const order: string[] = [];
    const borrow = async (name: string) => {
      const lease = await lend(pool);
      order.push(name);
      lease.giveBack();
    };
    const waiting = [borrow("second"), borrow("third")];
    first.giveBack();
    await Promise.all(waiting);
    expect(order).toEqual(["second", "third"]);
    expect(pool.busy()).toBe(0);
  });

  it("lets a waiting borrower leave", async () => {
    const pool = createPool(["a"], { maxWaiting: 1 });
    const held = await lend(pool);
    const impatience = new AbortController();
    const waiting = pool.lend(impatience.signal);
    impatience.abort();
    expect(await waiting).toEqual({ ok: false, error: "aborted" });
    expect(pool.waiting()).toBe(0);
    held.giveBack();
    expect((await lend(pool)).item).toBe("a");
  });

  it("takes an item back once only", async () => {
    const pool = createPool(["a"], { maxWaiting: 0 });
    const lease = await lend(pool);
    lease.giveBack();
    lease.giveBack();
    await lend(pool);
    expect(await pool.lend(forever)).toEqual({ ok: false, error: "full" });
  });
});
