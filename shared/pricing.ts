import type { Usage } from "./usage.ts";

/** Dollars per million tokens. A `tiers` entry replaces the rates for a whole call whose input exceeds its bound. */
export type Rates = {
  readonly input: number;
  readonly output: number;
  /** Reading from the vendor's prompt cache; the input rate where the vendor has no other. */
  readonly cachedInput?: number;
  /** Writing to the vendor's prompt cache; the input rate where the vendor has no other. */
  readonly cacheWrite?: number;
};

export type Price = Rates & { readonly tiers?: readonly (Rates & { readonly aboveInputTokens: number })[] };

/** The price at a host that charges `factor` times as much, without what binary adds to decimal rates. */
export const scalePrice = (price: Price, factor: number): Price => {
  const scale = (rate: number) => Number((rate * factor).toPrecision(12));
  const scaleRates = ({ input, output, cachedInput, cacheWrite }: Rates): Rates => ({
    input: scale(input),
    output: scale(output),
    ...(cachedInput !== undefined && { cachedInput: scale(cachedInput) }),
    ...(cacheWrite !== undefined && { cacheWrite: scale(cacheWrite) }),
  });
  const { tiers } = price;
  return {
    ...scaleRates(price),
    ...(tiers && {
      tiers: tiers.map((tier) => ({ aboveInputTokens: tier.aboveInputTokens, ...scaleRates(tier) })),
    }),
  };
};

/** An integer amount of millionths of a dollar. */
export type MicroDollars = number;

const ratesFor = (price: Price, inputTokens: number): Rates =>
  price.tiers?.findLast((tier) => inputTokens > tier.aboveInputTokens) ?? price;

/**
 * The price of one call in micro-dollars, rounded up so that a sum of calls never exceeds what was reserved for it.
 * Dollars per million tokens are micro-dollars per token, so no factor appears.
 */
export const costOf = (price: Price, usage: Usage): MicroDollars => {
  const rates = ratesFor(price, usage.inputTokens);
  const plainInput = Math.max(0, usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens);
  const cost =
    plainInput * rates.input +
    usage.cachedInputTokens * (rates.cachedInput ?? rates.input) +
    usage.cacheWriteTokens * (rates.cacheWrite ?? rates.input) +
    usage.outputTokens * rates.output;
  return roundUp(cost);
};

/**
 * The most a call can cost: all input at the dearest input rate, all of the output cap used, in whichever tier the
 * input may fall.
 */
export const boundOf = (price: Price, inputTokens: number, outputCap: number): MicroDollars => {
  const reachable = [price, ...(price.tiers ?? []).filter((tier) => inputTokens > tier.aboveInputTokens)];
  return Math.max(...reachable.map((rates) => roundUp(inputTokens * dearestInput(rates) + outputCap * rates.output)));
};

const dearestInput = ({ input, cachedInput, cacheWrite }: Rates): number =>
  Math.max(input, cachedInput ?? 0, cacheWrite ?? 0);

/** Decimal rates leave a residue of 1e-10 in binary; it must not round a whole number up. */
const roundUp = (amount: number): MicroDollars => Math.max(0, Math.ceil(amount - 1e-6));

export const toDollars = (amount: MicroDollars): number => amount / 1_000_000;
