/** What a head reaches on prompts whose problems it had not seen, beside the best single worker. */
import { preferenceTable, type Preference } from "../../../shared/preference.ts";
import type { HeadJson } from "../../../shared/head.ts";
import { lacksSome } from "./contest.ts";
import { fitBallots } from "../fit/fit-ballots.ts";
import { fitPrices } from "../fit/fit-prices.ts";
import { foldCount, type HeldOut } from "../fit/held-out.ts";
import { measure, type Measured } from "./measure.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";
import { extractorOf, play, playSingle, requestOf, type Played } from "./replay.ts";
import { poolsOf } from "../recordings/sets.ts";

/**
 * Rows of one set: the best single worker of each pool and every named preference, with and without the instruction,
 * on the prompts that every worker of the pool was recorded on.
 * A ballot's coefficients are those of the other folds.
 */
export const measureHeldOut = (
  set: string,
  members: readonly Prompt[],
  heldOut: readonly HeldOut[],
  seed: number,
): readonly Measured[] => {
  const balloted = withBallots(heldOut, seed);
  return poolsOf(set).flatMap((pool) => {
    const complete = balloted.filter(({ prompt }) => !lacksSome(prompt, pool));
    const prompts = complete.map(({ prompt }) => prompt);
    const instructed = prompts.some((prompt) => prompt.texts.length > 1);
    const best = bestSingle(members, pool);
    const baseline = prompts.map((prompt) => playSingle(prompt, best));
    const row = (name: string, played: readonly Played[]) =>
      measure(`${set}, ${pool.length} workers, ${name}`, prompts, { played, baseline, seed });
    const prices = fitPrices(members);
    const shoal = (preference: Preference, text: 0 | -1) =>
      complete.map((entry) => playHeldOut(entry, { preference, text, pool, prices }));
    return [
      row(`best single (${best})`, baseline),
      ...Object.values(preferenceTable).flatMap((preference) => [
        row(preference.name, shoal(preference, 0)),
        ...(instructed ? [row(`${preference.name}, without instruction`, shoal(preference, -1))] : []),
      ]),
    ];
  });
};

/** Each prediction with the coefficients that the other folds give. */
export const withBallots = (heldOut: readonly HeldOut[], seed: number): readonly HeldOut[] => {
  const ballots = Array.from({ length: foldCount }, (_, fold) =>
    fitBallots(
      heldOut.filter((entry) => entry.fold !== fold),
      seed,
    ),
  );
  return heldOut.map((entry) => {
    const ballot: HeadJson["ballot"] = ballots[entry.fold] ?? {};
    return { ...entry, predictions: entry.predictions.map((prediction) => ({ ...prediction, ballot })) };
  });
};

type Reading = {
  readonly preference: Preference;
  /** The text with its instruction, or the one without. */
  readonly text: 0 | -1;
  readonly pool: readonly string[];
  readonly prices: ReturnType<typeof fitPrices>;
};

export const playHeldOut = ({ prompt, predictions }: HeldOut, reading: Reading): Played => {
  const { preference, pool, prices } = reading;
  const prediction = predictions.at(reading.text);
  if (!prediction) throw new Error(`${prompt.id}: no held-out prediction`);
  const { lambda, mu } = preference;
  const text = prompt.texts.at(reading.text) ?? "";
  return play(prompt, prediction, requestOf(text, { lambda, mu, pool, prices, extractor: extractorOf(prompt) }), "");
};

const bestSingle = (prompts: readonly Prompt[], pool: readonly string[]): string => {
  const readable = prompts.filter(isReadable);
  const means = pool.map((name) => readable.reduce((sum, prompt) => sum + (prompt.models[name]?.correct ?? 0), 0));
  return pool[means.indexOf(Math.max(...means))] ?? "";
};
