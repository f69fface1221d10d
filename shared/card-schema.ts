import * as z from "zod";
import { reasoningEfforts } from "./chat.ts";
import type { Price, Rates } from "./pricing.ts";
import { abilities, type WorkerCard } from "./workers.ts";

/** The dearest model there has been cost 600; ten times that is a slip of units. */
const maxRate = 10_000;
/** The cheapest rate there has been is 0.0028; what is far below is a price per token. */
const minRate = 0.0005;

/** Dollars per million tokens. */
const rate = z
  .number()
  .min(0)
  .max(maxRate)
  .refine((dollars) => dollars === 0 || dollars >= minRate, {
    error: ({ input }) => `${String(input)} is far too little for a million tokens: is it the price of one?`,
  });
const rates = { input: rate, output: rate, cachedInput: rate.exactOptional(), cacheWrite: rate.exactOptional() };
const tokens = z.int().min(1);

const cachedIsCheaper = { path: ["cachedInput"], error: "is more than the input rate" };
const isCheaper = ({ input, cachedInput = input }: Rates) => cachedInput <= input;

const tier = z.strictObject({ aboveInputTokens: tokens, ...rates }).refine(isCheaper, cachedIsCheaper);

/** Every rate in effect, in one order. */
const inEffect = ({ input, output, cachedInput = input, cacheWrite = input }: Rates) => [
  input,
  output,
  cachedInput,
  cacheWrite,
];

const rises = (lower: Rates, upper: Rates): boolean =>
  inEffect(upper).every((value, index) => value >= (inEffect(lower)[index] ?? 0));

const tiersRise = ({ tiers = [], ...base }: Price): boolean =>
  tiers.every((upper, index) => rises(tiers[index - 1] ?? base, upper));

const boundsRise = ({ tiers = [] }: Price): boolean =>
  tiers.every(({ aboveInputTokens }, index) => aboveInputTokens > (tiers[index - 1]?.aboveInputTokens ?? 0));

/**
 * A price as pricing needs it: no field that it would not use, no rate that is negative or in other units, cached input
 * no dearer than input, and tiers in ascending order that are never cheaper than what is below them, so that a call
 * with more tokens never costs less.
 */
export const priceSchema = z
  .strictObject({ ...rates, tiers: z.array(tier).readonly().exactOptional() })
  .refine(isCheaper, cachedIsCheaper)
  .refine(boundsRise, { path: ["tiers"], error: "are not in ascending order of their bounds" })
  .refine(tiersRise, { path: ["tiers"], error: "are cheaper than what is below them" });

const isSorted = (days: readonly string[]): boolean =>
  days.every((day, index) => index === 0 || day > (days[index - 1] ?? ""));

const priceChanges = z
  .array(z.strictObject({ from: z.iso.date(), price: priceSchema }))
  .readonly()
  .refine((changes) => isSorted(changes.map(({ from }) => from)), "are not in ascending order of their days");

const distinct = (list: readonly string[]): boolean => new Set(list).size === list.length;

/** A worker's card, as it is committed and as an operator's host configures it. Unknown fields are refused. */
export const cardSchema = z
  .strictObject({
    // It stands in headers, where a comma or a semicolon would say something else.
    id: z.string().regex(/^[a-z0-9-]+\/[\w.:/@+~-]+$/, "is not <provider>/<model> of letters, digits and -_.:/@+~"),
    provider: z.string().min(1),
    upstream: z.string().min(1),
    resold: z.record(z.string(), z.string().min(1)),
    profile: z.string().min(1).nullable(),
    strengths: z.enum(["measured", "prior", "none"]),
    contextTokens: tokens,
    maxOutputTokens: tokens,
    imageTokens: tokens.exactOptional(),
    efforts: z.array(z.enum(reasoningEfforts)).readonly().refine(distinct, "name one twice"),
    abilities: z.array(z.enum(abilities)).readonly().refine(distinct, "name one twice"),
    samplesOnlyWithoutReasoning: z.boolean().exactOptional(),
    price: priceSchema.nullable(),
    priceChanges: priceChanges.exactOptional(),
    source: z.strictObject({
      url: z.string().min(1),
      date: z.string().min(1),
      note: z.string().min(1).exactOptional(),
    }),
  })
  .refine(({ contextTokens, maxOutputTokens }) => maxOutputTokens <= contextTokens, {
    path: ["maxOutputTokens"],
    error: "is more than the context",
  }) satisfies z.ZodType<WorkerCard>;
