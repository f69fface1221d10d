import { expect, it } from "vitest";
import { foreseeNeed } from "../../../edge/pool/foresee-need.ts";
import { cardOf, entryOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";

const roster = {
  entries: [1, 2, 90].map((dollars) =>
    entryOf(cardOf(`north/at-${dollars}`, { price: { input: dollars, output: dollars }, maxOutputTokens: 5_000 })),
  ),
};
const deps = { roster, settings: { maxOutputTokens: 4_000 }, arrivedAt: 0 };
const chat = chatOf("Hello", { maxOutputTokens: 1_000 });
const worker = (id: string) => ({ kind: "worker", id, effort: null }) as const;

it("foresees all that a call of the named worker can cost", () => {
  const { tokens, amount } = foreseeNeed(chat, worker("north/at-90"), deps);
  const cheap = foreseeNeed(chat, worker("north/at-1"), deps);
  expect(amount).toBeGreaterThanOrEqual(90_000);
  expect(amount).toBe(cheap.amount * 90);
  expect(tokens).toBeGreaterThan(1_000);
});

it("foresees a worker in the middle of the roster where none is named", () => {
  const middle = foreseeNeed(chat, worker("north/at-2"), deps);
  expect(foreseeNeed(chat, { kind: "tier", tier: "mini" }, deps)).toEqual(middle);
  expect(foreseeNeed(chat, null, deps)).toEqual(middle);
});

it("takes the operator's cap where the client names none", () => {
  const capped = foreseeNeed(chatOf("Hello"), worker("north/at-1"), deps);
  expect(capped.amount).toBeGreaterThanOrEqual(4_000);
  expect(capped.amount).toBeLessThan(5_000);
});

it("foresees nothing where nobody has a price", () => {
  const free = { ...deps, roster: { entries: [entryOf(cardOf("north/free", { price: null }))] } };
  expect(foreseeNeed(chat, null, free).amount).toBe(0);
});
