import { describe, expect, it } from "vitest";
import { createFit, placeStep } from "../../../edge/execute/place-step.ts";
import { answerStep } from "../../../shared/plan.ts";
import { countInput } from "../../../shared/tokens.ts";
import { cardOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";

const small = cardOf("w/small", { contextTokens: 8_000, maxOutputTokens: 4_000 });
const large = cardOf("w/large", { contextTokens: 100_000, maxOutputTokens: 4_000 });
const fit = createFit({
  cardOf: (worker) => (worker === "w/large" ? large : small),
  outputCap: ({ maxOutputTokens }) => maxOutputTokens,
});
const words = (count: number) => chatOf("word ".repeat(count));

describe("a request and a worker's context", () => {
  it("fits as it is where input and output do", () => {
    const chat = words(100);
    expect(fit("w/small", chat)).toBe(chat);
  });

  it("fits with less output where its input leaves room for some", () => {
    const chat = words(3_500);
    const cap = fit("w/small", chat)?.maxOutputTokens ?? 0;
    expect(cap).toBeGreaterThanOrEqual(1_024);
    expect(cap + countInput(chat).likely).toBeLessThanOrEqual(small.contextTokens);
    expect(fit("w/large", chat)).toBe(chat);
  });

  it("does not fit where its input leaves none", () => {
    expect(fit("w/small", words(6_000))).toBe(null);
  });

  it("leaves a client's lower cap as it is", () => {
    const chat = chatOf("word ".repeat(100), { maxOutputTokens: 10 });
    expect(fit("w/small", chat)).toBe(chat);
  });
});

describe("placeStep", () => {
  const step = answerStep("w/small");
  const place = (count: number, extend = async () => true) =>
    placeStep(step, words(count), { fit, alternates: ["w/small", "w/large"], extend });

  it("leaves a step with its worker where it fits", async () => {
    expect(await place(100)).toMatchObject({ step });
  });

  it("gives it to one that it fits, once the dollars are set aside", async () => {
    expect(await place(6_000)).toMatchObject({ step: { ...step, worker: "w/large" } });
    expect(await place(6_000, async () => false)).toBe(null);
  });
});
