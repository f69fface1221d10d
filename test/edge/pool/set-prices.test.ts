import { describe, expect, it } from "vitest";
import type { SetPrice } from "../../../edge/objects/region/prices.ts";
import { readRoster, type Roster } from "../../../edge/pool/roster.ts";
import { createPricedRoster } from "../../../edge/pool/set-prices.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const roster = readRoster(
  {
    SHOAL_PROVIDERS: JSON.stringify([
      {
        name: "north",
        base_url: "https://north.example.com/v1",
        api_key_env: "NORTH_KEY",
        models: [
          { id: "a", context_tokens: 1000, max_output_tokens: 100, price: { input: 1, output: 2 }, abilities: [] },
        ],
      },
    ]),
    NORTH_KEY: "key",
  },
  { localChat: false, dataRegions: ["global"], known: { date: "2026-11-22", profiles: new Map() } },
);

const priceIn = (of: Roster) => of.entries.find(({ card }) => card.id === "north/a")?.card.price;

const setUp = () => {
  const clock = createHandClock();
  const work: Promise<unknown>[] = [];
  let set: readonly SetPrice[] = [];
  let reads = 0;
  let answers = true;
  const priced = createPricedRoster({
    roster,
    clock,
    readPrices: () => {
      reads += 1;
      return answers ? Promise.resolve(set) : new Promise(() => {});
    },
  });
  const current = () => priced.current((promise) => void work.push(promise));
  return {
    clock,
    current,
    set: (input: number) => {
      set = [{ worker: "north/a", price: { input, output: 9 }, at: 0 }];
    },
    fail: () => {
      answers = false;
    },
    reads: () => reads,
    settled: () => Promise.all(work),
  };
};

describe("prices that the operator set", () => {
  it("are waited for by the first request, and by none that follows within five seconds", async () => {
    const { current, set, clock, reads } = setUp();
    set(7);
    expect(priceIn(await current())).toEqual({ input: 7, output: 9 });
    await clock.advance(4_999);
    expect(current()).not.toBeInstanceOf(Promise);
    expect(reads()).toBe(1);
  });

  it("are read again behind a request after five seconds, and hold for the next", async () => {
    const { current, set, clock, settled } = setUp();
    await current();
    set(7);
    await clock.advance(5_000);
    const before = current();
    expect(before).toBe(roster);
    await settled();
    expect(priceIn(await current())).toEqual({ input: 7, output: 9 });
  });

  it("are waited for again after ten seconds without a request", async () => {
    const { current, set, clock } = setUp();
    await current();
    set(7);
    await clock.advance(10_000);
    expect(priceIn(await current())).toEqual({ input: 7, output: 9 });
  });

  it("give the same roster as long as nothing changes", async () => {
    const { current, set, clock } = setUp();
    set(7);
    const first = await current();
    await clock.advance(10_000);
    expect(await current()).toBe(first);
  });

  it("stay as they were known when the region's object does not answer", async () => {
    const { current, set, clock, fail } = setUp();
    set(7);
    await current();
    fail();
    await clock.advance(10_000);
    const waiting = current();
    await clock.advance(100);
    expect(priceIn(await waiting)).toEqual({ input: 7, output: 9 });
  });

  it("keep nobody waiting for five seconds after the region's object did not answer", async () => {
    const { current, clock, fail, reads } = setUp();
    fail();
    const waiting = current();
    await clock.advance(100);
    await waiting;
    await clock.advance(4_899);
    expect(current()).toBe(roster);
    expect(reads()).toBe(1);
    await clock.advance(1);
    expect(current()).toBeInstanceOf(Promise);
    expect(reads()).toBe(2);
  });
});
