import type { Usage } from "./usage.ts";

/**
 * Dollars per million tokens. Images are input at the same rate. Service tiers, hosted tools and caches of an hour have
 * other prices: Shoal asks for none of them.
 */
export type Rates = {
  readonly input: number;
  /** Reasoning included. */
  readonly output: number;
  /** Reading from the vendor's prompt cache; the input rate where the vendor has no other. */
  readonly cachedInput?: number;
  /** Writing to the vendor's prompt cache, for five minutes where that is a choice; the input rate where there is no other. */
  readonly cacheWrite?: number;
};

/**
 * A `tiers` entry replaces the rates for a whole call whose input, cached or not, exceeds its bound: every vendor with
 * such tiers prices so, none only what is above the bound.
 */
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
  // Parts never make more than the whole, whatever a host reports.
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const written = Math.min(usage.cacheWriteTokens, usage.inputTokens - cached);
  const cost =
    (usage.inputTokens - cached - written) * rates.input +
    cached * (rates.cachedInput ?? rates.input) +
    written * (rates.cacheWrite ?? rates.input) +
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

/** To the next micro-dollar, as all that is charged. */
export const ceilMicroDollars = (dollars: number): MicroDollars => roundUp(dollars * 1_000_000);

/** To the nearest micro-dollar. */
export const toMicroDollars = (dollars: number): MicroDollars => Math.round(dollars * 1_000_000);
