import type { VendorCall, Vendors } from "../support/vendors.ts";
import { vendorNames } from "../support/vendors.ts";

/** How a worker behaves in the simulation. Invented: it stands for no vendor's model. */
export type Nature = {
  /** Until the first word, and between words. */
  readonly firstMs: number;
  readonly wordMs: number;
  readonly outputTokens: number;
  /** Share of calls that the vendor refuses. */
  readonly refuses: number;
};

export const words = ["Fish ", "turn ", "together, ", "each ", "by ", "its ", "neighbors."] as const;

/** Has every vendor answer as its worker's nature is. */
export const animate = (vendors: Vendors, natureOf: (model: string) => Nature, random: () => number): void => {
  const script = ({ model }: VendorCall) => {
    const { firstMs, wordMs, outputTokens, refuses } = natureOf(model);
    // A request that is found wrong is no reason to ask another worker, so it is the client that sees it.
    if (random() < refuses) return { status: 400 };
    const spread = 0.7 + 0.6 * random();
    return {
      text: words,
      headersAfterMs: firstMs * spread,
      chunkEveryMs: wordMs * spread,
      usage: {
        inputTokens: 300,
        cachedInputTokens: 0,
        outputTokens: Math.round(outputTokens * spread),
        reasoningTokens: 0,
      },
    };
  };
  for (const name of vendorNames) vendors[name].script(script);
};

const subjects = [
  "a river",
  "a prime number",
  "a contract",
  "a melody",
  "a queue",
  "a vaccine",
  "a bridge",
  "an election",
];
const tasks = [
  "Explain in two sentences what makes this hold together:",
  "Write a short function that models",
  "Translate into French a sentence about",
  "List three mistakes that people make about",
  "Compute, step by step, an example about",
];

/** The first words of a conversation; no two are the same. */
export const openingOf = (index: number): string =>
  `${tasks[index % tasks.length]} ${subjects[Math.floor(index / tasks.length) % subjects.length]} (number ${index}).`;
