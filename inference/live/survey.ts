import type { Preview, Shoal } from "../record/ask.ts";
import { textOfPrompt, type Prompt } from "../record/prompts.ts";
import { sum } from "../record/report.ts";
import type { Tier } from "./contenders.ts";

/** So many tasks tell what tiers cost, and which worker is held best; they are drawn evenly over domains. */
const mostSurveyed = 12;

/** What dry runs foresee. */
export type Survey = {
  readonly tasks: number;
  /** Dollars of a request, the mean. */
  readonly costs: ReadonlyMap<Tier["id"], { readonly expected: number; readonly bound: number }>;
  /** Best first. Mean expected quality, 0 to 1. */
  readonly workers: readonly { readonly worker: string; readonly quality: number }[];
  /** Version of the weights. */
  readonly weights: string;
};

export type SurveyInput = {
  readonly prompts: readonly Prompt[];
  readonly tiers: readonly Tier[];
  readonly maxTokens: number;
};

/** Asks no worker. Throws what the first dry run that fails says. */
export const survey = async (
  { prompts, tiers, maxTokens }: SurveyInput,
  shoal: Pick<Shoal, "preview">,
  signal: AbortSignal,
): Promise<Survey> => {
  const surveyed = prompts.slice(0, mostSurveyed);
  const rows: { readonly tier: Tier; readonly preview: Preview }[] = [];
  for (const prompt of surveyed) {
    for (const tier of tiers) {
      const preview = await shoal.preview(questionOf(tier, prompt, maxTokens), signal);
      if (!preview.ok) throw new Error(`${tier.id}: ${preview.error.status ?? ""} ${preview.error.message}`);
      rows.push({ tier, preview: preview.value });
    }
  }
  const costs = tiers.map((tier) => {
    const own = rows.filter((row) => row.tier === tier).map(({ preview }) => preview);
    const cost = { expected: mean(own.map(({ expected }) => expected)), bound: mean(own.map(({ bound }) => bound)) };
    return [tier.id, cost] as const;
  });
  return {
    tasks: surveyed.length,
    costs: new Map(costs),
    workers: rank(rows.map(({ preview }) => preview)),
    weights: rows[0]?.preview.weights ?? "",
  };
};

export const questionOf = ({ model, preference }: Tier, prompt: Prompt, maxTokens: number) => ({
  worker: model,
  preference,
  system: prompt.system,
  text: textOfPrompt(prompt),
  maxTokens,
});

const rank = (previews: readonly Preview[]): Survey["workers"] =>
  [...new Set(previews.flatMap(({ qualities }) => [...qualities.keys()]))]
    .map((worker) => ({ worker, quality: mean(previews.flatMap(({ qualities }) => qualities.get(worker) ?? [])) }))
    .toSorted((a, b) => b.quality - a.quality || (a.worker < b.worker ? -1 : 1));

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);
