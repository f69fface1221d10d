import type { Rates } from "../../../shared/pricing.ts";
import type { Prompt } from "../recordings/prompts.ts";

/** Dollars per million tokens that explain a model's recorded costs, by least squares; absent where none are recorded. */
export const fitPrices = (prompts: readonly Prompt[]): ReadonlyMap<string, Rates> => {
  const names = new Set(prompts.flatMap((prompt) => Object.keys(prompt.models)));
  return new Map(
    [...names].flatMap((name) => {
      const rates = fitOne(name, prompts);
      return rates ? [[name, rates] as const] : [];
    }),
  );
};

const fitOne = (name: string, prompts: readonly Prompt[]): Rates | null => {
  let [ii, io, oo, ic, oc] = [0, 0, 0, 0, 0];
  for (const { models } of prompts) {
    const outcome = models[name];
    if (!outcome || outcome.imputed || outcome.cost_usd === undefined) continue;
    const input = outcome.tokens_in ?? 0;
    const output = outcome.tokens_out ?? 0;
    const cost = outcome.cost_usd * 1e6;
    ii += input * input;
    io += input * output;
    oo += output * output;
    ic += input * cost;
    oc += output * cost;
  }
  const determinant = ii * oo - io * io;
  if (determinant <= 0) return null;
  return {
    input: Math.max(0, (ic * oo - oc * io) / determinant),
    output: Math.max(0, (oc * ii - ic * io) / determinant),
  };
};
