import { describe, expect, it } from "vitest";
import { retirements } from "../../shared/retirements.ts";
import { workerCards } from "../../shared/worker-cards.ts";

describe("retirements", () => {
  it.each(retirements)("$id has a day, and a successor that is known and not retired itself", ({ on, successor }) => {
    expect(new Date(on).toISOString().slice(0, 10)).toBe(on);
    expect(workerCards.map((card) => card.id)).toContain(successor);
    expect(retirements.map(({ id }) => id)).not.toContain(successor);
  });
});
