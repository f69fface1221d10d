/** Decisions on prompts that a training has not seen, carried out on the record. */
import type { Preference } from "../../../shared/preference.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { play, requestOf, type Played } from "../replay/replay.ts";
import { predictionOf, type Amounts } from "./expense.ts";
import type { OuterFold } from "./nested.ts";
import type { QualityOf, Training } from "./training.ts";

/** With the instruction where the set has one, or without. */
export type Reading = "whole" | "untold";

/** One prompt as one contestant would have it decided. */
export type Entry = {
  readonly prompt: Prompt;
  readonly playedAt: (preference: Preference, reading: Reading) => Played;
};

export type Contestant = {
  readonly name: string;
  readonly chosen: readonly string[];
  readonly entries: readonly Entry[];
};

/** What a candidate's qualities lead to; costs are expected as task types let. */
export const entriesOf = ({ training, scored }: OuterFold, qualityOf: QualityOf): readonly Entry[] =>
  scored.map((prompt) => {
    const texts = training.field.textsOf.get(prompt) ?? [];
    const decided = texts.map((at) => ({ at, quality: qualityOf(at) }));
    return {
      prompt,
      playedAt: (preference, reading) => {
        const text = decided.at(reading === "whole" ? 0 : -1);
        const expense = training.expenses[text?.at ?? -1];
        if (!text || !expense) throw new Error(`${prompt.id}: no text`);
        return decidedBy(training, text.at, { preference, quality: text.quality, amounts: expense });
      },
    };
  });

export const decidedBy = (
  { field }: Training,
  at: number,
  by: { readonly preference: Preference; readonly quality: Float64Array; readonly amounts: Amounts },
): Played => {
  const text = field.texts[at];
  if (!text) throw new Error(`no text ${at}`);
  const { lambda, mu } = by.preference;
  const request = requestOf(text.text, { lambda, mu, pool: field.pool, prices: field.prices, extractor: null });
  return play(text.prompt, predictionOf(field.pool, by.quality, by.amounts), request, "");
};
