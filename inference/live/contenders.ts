import type { PreferenceName } from "../../shared/preference.ts";

/** What answers the tasks: a tier at a preference, or a worker alone. */
export type Contender =
  | {
      readonly kind: "tier";
      /** In the journal and in what is printed. */
      readonly id: string;
      readonly model: "shoal-mini" | "shoal-ultra";
      readonly preference: PreferenceName;
    }
  | { readonly kind: "worker"; readonly id: string; readonly model: string };

export type Tier = Extract<Contender, { kind: "tier" }>;

export const tiersAt = (preferences: readonly PreferenceName[]): readonly Tier[] =>
  (["shoal-mini", "shoal-ultra"] as const).flatMap((model) =>
    preferences.map((preference): Tier => ({ kind: "tier", id: `${model} ${preference}`, model, preference })),
  );

export const isUltra = (contender: Contender): contender is Tier => contender.model === "shoal-ultra";
