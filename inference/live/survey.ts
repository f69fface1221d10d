import type { Preview, Shoal } from "../record/ask.ts";
import { textOfPrompt, type Prompt } from "../record/prompts.ts";
import { sum } from "../record/report.ts";
import type { Tier } from "./contenders.ts";

/** So many tasks tell which worker is held best, and so many what tiers cost; they are drawn evenly over domains. */
const mostRanked = 32;
/** Fewer: a dry run of Ultra may write a workflow. */
const mostPriced = 8;

/** What dry runs foresee. */
export type Survey = {
  /** Dry runs of each tier. */
  readonly priced: number;
  /** Dollars of a request, the mean. */
  readonly costs: ReadonlyMap<Tier["id"], { readonly expected: number; readonly bound: number }>;
  /** Best first. Mean expected quality, 0 to 1. */
  readonly workers: readonly { readonly worker: string; readonly quality: number }[];
  /** Version of the conductor's weights, or the edge's where there is no conductor. */
  readonly weights: string;
};

export type SurveyInput = {
  readonly prompts: readonly Prompt[];
  readonly tiers: readonly Tier[];
  readonly maxTokens: number;
};

/** Asks no worker. Throws what the first dry run that fails says, and for a key that its baseline serves. */
export const survey = async (
  { prompts, tiers, maxTokens }: SurveyInput,
  shoal: Pick<Shoal, "preview">,
  signal: AbortSignal,
): Promise<Survey> => {
  const see = async (tier: Tier, prompt: Prompt): Promise<Preview> => {
    const preview = await shoal.preview(questionOf(tier, prompt, maxTokens), signal);
    if (!preview.ok) throw new Error(`${tier.id}: ${preview.error.status ?? ""} ${preview.error.message}`);
    const { mode } = preview.value;
    if (mode !== "on") throw new Error(`the key's mode is ${mode}: its baseline serves in the tiers' place`);
    return preview.value;
  };
  const seeAll = async (tier: Tier, some: readonly Prompt[]): Promise<readonly Preview[]> => {
    const previews: Preview[] = [];
    for (const prompt of some) previews.push(await see(tier, prompt));
    return previews;
  };

  const priced = prompts.slice(0, mostPriced);
  const costs = new Map<string, { readonly expected: number; readonly bound: number }>();
  for (const tier of tiers) {
    const previews = await seeAll(tier, priced);
    costs.set(tier.id, {
      expected: mean(previews.map(({ expected }) => expected)),
      bound: mean(previews.map(({ bound }) => bound)),
    });
  }
  // Who is held best depends on no tier, and a single call is planned soonest.
  const [mini] = tiers;
  const ranked = mini === undefined ? [] : await seeAll(mini, prompts.slice(0, mostRanked));
  return { priced: priced.length, costs, workers: rank(ranked), weights: weightsOf(ranked) };
};

export const questionOf = ({ model, preference }: Tier, prompt: Prompt, maxTokens: number) => ({
  worker: model,
  preference,
  system: prompt.system,
  text: textOfPrompt(prompt),
  maxTokens,
});

/** Late now and then, the conductor leaves a decision to the edge. */
const weightsOf = (previews: readonly Preview[]): string =>
  (previews.find(({ source }) => source === "conductor") ?? previews[0])?.weights ?? "";

const rank = (previews: readonly Preview[]): Survey["workers"] =>
  [...new Set(previews.flatMap(({ qualities }) => [...qualities.keys()]))]
    .map((worker) => ({ worker, quality: mean(previews.flatMap(({ qualities }) => qualities.get(worker) ?? [])) }))
    .toSorted((a, b) => b.quality - a.quality || (a.worker < b.worker ? -1 : 1));

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);
