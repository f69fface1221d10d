import { expect, it } from "vitest";
import {
  addRequest,
  addValues,
  changeScore,
  growConversation,
  noFigures,
  quantile,
  type Conversation,
  type Figures,
} from "../../../edge/rollout/figures.ts";

it("sums requests by conversation, in whatever order they come", () => {
  const requests = [
    ["a", 3],
    ["b", 5],
    ["a", 4],
    ["c", 1],
    ["b", 2],
    ["a", 2],
  ] as const;
  const known = new Map<string, Conversation>();
  let figures: Figures = noFigures;
  for (const [name, cost] of requests) {
    const before = known.get(name);
    const values = { cost, error: 0 };
    figures = addRequest(figures, before ?? {}, {
      isFirst: before === undefined,
      aborted: false,
      worker: "north/a",
      values,
    });
    known.set(name, growConversation(before ?? {}, values));
  }
  // a: 3 requests for 9; b: 2 for 7; c: 1 for 1.
  expect(figures.sums.cost).toEqual({ c: 3, n: 6, x: 17, nn: 9 + 4 + 1, nx: 27 + 14 + 1, xx: 81 + 49 + 1 });
  expect(figures).toMatchObject({ requests: 6, conversations: 3, workers: { "north/a": 6 } });
});

it("puts a later score in the place of an earlier one", () => {
  const first = { score: 0.25 };
  const once = addValues(addValues(noFigures, {}, first), growConversation({}, first), { score: 1 });
  const conversation = growConversation(growConversation({}, first), { score: 1 });
  const changed = changeScore(once, conversation, 0.75 - 0.25);
  const again = { score: 0.75 };
  const anew = addValues(addValues(noFigures, {}, again), growConversation({}, again), { score: 1 });
  expect(changed.sums.score).toEqual(anew.sums.score);
});

it("tells quantiles to within five percent", () => {
  let figures: Figures = noFigures;
  for (let latency = 1; latency <= 1000; latency += 1) {
    figures = addRequest(figures, {}, { isFirst: true, aborted: false, worker: null, values: { latency } });
  }
  for (const share of [0.5, 0.95]) {
    const told = quantile(figures.times.latency, share) ?? 0;
    expect(Math.abs(told / (1000 * share) - 1)).toBeLessThan(0.06);
  }
  expect(quantile({}, 0.5)).toBeNull();
});
