import { describe, expect, it } from "vitest";
import { labelTexts } from "../../inference/train/fit/label-texts.ts";
import { minimize } from "../../inference/train/fit/minimize.ts";
import type { Prompt } from "../../inference/train/recordings/prompts.ts";
import { createRandom } from "../../inference/train/fit/random.ts";
import { hashFeatures } from "../../shared/ngrams.ts";

const shape = { dense: 0, buckets: 512 };
const label = (prompts: readonly Prompt[]) =>
  labelTexts(prompts, {
    shape,
    rowOf: (text) => ({ dense: null, sparse: hashFeatures(text, shape.buckets) }),
    random: createRandom(1),
  });

const prompt = (id: string, rest: Partial<Prompt>): Prompt => ({
  set: "s",
  id,
  problem: id,
  domain: "d",
  type: "d",
  texts: [],
  models: {},
  ...rest,
});

const themes = ["int main void return include", "court statute judge appeal verdict"];
const instructed = themes.flatMap((text, theme) =>
  Array.from({ length: 8 }, (_, at) =>
    prompt(`${theme}-${at}`, { type: "d: Do it.", texts: [`Do it.\n${text} ${at}`, `${text} ${at}`] }),
  ),
);

describe("labelTexts", () => {
  it("takes the domain as the type where no text has an instruction", () => {
    const { types, texts } = label([
      prompt("a", { type: "x", texts: ["one"] }),
      prompt("b", { type: "y", texts: ["two"] }),
    ]);
    expect(types).toEqual(["x", "y"]);
    expect(texts.map(({ type, weight }) => [type, weight])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it("gives texts without their instruction types of their own, by what they say", () => {
    const { types, texts } = label(instructed);
    const told = texts.filter(({ type }) => types[type] === "d: Do it.");
    expect(told).toHaveLength(16);
    const untold = texts.filter(({ type }) => types[type] !== "d: Do it.");
    const typesOf = (theme: string) =>
      new Set(untold.filter(({ prompt: { id } }) => id.startsWith(theme)).map(({ type }) => type));
    expect([...typesOf("0-")].some((type) => typesOf("1-").has(type))).toBe(false);
  });

  it("counts every prompt once, however many texts it has", () => {
    const { texts } = label(instructed);
    const weights = Map.groupBy(texts, ({ prompt: { id } }) => id);
    for (const group of weights.values()) expect(group.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  it("leaves out prompts whose text is unknown", () => {
    expect(label([prompt("a", {})]).texts).toEqual([]);
  });
});

describe("minimize", () => {
  it("finds the minimum of an ill-conditioned quadratic", () => {
    const scales = [1, 10, 100, 1000];
    const found = minimize(
      (at, gradient) => {
        let value = 0;
        for (const [index, scale] of scales.entries()) {
          const off = (at[index] ?? 0) - index;
          value += (scale / 2) * off * off;
          gradient[index] = scale * off;
        }
        return value;
      },
      scales.length,
      50,
    );
    for (const [index] of scales.entries()) expect(found[index]).toBeCloseTo(index, 6);
  });
});
