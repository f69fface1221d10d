import type { Rates } from "../objects/records.ts";

/** What is left of a key's rates, told once the key is known, and asked when the headers go out. */
export interface RateNote {
  tell(read: () => Rates | null): void;
  read(): Rates | null;
}

export const createRateNote = (): RateNote => {
  let told: (() => Rates | null) | null = null;
  return {
    tell: (read) => {
      told = read;
    },
    read: () => told?.() ?? null,
  };
};
